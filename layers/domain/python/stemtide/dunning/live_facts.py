"""Reads the facts of a decision: what the provider shows now, and whether the customer is let alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from stemtide.billing.provider import MISSING, Json, ProviderRefusedError
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts
from stemtide.dunning.ledger import Entry
from stemtide.dunning.reading import Seen, facts_of, subscription_of
from stemtide.ports import UnavailableError


class Reads(Protocol):
    """The reads of `billing.provider.PaymentProvider` that a decision needs."""

    def customer(self, customer_id: str, /) -> Json | None: ...

    def subscription(self, subscription_id: str, /) -> Json | None: ...

    def invoice(self, invoice_id: str, /) -> Json | None: ...

    def invoices(self, *, customer: str | None = None, status: str | None = None) -> Iterator[Json]: ...

    def charges(self, *, customer: str) -> Iterator[Json]: ...

    def payment_methods(self, customer_id: str, /) -> Iterator[Json]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFacts:
    """`dunning.ports.ReadFacts`; `held` answers why an account is let alone, `now_ms` reads the model
    clock."""

    provider: Reads
    held: Callable[[str], str | None]
    now_ms: Callable[[], int]

    def __call__(self, episode: Episode, entries: Sequence[Entry], /) -> Facts:
        """All that a decision rests on.

        Raises:
            UnavailableError: the provider or a table does not answer, or the customer was deleted just now.
        """
        try:
            return self._read(episode, entries)
        except ProviderRefusedError as error:
            if error.code != MISSING:
                raise
            raise UnavailableError(f"{episode.customer} has changed while it was read") from error

    def _read(self, episode: Episode, entries: Sequence[Entry]) -> Facts:
        customer = self.provider.customer(episode.customer)
        held = self.held(episode.account)
        gone = customer is None or bool(customer.get("deleted"))
        if gone:
            held = held or "customer_deleted"
        invoices = self._invoices(episode, entries, gone=gone)
        seen = Seen(
            customer=customer or {},
            invoices=invoices,
            subscriptions=self._subscriptions(invoices),
            charges=[] if gone else list(self.provider.charges(customer=episode.customer)),
            cards=[] if gone else list(self.provider.payment_methods(episode.customer)),
        )
        return facts_of(episode, entries, seen, held=held, now_ms=self.now_ms())

    def _invoices(self, episode: Episode, entries: Sequence[Entry], *, gone: bool) -> list[Json]:
        """The customer's open invoices, and those that the episode was ever about; of a customer who is gone
        the provider lists nothing."""
        listed = () if gone else self.provider.invoices(customer=episode.customer, status="open")
        found = {one["id"]: one for one in listed}
        about = {episode.anchor, *(entry.invoice for entry in entries if entry.invoice)}
        for invoice_id in sorted(about - found.keys()):
            invoice = self.provider.invoice(invoice_id)
            if invoice is not None and not invoice.get("deleted"):
                found[invoice_id] = invoice
        return list(found.values())

    def _subscriptions(self, invoices: Sequence[Json]) -> dict[str, Json]:
        ids = {found for one in invoices if one["status"] == "open" and (found := subscription_of(one))}
        read = {one: self.provider.subscription(one) for one in sorted(ids)}
        return {name: found for name, found in read.items() if found is not None}
