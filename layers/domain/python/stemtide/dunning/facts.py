"""What a decision about a customer's unpaid invoices rests on: what the provider says now, what was done."""

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
    first payment failed, None if none has. `charges` counts the charges that were made for it, `tries` all
    attempts that are known (the provider's own count leaves out those that were asked for), `next_try_ms` is
    when the provider tries again by itself.
    `contested` says that it was refunded or disputed: nobody is asked for such money.
    """

    id: str
    status: InvoiceStatus
    due: int
    currency: str
    created_ms: int
    failed_ms: int | None = None
    tries: int = 0
    charges: int = 0
    next_try_ms: int | None = None
    subscription: str | None = None
    contested: bool = False

    @property
    def is_unpaid(self) -> bool:
        """Whether it is to be collected."""
        return self.status is InvoiceStatus.OPEN and self.due > 0 and not self.contested

    def order(self) -> tuple[int, int, str]:
        """What unpaid invoices are sorted by: the one that failed first comes first."""
        return self.created_ms if self.failed_ms is None else self.failed_ms, self.created_ms, self.id


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

    `card` is the one that would be charged; `declined_card`, `decline`, `decline_code`, `advice` and
    `declined_ms` tell of the last decline, by whomever it was tried. `attempts` are ours of this episode,
    oldest first, `card_tries_ms` all known tries of that card lately. `subscription_over` says that it has
    ended at the provider, `given_up` that this episode has ended it, `paused_until_ms` that nothing is
    collected until then (0: for good), `held` why the customer is let alone.
    """

    account: str
    customer: str
    started_ms: int
    invoices: tuple[Invoice, ...] = ()
    subscription_over: bool = False
    given_up: bool = False
    paused_until_ms: int | None = None
    held: str | None = None
    card: Card | None = None
    declined_card: str | None = None
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
        return tuple(sorted((one for one in self.invoices if one.is_unpaid), key=Invoice.order))

    def seen(self) -> str:
        """A digest of what the provider and people say: it is another when something has happened there,
        whatever was done or written here."""
        theirs = msgspec.structs.replace(self, attempts=(), mailed=(), given_up=False)
        return blake2b(msgspec.json.encode(theirs), digest_size=8).hexdigest()
