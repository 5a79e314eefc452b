"""Works off an event: reads what it is about, moves the rows forward, tells the account's facts.

Every step may be the last before a crash. The event stays pending until all is done, and doing it again
changes nothing that was done: rows only move forward, facts wait in the book until they are told, and the
same fact is never told twice.
"""

from dataclasses import dataclass

import msgspec

from stemtide.billing.book import ends_of, lines_of
from stemtide.billing.events import Claim, State
from stemtide.billing.objects import Customer, Kind, MalformedError, Subscription
from stemtide.billing.ports import BillingPorts, Stored, StoredBook
from stemtide.billing.provider import ProviderRefusedError
from stemtide.billing.refreshing import MOST_TRIES, ContendedError, Refreshing, refresh_customer
from stemtide.billing.telling import News, tell
from stemtide.ports import UNREADABLE, ConflictError, UnavailableError

REFUSED_ALL = (401, 403)
"""Answers that are about our key, not about the object: a person must act, the events wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What became of an event: `state` None: it is done, else where it waits, and why."""

    state: State | None = None
    reason: str | None = None
    account: str | None = None


DONE = Worked()


def work_off(claim: Claim, ports: BillingPorts) -> Worked:
    """Do all that follows from an event.

    Raises:
        UnavailableError: something did not answer; the same again does no harm.
    """
    try:
        return _work_off(claim, ports)
    except ProviderRefusedError as error:
        if error.status in REFUSED_ALL:
            raise UnavailableError(f"the provider refuses our key ({error.status})") from error
        return Worked(state=State.FAILED, reason=f"refused: {error.code or error.status}")
    except MalformedError as error:
        return Worked(state=State.FAILED, reason=str(error)[:500])
    except UNREADABLE as error:
        return Worked(state=State.FAILED, reason=f"{type(error).__name__}: {error}"[:500])


def _work_off(claim: Claim, ports: BillingPorts) -> Worked:
    customer = claim.customer
    paid = ports.objects.invoice_of(claim.object_id) if claim.kind is Kind.CHARGE else None
    if paid is not None:
        customer = paid[0]
    if customer is None:
        return _nameless(claim)
    row, whole = _customer(claim, customer, ports)
    if row.account is None:
        deleted = isinstance(row.known, Customer) and row.known.deleted
        return DONE if deleted else Worked(state=State.UNMAPPED, reason=f"{customer} is no account's")
    assert isinstance(row.known, Customer)
    refreshing = Refreshing(ports=ports, customer=row.known, account=row.account)
    if whole:
        refreshing.everything()
    match claim.kind:
        case Kind.SUBSCRIPTION:
            refreshing.subscription(claim.object_id)
        case Kind.INVOICE:
            refreshing.invoice(claim.object_id)
        case Kind.CHARGE:
            refreshing.charge(claim.object_id)
    if whole or claim.kind is Kind.SUBSCRIPTION:
        for account in (*row.former, row.account):
            tell_account(account, customer, ports, at_ms=claim.created_ms)
    return Worked(account=row.account)


def _nameless(claim: Claim) -> Worked:
    """A dispute names only its payment, whose invoice may come later; all else names its customer."""
    if claim.kind is Kind.CHARGE:
        return Worked(state=State.UNMAPPED, reason=f"{claim.object_id} pays no invoice that was seen")
    return Worked(state=State.FAILED, reason=f"{claim.type} names no customer")


def _customer(claim: Claim, customer: str, ports: BillingPorts) -> tuple[Stored, bool]:
    """The customer's row, and whether everything of it is to be read: the event is about the customer, or it
    is the account's since an event that did not come to its end."""
    stored = ports.objects.get(customer, Kind.CUSTOMER, customer)
    if stored is None or stored.account is None or claim.kind is Kind.CUSTOMER:
        stored = refresh_customer(ports, customer)
    if stored.account is None:
        return stored, False
    return stored, claim.kind is Kind.CUSTOMER or customer not in ports.books.get(stored.account).book.read


def tell_account(account: str, customer: str, ports: BillingPorts, *, at_ms: int) -> None:
    """Bring the account's book up to the rows of a customer, and tell what is new.

    The book is read before the rows: whoever wins with version n + 1 has seen all that was written before n.

        event A                             event B
        reads book 1, rows
                                            writes a row, reads book 1, rows, writes book 2
        writes book 2 -> refused: again

    Raises:
        UnavailableError: no answer; the same again does no harm.
    """
    for _ in range(MOST_TRIES):
        stored = ports.books.get(account)
        owner = ports.objects.get(customer, Kind.CUSTOMER, customer)
        rows = [row.known for row in ports.objects.all_of(customer, Kind.SUBSCRIPTION)]
        subscriptions = [known for known in rows if isinstance(known, Subscription)]
        is_owner = owner is not None and owner.account == account
        news = News(at_ms=at_ms, known_ms=ports.clock.at(ports.now_ms()), ends=ends_of(subscriptions))
        book = tell(stored.book, customer, lines_of(subscriptions) if is_owner else None, news)
        try:
            if book != stored.book:
                stored = StoredBook(book=book, version=stored.version + 1)
                ports.books.put(account, stored)
        except ConflictError:
            continue
        _pay_owed(account, stored, ports)
        return
    raise ContendedError(f"the book of {account} is written by others")


def _pay_owed(account: str, stored: StoredBook, ports: BillingPorts) -> None:
    """Tell what is owed, then note that it is told; who has changed the book meanwhile tells it again."""
    if not stored.book.owed:
        return
    ports.put_facts(account, stored.book.owed)
    paid = msgspec.structs.replace(stored.book, owed=())
    try:
        ports.books.put(account, StoredBook(book=paid, version=stored.version + 1))
    except ConflictError:
        return
