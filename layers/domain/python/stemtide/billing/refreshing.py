"""Reads the provider's current objects into their rows: forward only, whoever else does the same.

event A                              event B (another invocation)
reads the object: past_due
                                     reads the object: active, writes version 2
writes version 2 -> refused: reads the object again
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from stemtide.billing.forward import Move, Read, move
from stemtide.billing.normalise import cards_of, customer_of, invoice_of, subscription_of
from stemtide.billing.objects import (
    DELETED,
    OPEN,
    Customer,
    Invoice,
    Kind,
    Known,
    MalformedError,
    Subscription,
    kind_of,
)
from stemtide.billing.ports import BillingPorts, Stored
from stemtide.billing.provider import MISSING, Json, ProviderRefusedError
from stemtide.ports import ConflictError, UnavailableError

MOST_TRIES: Final = 8
"""Reads of an object that others write meanwhile; the event comes again after so many."""
Fresh = Callable[[Stored | None], Known | None]
"""Reads an object; is told the row as it stood before, None: there is nothing to keep."""


class ContendedError(UnavailableError):
    """Others wrote the row each time that the object was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshing:
    """Reads and writes the objects of one customer of an account."""

    ports: BillingPorts
    customer: Customer
    account: str

    def subscription(self, object_id: str) -> None:
        """One subscription.

        Raises:
            MalformedError: it cannot be used, or is not there.
            UnavailableError: no answer; the same again does no harm.
        """

        def fresh(_: Stored | None) -> Known:
            found = self.ports.provider.subscription(object_id)
            if found is None:
                raise MalformedError(f"{object_id} is not at the provider")
            return self._subscription(found)

        self._write(Kind.SUBSCRIPTION, object_id, fresh)

    def invoice(self, object_id: str, *, charges: bool = False) -> None:
        """One invoice; `charges`: what became of its charges is asked, too.

        Raises:
            MalformedError: it cannot be used.
            UnavailableError: no answer; the same again does no harm.
        """

        def fresh(stored: Stored | None) -> Known | None:
            found = self.ports.provider.invoice(object_id)
            before = stored.known if stored is not None else None
            if found is None:
                return (
                    msgspec.structs.replace(before, status=DELETED) if isinstance(before, Invoice) else None
                )
            if charges:
                return invoice_of(found, charges=self.ports.provider.charges(customer=self.customer.id))
            return _with_charges_of(invoice_of(found), before)

        self._write(Kind.INVOICE, object_id, fresh)

    def charge(self, payment: str) -> None:
        """The invoice that a payment (or charge) belongs to, with what became of its charges.

        For a payment that was not seen before the customer's invoices are looked through: it may be of none.

        Raises:
            MalformedError: the invoice cannot be used.
            UnavailableError: no answer; the same again does no harm.
        """
        found = self.ports.objects.invoice_of(payment)
        if found is None:
            for listed in self._listed(lambda: self.ports.provider.invoices(customer=self.customer.id)):
                self.invoice(listed)
                found = self.ports.objects.invoice_of(payment)
                if found is not None:
                    break
        if found is not None:
            self.invoice(found[1], charges=True)

    def everything(self) -> None:
        """All subscriptions, the open invoices, and those that were open when they were seen last.

        Raises:
            MalformedError: one of them cannot be used.
            UnavailableError: no answer; the same again does no harm.
        """
        provider, customer = self.ports.provider, self.customer.id
        for found in self._listed(lambda: provider.subscriptions(customer=customer)):
            self.subscription(found)
        stored = self.ports.objects.all_of(customer, Kind.INVOICE)
        seen = [one.known.id for one in stored if isinstance(one.known, Invoice) and one.known.status == OPEN]
        opened = self._listed(lambda: provider.invoices(customer=customer, status=OPEN))
        for found in dict.fromkeys([*opened, *seen]):
            self.invoice(found)

    def _listed(self, read: Callable[[], Iterable[Json]]) -> list[str]:
        return [str(found["id"]) for found in read()]

    def _subscription(self, found: Json) -> Subscription:
        return subscription_of(
            found,
            names=self.ports.names,
            as_of_ms=self.ports.clock.at(self.ports.now_ms()),
            of_customer=self.customer.discounts,
        )

    def _write(self, kind: Kind, object_id: str, fresh: Fresh) -> None:
        """Read and write until nobody else has come in between."""
        write(self.ports, self.customer.id, kind, object_id, fresh, account=self.account)


def refresh_customer(ports: BillingPorts, customer: str) -> Stored:
    """The customer as it is now, in its row.

    Whose it is: as its metadata says, else the account whose traits name it, else as before.

    Raises:
        MalformedError: it cannot be used.
        UnavailableError: no answer; the same again does no harm.
    """

    def fresh(_: Stored | None) -> Known:
        found = ports.provider.customer(customer)
        if found is None:
            return Customer(id=customer, deleted=True)
        known = customer_of(found, account_key=ports.account_key)
        try:
            cards = list(ports.provider.payment_methods(customer))
        except ProviderRefusedError as error:
            if error.code != MISSING:
                raise
            return Customer(id=customer, deleted=True)  # since it was read
        return msgspec.structs.replace(known, cards=cards_of(found, cards))

    written = write(ports, customer, Kind.CUSTOMER, customer, fresh)
    assert written is not None
    return written


def write(
    ports: BillingPorts,
    customer: str,
    kind: Kind,
    object_id: str,
    fresh: Fresh,
    *,
    account: str | None = None,
) -> Stored | None:
    """The object's row after it was read and, where that is the later truth, written.

    Raises:
        ContendedError: others wrote it again and again.
    """
    for _ in range(MOST_TRIES):
        stored = ports.objects.get(customer, kind, object_id)
        begun_ms = ports.now_ms()
        known = fresh(stored)
        read = Read(begun_ms=begun_ms, ended_ms=ports.now_ms())
        if known is None:
            return stored
        _check(known, kind, object_id, customer)
        stands = Move.WRITE if stored is None else move(stored.known, stored.read_ms, known, read)
        if stands is Move.READ_AGAIN:
            continue
        new = _row(ports, stored, known, read, account)
        if stands is Move.KEEP and stored is not None:
            new = _row(ports, stored, stored.known, read, account)
        try:
            ports.objects.put(new)
        except ConflictError:
            continue
        return new
    raise ContendedError(f"{object_id} is written by others")


def _row(ports: BillingPorts, stored: Stored | None, known: Known, read: Read, account: str | None) -> Stored:
    """The next version of a row."""
    former = stored.former if stored is not None else ()
    if isinstance(known, Customer):
        before = stored.account if stored is not None else None
        account = known.account or ports.account_of(known.id) or before
        if before is not None and before != account:
            former = tuple(dict.fromkeys((*former, before)))
    return Stored(
        known=known,
        version=1 if stored is None else stored.version + 1,
        read_ms=read.ended_ms,
        seen_ms=ports.clock.at(read.ended_ms),
        account=account,
        former=former,
    )


def _check(known: Known, kind: Kind, object_id: str, customer: str) -> None:
    """A row never takes another object in."""
    owner = known.id if isinstance(known, Customer) else known.customer
    if (kind_of(known), known.id, owner) != (kind, object_id, customer):
        raise MalformedError(f"{kind} {object_id} of {customer} was answered with {known.id} of {owner}")


def _with_charges_of(invoice: Invoice, before: Known | None) -> Invoice:
    """What was seen of charges stays until they are asked for again."""
    if not isinstance(before, Invoice):
        return invoice
    return msgspec.structs.replace(invoice, amount_refunded=before.amount_refunded, disputed=before.disputed)
