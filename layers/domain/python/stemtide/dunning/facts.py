"""What a decision about a customer's unpaid invoices rests on: what the provider says now, what was done."""

from collections.abc import Iterable
from enum import StrEnum
from hashlib import blake2b

import msgspec

from stemtide.dunning.declines import Decline


class InvoiceStatus(StrEnum):
    """As the provider calls them."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as the provider shows it now. Money in minor units, times in epoch ms.

    `due` is what is still to be paid: after credits, partial payments and refunds. `failed_ms` is when its
    first payment failed, None if none has. `declines` counts the charges of it that were declined, `tries`
    all attempts that are known (the provider's own count leaves out those that were asked for), `next_try_ms`
    is when the provider tries again by itself.
    `contested` says that it was refunded or disputed: nobody is asked for such money. `over` says that its
    subscription has ended, `paused_until_ms` that its collection is paused until then (0: for good), `left`
    that this episode has left it as it is.
    """

    id: str
    status: InvoiceStatus
    due: int
    currency: str
    created_ms: int
    failed_ms: int | None = None
    tries: int = 0
    declines: int = 0
    next_try_ms: int | None = None
    subscription: str | None = None
    contested: bool = False
    over: bool = False
    paused_until_ms: int | None = None
    left: bool = False

    @property
    def is_owed(self) -> bool:
        """Whether it is to be paid."""
        return self.status is InvoiceStatus.OPEN and self.due > 0 and not self.contested

    @property
    def is_unpaid(self) -> bool:
        """Whether it is to be collected, now or later."""
        return self.is_owed and not self.over and not self.left and self.paused_until_ms != 0

    def order(self) -> tuple[bool, int, int, str]:
        """What unpaid invoices are sorted by: the one that failed first comes first, those that must wait
        come last."""
        failed_ms = self.created_ms if self.failed_ms is None else self.failed_ms
        return self.paused_until_ms is not None, failed_ms, self.created_ms, self.id


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's card: `fingerprint` names the card itself, whatever payment method it is stored under."""

    method: str
    fingerprint: str
    expired: bool = False


class Outcome(StrEnum):
    """What became of a try to collect."""

    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One of our tries: which invoice and card, when, under which idempotency key, and how it ended.

    `claimed`: its outcome is not known yet. `failed`: the provider refused the request itself, no card was
    asked. `withdrawn`: it was taken back before the provider was asked, which makes it no try.
    """

    key: str
    invoice: str
    card: str
    at_ms: int
    outcome: Outcome
    decline: Decline | None = None
    code: str | None = None
    advice: str | None = None


class Mailed(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that needs no sending any more: about which invoice, which step of the policy, and when it was
    sent or found to be never sent (epoch ms)."""

    invoice: str
    step: str
    at_ms: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All of a customer, read just now.

    `card` is the one that would be charged. Of the invoice that is collected: `decline`, `decline_code`,
    `advice` and `declined_ms` tell of its last decline, by whomever it was tried, `asked_cards` names the
    cards that declined it. `refused_cards` are those that are never to be tried again, by what was said of
    them last. `attempts` are ours of this episode, oldest first, `card_tries_ms` all known tries of the card
    lately. `given_up` says that this episode has ended a subscription, `held` why the customer is let alone.
    """

    account: str
    customer: str
    started_ms: int
    invoices: tuple[Invoice, ...] = ()
    given_up: bool = False
    held: str | None = None
    card: Card | None = None
    asked_cards: tuple[str, ...] = ()
    refused_cards: tuple[str, ...] = ()
    decline: Decline | None = None
    decline_code: str | None = None
    advice: str | None = None
    declined_ms: int | None = None
    attempts: tuple[Attempt, ...] = ()
    card_tries_ms: tuple[int, ...] = ()
    mailed: tuple[Mailed, ...] = ()

    @property
    def unpaid(self) -> tuple[Invoice, ...]:
        """What is to be collected, the earliest first: the first is what the episode is anchored on."""
        return unpaid_of(self.invoices)

    def seen(self) -> str:
        """A digest of what the provider and people say: it is another when something has happened there,
        whatever was done or written here."""
        invoices = tuple(msgspec.structs.replace(one, left=False) for one in self.invoices)
        theirs = msgspec.structs.replace(self, invoices=invoices, attempts=(), mailed=(), given_up=False)
        return blake2b(msgspec.json.encode(theirs), digest_size=8).hexdigest()


def unpaid_of(invoices: Iterable[Invoice]) -> tuple[Invoice, ...]:
    """Those that are to be collected, in their order."""
    return tuple(sorted((one for one in invoices if one.is_unpaid), key=Invoice.order))
