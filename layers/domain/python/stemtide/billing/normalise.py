"""From the provider's objects, as its API returns them, to what Stemtide keeps of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from hashlib import blake2b
from typing import Any, Final

import msgspec

from stemtide.billing.amounts import minor_units, scale
from stemtide.billing.monthly import (
    PERIODS_A_MONTH,
    a_month,
    after_discounts,
    price_in,
    price_of,
    rounded,
)
from stemtide.billing.objects import (
    NOT_COLLECTED,
    PAYING,
    UNPAID_CAUSE,
    Customer,
    Discount,
    Invoice,
    Item,
    MalformedError,
    Subscription,
)
from stemtide.billing.plan_names import PlanNames
from stemtide.billing.provider import Json
from stemtide.billing.reading import each, instant, needed_reference, part, reference, text, whole
from stemtide.calls import is_account_id

FORGIVEN: Final = ("void", "mark_uncollectible")
"""With collection paused like this, what is invoiced meanwhile is not asked for; a draft is, later."""
ONCE: Final = "once"
_OF_A_CARD: Final = ("fingerprint", "exp_year", "exp_month")


def customer_of(found: Json, *, account_key: str) -> Customer:
    """A customer; `account_key` names the metadata in which the account stands.

    Raises:
        MalformedError: it lacks what it must have.
    """
    if found.get("deleted"):
        return Customer(id=text(found, "id"), deleted=True)
    account = part(found, "metadata").get(account_key)
    named = isinstance(account, str) and is_account_id(account)
    currency = found.get("currency")
    return Customer(
        id=text(found, "id"),
        account=account if named else None,
        currency=currency.upper() if isinstance(currency, str) else None,
        discounts=_discounts([found["discount"]] if found.get("discount") else ()),
    )


def cards_of(customer: Json, cards: Iterable[Json]) -> str:
    """A digest of a customer's cards and of which is the usual one: another, when one was added, renewed or
    taken away, or the usual one is another."""
    usual = reference(part(customer, "invoice_settings").get("default_payment_method"))
    held = {text(card, "id"): [part(card, "card").get(name) for name in _OF_A_CARD] for card in cards}
    return blake2b(msgspec.json.encode([usual, held], order="deterministic"), digest_size=8).hexdigest()


def subscription_of(
    found: Json, *, names: PlanNames, as_of_ms: int, of_customer: Sequence[Discount] = ()
) -> Subscription:
    """A subscription with what it is worth a month as of an instant.

    Args:
        of_customer: the customer's own discounts, which hold where the subscription has none.

    Raises:
        MalformedError: it lacks what it must have.
    """
    status, currency = text(found, "status"), text(found, "currency").upper()
    rows = list(each(found, "items"))
    behavior = part(found, "pause_collection").get("behavior")
    pays = status in PAYING and behavior not in FORGIVEN
    own = _discounts(each(found, "discounts"))
    worth = _worth(rows, own or of_customer, currency, as_of_ms) if pays else {}
    items = tuple(_item(row, names, currency, mrr=worth.get(text(row, "id")) if pays else 0) for row in rows)
    starts = [at_ms for row in (*rows, found) if (at_ms := instant(row, "current_period_start")) is not None]
    ends = [at_ms for row in (*rows, found) if (at_ms := instant(row, "current_period_end")) is not None]
    mrrs = [item.mrr for item in items]
    why = part(found, "cancellation_details")
    return Subscription(
        id=text(found, "id"),
        customer=needed_reference(found, "customer"),
        status=status,
        currency=currency,
        items=items,
        mrr=None if None in mrrs else sum(mrr for mrr in mrrs if mrr is not None),
        start_ms=instant(found, "start_date") or whole(found, "created") * 1000,
        period_start_ms=max(starts, default=None),
        period_end_ms=min(ends, default=None),
        cancel_at_ms=instant(found, "cancel_at"),
        cancel_at_period_end=bool(found.get("cancel_at_period_end")),
        canceled_ms=instant(found, "canceled_at"),
        ended_ms=instant(found, "ended_at"),
        cause=UNPAID_CAUSE if why.get("comment") == NOT_COLLECTED else why.get("reason"),
        feedback=why.get("feedback"),
        collection=found.get("collection_method") or "charge_automatically",
        paused=behavior is not None,
        method=reference(found.get("default_payment_method")),
    )


def invoice_of(found: Json, *, charges: Iterable[Json] = ()) -> Invoice:
    """An invoice with what became of its charges.

    Args:
        charges: the customer's charges; those of other invoices are left out.

    Raises:
        MalformedError: it lacks what it must have.
    """
    payments = tuple(dict.fromkeys(_intents(found)))
    own = [charge for charge in charges if _pays(charge, text(found, "id"), payments)]
    settled = part(found, "status_transitions")
    currency = text(found, "currency").upper()
    due, paid, remaining = (
        minor_units(whole(found, name), currency)
        for name in ("amount_due", "amount_paid", "amount_remaining")
    )
    refunded = sum(whole(charge, "amount_refunded", 0) for charge in own)
    return Invoice(
        id=text(found, "id"),
        customer=needed_reference(found, "customer"),
        subscription=reference(part(found, "parent", "subscription_details").get("subscription"))
        or reference(found.get("subscription")),
        status=text(found, "status"),
        currency=currency,
        amount_due=due,
        amount_paid=paid,
        amount_remaining=remaining,
        attempt_count=whole(found, "attempt_count", 0),
        next_attempt_ms=instant(found, "next_payment_attempt"),
        due_ms=instant(found, "due_date"),
        created_ms=whole(found, "created") * 1000,
        settled_ms=next(
            (at_ms for name in ("paid_at", "voided_at", "marked_uncollectible_at")
             if (at_ms := instant(settled, name)) is not None),
            None,
        ),
        billing_reason=found.get("billing_reason"),
        collection=found.get("collection_method") or "charge_automatically",
        payments=payments,
        amount_refunded=minor_units(refunded, currency),
        disputed=any(bool(charge.get("disputed")) for charge in own),
    )  # fmt: skip


def _worth(
    rows: Sequence[Json], discounts: Sequence[Discount], currency: str, as_of_ms: int
) -> dict[str, int | None]:
    """What each item is worth a month, None where its price does not say."""
    amounts: dict[str, Fraction] = {}
    worth: dict[str, int | None] = {}
    for row in rows:
        name = text(row, "id")
        asked = _asked(row, currency)
        if asked is None:
            worth[name] = None
            continue
        of_item = _discounts(each(row, "discounts"))
        amounts |= after_discounts(
            {name: asked}, of_item, products=_products([row]), currency=currency, as_of_ms=as_of_ms
        )
    left = after_discounts(amounts, discounts, products=_products(rows), currency=currency, as_of_ms=as_of_ms)
    for row in rows:
        name = text(row, "id")
        if name in left:
            interval, count = _interval(part(row, "price"))
            worth[name] = rounded(a_month(left[name] * scale(currency), interval, count))
    return worth


def _asked(row: Json, currency: str) -> Fraction | None:
    """What an item asks for each period before discounts; None where its price does not say."""
    if _metered(part(row, "price")):
        return Fraction(0)
    price = price_in(part(row, "price"), currency)
    return None if price is None else price_of(price, whole(row, "quantity", 1))


def _products(rows: Iterable[Json]) -> dict[str, str]:
    return {text(row, "id"): needed_reference(part(row, "price"), "product") for row in rows}


def _item(row: Json, names: PlanNames, currency: str, *, mrr: int | None) -> Item:
    price = part(row, "price")
    named = names.of_price(price)
    interval, count = _interval(price)
    asked = price_in(price, currency) or {}
    amount = asked.get("unit_amount_decimal")
    amount = asked.get("unit_amount") if amount is None else amount
    return Item(
        id=text(row, "id"),
        price=text(price, "id"),
        product=needed_reference(price, "product"),
        plan=named.name,
        rank=named.rank,
        quantity=None if row.get("quantity") is None else whole(row, "quantity"),
        units=named.units,
        unit_amount=None if amount is None else str(amount),
        interval=interval,
        interval_count=count,
        metered=_metered(price),
        mrr=mrr,
    )


def _interval(price: Json) -> tuple[str, int]:
    recurring = part(price, "recurring")
    interval, count = recurring.get("interval"), recurring.get("interval_count", 1)
    if interval not in PERIODS_A_MONTH or type(count) is not int or count < 1:
        raise MalformedError(f"price {price.get('id', '?')} has no interval")
    return str(interval), count


def _metered(price: Json) -> bool:
    return part(price, "recurring").get("usage_type") == "metered"


def _discounts(found: Iterable[Any]) -> tuple[Discount, ...]:
    """The discounts that recur, and those that were named but not read with their coupons."""
    return tuple(one for one in map(_discount_in, found) if one is not None)


def _discount_in(found: Any) -> Discount | None:
    coupon = part(found, "source").get("coupon") or part(found).get("coupon")
    if not isinstance(coupon, Mapping):
        return Discount(unread=True)
    return None if coupon.get("duration") == ONCE else _discount(found, coupon)


def _discount(one: Json, coupon: Json) -> Discount:
    percent, amount, currency = (coupon.get(name) for name in ("percent_off", "amount_off", "currency"))
    only = [reference(product) or "" for product in each(part(coupon, "applies_to"), "products")]
    options = part(coupon, "currency_options")
    return Discount(
        percent=None if percent is None else str(percent),
        amount=None if amount is None else whole(coupon, "amount_off"),
        currency=currency.upper() if isinstance(currency, str) else None,
        others={name.upper(): whole(part(options, name), "amount_off") for name in options},
        until_ms=instant(one, "end"),
        products=tuple(only) or None,
    )


def _intents(found: Json) -> Iterator[str]:
    for payment in each(found, "payments"):
        paid_by = part(payment, "payment")
        for name in ("payment_intent", "charge"):
            if (named := reference(paid_by.get(name))) is not None:
                yield named


def _pays(charge: Json, invoice: str, payments: Sequence[str]) -> bool:
    if reference(charge.get("invoice")) == invoice:
        return True
    return reference(charge.get("payment_intent")) in payments or charge.get("id") in payments
