"""What Stemtide keeps of the provider's objects: ids, states, amounts in minor units, instants in epoch ms.

No names, addresses or cards: whoever needs those asks the provider at that moment. Of cards a digest is kept,
by which it is noticed that they are others.
"""

from enum import StrEnum
from typing import Final

import msgspec


class MalformedError(ValueError):
    """An object of the provider that lacks what it must have, now and at every further try."""


class Kind(StrEnum):
    """The sorts of objects that are looked at; a charge stands for the invoice that it pays."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    CHARGE = "charge"


RUNNING: Final = frozenset({"trialing", "active", "past_due", "paused"})
"""A subscription in these is one; `unpaid` and `canceled` have ended, `incomplete` never began."""
PAYING: Final = frozenset({"active", "past_due"})
"""What counts into MRR."""
ENDED: Final = frozenset({"canceled", "incomplete_expired"})
"""From these no subscription comes back."""
SETTLED: Final = frozenset({"paid", "void", "deleted"})
"""From these no invoice comes back; `uncollectible` may still be paid."""
OPEN: Final = "open"
UNPAID_CAUSE: Final = "payment_failed"
"""What the provider calls the cause of a subscription that ended because it was not paid."""
NOT_COLLECTED: Final = "not_collected"
"""The comment with which dunning ends a subscription: the provider calls that asked for."""
DELETED: Final = "deleted"
"""A draft that was deleted: the provider knows nothing of it any more."""


class Discount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is taken off each period. `percent` as decimal text, `amount` as the provider tells it, of
    `currency`, `others` the amounts in other currencies; `until_ms` None: for ever; `products` None: of
    everything. Of an `unread` one nothing is known."""

    percent: str | None = None
    amount: int | None = None
    currency: str | None = None
    others: dict[str, int] = {}
    until_ms: int | None = None
    products: tuple[str, ...] | None = None
    unread: bool = False

    def amount_in(self, currency: str) -> int | None:
        """What is taken off in a currency (in capitals); None: nothing, or a share."""
        return self.amount if self.currency == currency else self.others.get(currency)


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One price of a subscription. `plan` is its name, `rank` that of the configured plan, None for others.

    `mrr` is None where the price cannot be told; `units` is what the quantity counts.
    """

    id: str
    price: str
    product: str
    plan: str
    rank: int | None = None
    quantity: int | None = None
    units: str | None = None
    unit_amount: str | None = None
    interval: str
    interval_count: int = 1
    metered: bool = False
    mrr: int | None = None


class Subscription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A subscription as it was read; `mrr` is the sum of its items, None if one of them is not known.

    `period_start_ms` is the latest of its items', `period_end_ms` the earliest; `cause` and `feedback` are
    why it was canceled, in the provider's words and in the customer's; `method` is the payment method of its
    own.
    """

    id: str
    customer: str
    status: str
    currency: str
    items: tuple[Item, ...]
    mrr: int | None = None
    start_ms: int
    period_start_ms: int | None = None
    period_end_ms: int | None = None
    cancel_at_ms: int | None = None
    cancel_at_period_end: bool = False
    canceled_ms: int | None = None
    ended_ms: int | None = None
    cause: str | None = None
    feedback: str | None = None
    collection: str = "charge_automatically"
    paused: bool = False
    method: str | None = None

    @property
    def running(self) -> bool:
        """Whether the customer has it."""
        return self.status in RUNNING

    @property
    def over(self) -> bool:
        """Whether it never changes again."""
        return self.status in ENDED


class Invoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An invoice as it was read. `payments` are the payment intents that paid or try to pay it.

    `amount_refunded` and `disputed` are of its charges, as they were last asked for.
    """

    id: str
    customer: str
    subscription: str | None = None
    status: str
    currency: str
    amount_due: int
    amount_paid: int
    amount_remaining: int
    attempt_count: int = 0
    next_attempt_ms: int | None = None
    due_ms: int | None = None
    created_ms: int
    settled_ms: int | None = None
    billing_reason: str | None = None
    collection: str = "charge_automatically"
    payments: tuple[str, ...] = ()
    amount_refunded: int = 0
    disputed: bool = False

    @property
    def over(self) -> bool:
        """Whether its status never changes again."""
        return self.status in SETTLED


class Customer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A customer as it was read: whose it says it is (`account`, from its metadata), and its discount, which
    holds for subscriptions that have none of their own. `cards` is a digest of its cards and of which is the
    usual one, None: they were not asked for."""

    id: str
    account: str | None = None
    currency: str | None = None
    discounts: tuple[Discount, ...] = ()
    cards: str | None = None
    deleted: bool = False

    @property
    def over(self) -> bool:
        """Whether it never changes again."""
        return self.deleted


Known = Customer | Subscription | Invoice


def kind_of(known: Known) -> Kind:
    """The sort of an object."""
    return Kind(type(known).__name__.lower())
