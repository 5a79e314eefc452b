"""What a change of a row of the billing table tells on the bus: only what is new, and only of accounts.

A row implies at most one fact: the newest failure of an open invoice, how an invoice was settled, the
beginning of a subscription or its end. A change tells what the new row implies and the old one did not; so a
row whose account becomes known tells it then. Where it implies nothing new, a change of what is charged is
told.
"""

from typing import Any, Final

import msgspec

from stemtide.as_of import as_of_text
from stemtide.billing.objects import OPEN, Customer, Invoice, Subscription
from stemtide.billing.ports import Stored
from stemtide.calls import DAY_MS
from stemtide.event_ids import event_id

NEWS_MS: Final = 30 * DAY_MS
"""A subscription that had begun or ended for longer when it was seen first is history: nobody acts on it."""
UNPAID: Final = "uncollectible"


class InvoicePaymentFailed(msgspec.Struct, frozen=True, kw_only=True):
    """The provider tried to collect an invoice and could not; amounts in minor units of `currency`.

    `attempt_count` counts the provider's tries, `next_attempt` is when it tries again by itself.
    """

    id: str
    account: str
    as_of: str
    customer: str
    invoice: str
    subscription: str | None
    currency: str
    amount_due: int
    amount_remaining: int
    attempt_count: int
    next_attempt: str | None
    collection: str


class InvoiceSettled(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is to be collected of an invoice any more: `outcome` is paid, void, uncollectible, refunded or
    disputed."""

    id: str
    account: str
    as_of: str
    customer: str
    invoice: str
    subscription: str | None
    outcome: str
    currency: str
    amount_paid: int
    amount_refunded: int


class SubscriptionStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A customer has a subscription since `as_of`: the first, another, or one again after it had left."""

    id: str
    account: str
    as_of: str
    customer: str
    subscription: str
    plans: tuple[str, ...]


class SubscriptionCanceled(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription has ended; `cause` and `feedback` are the provider's words, null where it has none."""

    id: str
    account: str
    as_of: str
    customer: str
    subscription: str
    plans: tuple[str, ...]
    cause: str | None
    feedback: str | None


class PaymentMethodChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer would be charged with may be another: a card was added, renewed, taken away or made the
    usual one, of the customer or (`subscription`) of one subscription."""

    id: str
    account: str
    as_of: str
    customer: str
    subscription: str | None


BillingEvent = (
    InvoicePaymentFailed | InvoiceSettled | SubscriptionStarted | SubscriptionCanceled | PaymentMethodChanged
)
BILLING_EVENTS: Final = (
    InvoicePaymentFailed,
    InvoiceSettled,
    SubscriptionStarted,
    SubscriptionCanceled,
    PaymentMethodChanged,
)


def billing_event(new: Stored, old: Stored | None) -> BillingEvent | None:
    """The fact that a row tells and did not tell before, None where there is none."""
    told, before = _implied(new), None if old is None else _implied(old)
    if told is not None and (before is None or before.id != told.id):
        return told
    return None if old is None else _method_changed(new, old)


def _implied(row: Stored) -> BillingEvent | None:
    if row.account is None:
        return None
    if isinstance(row.known, Subscription):
        return _of_subscription(row.known, row.account, row.seen_ms)
    return _of_invoice(row.known, row) if isinstance(row.known, Invoice) else None


def _method_changed(new: Stored, old: Stored) -> PaymentMethodChanged | None:
    """What is charged may go back to what it was: so the row's version names the change."""
    known, before = new.known, old.known
    subscription = None
    if isinstance(known, Customer) and isinstance(before, Customer):
        changed = before.cards is not None and known.cards != before.cards
    elif isinstance(known, Subscription) and isinstance(before, Subscription):
        changed, subscription = known.method != before.method, known.id
    else:
        return None
    if not changed or known.over or new.account is None:
        return None
    return PaymentMethodChanged(
        id=event_id("method", new.account, known.id, str(new.version)),
        account=new.account,
        as_of=as_of_text(new.seen_ms),
        customer=known.id if isinstance(known, Customer) else known.customer,
        subscription=subscription,
    )


def _of_subscription(
    one: Subscription, account: str, seen_ms: int
) -> SubscriptionStarted | SubscriptionCanceled | None:
    return _started(one, account, seen_ms) if one.running else _canceled(one, account, seen_ms)


def _started(one: Subscription, account: str, seen_ms: int) -> SubscriptionStarted | None:
    if seen_ms - one.start_ms > NEWS_MS:
        return None
    return SubscriptionStarted(
        id=event_id("started", account, one.id),
        account=account,
        as_of=as_of_text(one.start_ms),
        customer=one.customer,
        subscription=one.id,
        plans=tuple(item.plan for item in one.items),
    )


def _canceled(one: Subscription, account: str, seen_ms: int) -> SubscriptionCanceled | None:
    if one.status != "canceled" or one.ended_ms is None or seen_ms - one.ended_ms > NEWS_MS:
        return None
    return SubscriptionCanceled(
        id=event_id("canceled", account, one.id),
        account=account,
        as_of=as_of_text(one.ended_ms),
        customer=one.customer,
        subscription=one.id,
        plans=tuple(item.plan for item in one.items),
        cause=one.cause,
        feedback=one.feedback,
    )


def _of_invoice(one: Invoice, row: Stored) -> BillingEvent | None:
    assert row.account is not None
    common: dict[str, Any] = {
        "account": row.account,
        "as_of": as_of_text(row.seen_ms),
        "customer": one.customer,
        "invoice": one.id,
        "subscription": one.subscription,
        "currency": one.currency,
    }
    outcome = _outcome(one)
    if outcome is not None:
        return InvoiceSettled(
            id=event_id("settled", row.account, one.id, outcome),
            outcome=outcome,
            amount_paid=one.amount_paid,
            amount_refunded=one.amount_refunded,
            **common,
        )
    if one.status != OPEN or not one.attempt_count or not one.amount_remaining:
        return None
    return InvoicePaymentFailed(
        id=event_id("failed", row.account, one.id, str(one.attempt_count)),
        amount_due=one.amount_due,
        amount_remaining=one.amount_remaining,
        attempt_count=one.attempt_count,
        next_attempt=None if one.next_attempt_ms is None else as_of_text(one.next_attempt_ms),
        collection=one.collection,
        **common,
    )


def _outcome(one: Invoice) -> str | None:
    """How an invoice was settled, None: it was not. A dispute tells more than the payment it is about."""
    if one.disputed:
        return "disputed"
    if one.status == "paid" and one.amount_refunded >= one.amount_paid > 0:
        return "refunded"
    return one.status if one.status in ("paid", "void", UNPAID) else None
