"""Subscriptions made, changed, ended and resumed by requests."""

from typing import Any, Final

from payments import collecting, discounting, invoicing, periods, standing
from payments.calendar import DAY_S
from payments.due import ENDED
from payments.errors import ApiError, invalid, missing
from payments.params import Params
from payments.shapes import subscriptions
from payments.store import Object
from payments.world import World, all_or_nothing

PRORATIONS: Final = ("none", "create_prorations", "always_invoice")
COLLECTIONS: Final = ("charge_automatically", "send_invoice")
BEHAVIORS: Final = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
PAUSES: Final = ("keep_as_draft", "mark_uncollectible", "void")
ITEM_FIELDS: Final = frozenset(
    {
        "id",
        "price",
        "quantity",
        "deleted",
        "metadata",
        "clear_usage",
        "proration_behavior",
        "payment_behavior",
    }
)


def create(world: World, params: Params) -> Object:
    """A new subscription: its first invoice is collected at once, or a trial begins.

    Raises:
        ApiError: it cannot be; with `error_if_incomplete` also when the first payment is declined.
    """
    customer = world.store.need("customer", params.needed_text("customer"), param="customer")
    with all_or_nothing(world, _touched(world, customer, params)):
        return _create(world, customer, params)


def _touched(world: World, customer: Object, params: Params) -> list[Object]:
    """What is there already and may be changed on the way."""
    pending = world.store.of("invoiceitem", "customer", customer["id"])
    codes = [
        world.store.find("promotion_code", row.text("promotion_code") or "")
        for row in params.rows("discounts") or []
    ]
    promotions = [code for code in codes if code is not None]
    names = [row.text("coupon") or "" for row in params.rows("discounts") or []]
    names += [promotion["promotion"]["coupon"] for promotion in promotions]
    coupons = [world.store.find("coupon", name) for name in names]
    return [customer, *pending, *promotions, *(coupon for coupon in coupons if coupon is not None)]


def _create(world: World, customer: Object, params: Params) -> Object:
    rows = params.rows("items")
    if not rows:
        raise params.lacks("items")
    prices = [recurring_price(world, row) for row in rows]
    currency = _common_currency(prices)
    check_proration(params)
    behavior = params.one_of("payment_behavior", BEHAVIORS) or "allow_incomplete"
    discounts = discounting.redeemed(
        world, params.rows("discounts") or [], customer=customer, currency=currency
    )
    subscription = subscriptions.subscription(
        world.new_id("sub"), created=world.now, customer=customer["id"], currency=currency
    )
    subscription["discounts"] = discounts
    subscription["metadata"] = params.metadata()
    subscription["description"] = params.text("description")
    _set_collection(subscription, params)
    set_method(world, subscription, params)
    _set_end(world, subscription, params)
    trial_end = _trial_end(world, params)
    world.store.put(subscription)
    for row, price in zip(rows, prices, strict=True):
        add_item(world, subscription, price, row)
    _begin(world, subscription, trial_end, behavior)
    return subscription


def _begin(world: World, subscription: Object, trial_end: int | None, behavior: str) -> None:
    if trial_end is not None:
        subscription.update(
            status="trialing", trial_start=world.now, trial_end=trial_end, billing_cycle_anchor=trial_end
        )
        periods.set_period(world, subscription, world.now, trial_end)
    else:
        periods.set_period(world, subscription, *periods.current_period(world, subscription))
        if subscription["collection_method"] == "charge_automatically":
            subscription["status"] = "incomplete"
    invoice = periods.bill(
        world, subscription, reason="subscription_create", free=subscription["status"] == "trialing"
    )
    world.emit("customer.subscription.created", subscription)
    if behavior == "default_incomplete":
        invoicing.finalize(world, invoice)
        collecting.settle_if_nothing_is_due(world, invoice)
    else:
        periods.open_and_collect(world, invoice)
    if behavior == "error_if_incomplete" and subscription["status"] == "incomplete":
        raise ApiError(402, "card_error", "Your card was declined.", code="card_declined")


def recurring_price(world: World, row: Params) -> Object:
    """The price that an item names, which recurs."""
    price = world.store.need("price", row.needed_text("price"), param=row.name("price"))
    if price["recurring"] is None:
        raise invalid(f"The price {price['id']} is not recurring.", param=row.name("price"))
    return price


def _common_currency(prices: list[Object]) -> str:
    first = prices[0]
    if any(price["currency"] != first["currency"] for price in prices):
        raise invalid("All prices of a subscription must be in one currency.", param="items")
    if any(_rhythm(price) != _rhythm(first) for price in prices):
        raise invalid("All prices of a subscription must recur in the same interval.", param="items")
    return str(first["currency"])


def _rhythm(price: Object) -> tuple[str, int]:
    return price["recurring"]["interval"], price["recurring"]["interval_count"]


def check_proration(params: Params) -> None:
    """Prorations are not made here: what would bill one at once is refused, the rest goes without."""
    if params.one_of("proration_behavior", PRORATIONS) == "always_invoice":
        raise invalid("Prorations are not made by this stand-in.", param="proration_behavior")


def add_item(world: World, subscription: Object, price: Object, row: Params) -> Object:
    """A new item, in the subscription's current period."""
    row.only(ITEM_FIELDS)
    metered = price["recurring"]["usage_type"] == "metered"
    quantity = row.integer("quantity", least=0)
    if metered and quantity is not None:
        raise invalid("A metered price has no quantity.", param=row.name("quantity"))
    item = subscriptions.item(
        world.new_id("si"),
        created=world.now,
        subscription=subscription["id"],
        price=price["id"],
        quantity=None if metered else 1 if quantity is None else quantity,
    )
    item["metadata"] = row.metadata()
    others = periods.items_of(world, subscription)
    if others:
        for name in ("current_period_start", "current_period_end"):
            item[name] = others[0][name]
    return world.put(item)


def set_method(world: World, subscription: Object, params: Params) -> None:
    if params.cleared("default_payment_method"):
        subscription["default_payment_method"] = None
    method_id = params.text("default_payment_method")
    if method_id is not None:
        method = world.store.need("payment_method", method_id, param="default_payment_method")
        if method["customer"] != subscription["customer"]:
            raise invalid(
                f"The payment method {method_id} is not attached to the customer.",
                param="default_payment_method",
            )
        subscription["default_payment_method"] = method_id


def _set_collection(subscription: Object, params: Params) -> None:
    method = params.one_of("collection_method", COLLECTIONS) or subscription["collection_method"]
    days = params.integer("days_until_due", least=0)
    if method == "send_invoice" and days is None and subscription["days_until_due"] is None:
        raise params.lacks("days_until_due")
    subscription["collection_method"] = method
    subscription["days_until_due"] = (
        (days if days is not None else subscription["days_until_due"]) if (method == "send_invoice") else None
    )
    settings = params.part("trial_settings")
    ending = settings.part("end_behavior") if settings else None
    if ending is not None:
        choice = ending.one_of("missing_payment_method", ("create_invoice", "pause", "cancel"))
        subscription["trial_settings"] = {"end_behavior": {"missing_payment_method": choice}}


def _set_end(world: World, subscription: Object, params: Params) -> None:
    at_end = params.boolean("cancel_at_period_end")
    if at_end is not None and at_end != subscription["cancel_at_period_end"]:
        subscription["cancel_at_period_end"] = at_end
        subscription["canceled_at"] = world.now if at_end else None
        reason = "cancellation_requested" if at_end else None
        subscription["cancellation_details"] = {**subscription["cancellation_details"], "reason": reason}
        subscription["cancel_at"] = subscription.get("_period_end") if at_end else None
    if params.cleared("cancel_at"):
        subscription.update(cancel_at=None, canceled_at=None)
    elif params.has("cancel_at"):
        subscription.update(cancel_at=params.integer("cancel_at"), canceled_at=world.now)


def _trial_end(world: World, params: Params) -> int | None:
    days = params.integer("trial_period_days", least=1)
    if params.text("trial_end") == "now":
        return None
    end = params.integer("trial_end")
    if end is not None and end <= world.now:
        raise invalid("Invalid timestamp: must be in the future", param="trial_end")
    return end if end is not None else None if days is None else world.now + days * DAY_S


def update(world: World, subscription: Object, params: Params) -> Object:
    """Change a subscription: plan and quantity, end, pause, discounts, card.

    Raises:
        ApiError: it cannot be; a canceled one takes metadata and cancellation details only.
    """
    _check_open(subscription, params)
    customer = world.store.need("customer", subscription["customer"])
    touched = [subscription, *periods.items_of(world, subscription), *_touched(world, customer, params)]
    with all_or_nothing(world, touched):
        return _update(world, subscription, customer, params)


def _update(world: World, subscription: Object, customer: Object, params: Params) -> Object:
    check_proration(params)
    before = dict(subscription), [dict(item) for item in periods.items_of(world, subscription)]
    rows = params.rows("items") or []
    turned = _change_items(world, subscription, rows)
    if params.has("discounts"):
        subscription["discounts"] = discounting.redeemed(
            world, params.rows("discounts") or [], customer=customer, currency=subscription["currency"]
        )
    if "metadata" in params.values:
        subscription["metadata"] = params.metadata(subscription["metadata"])
    if "description" in params.values:
        subscription["description"] = params.text("description")
    _set_details(subscription, params)
    _set_collection(subscription, params)
    set_method(world, subscription, params)
    _set_end(world, subscription, params)
    _set_pause(subscription, params)
    trial_over = _set_trial(world, subscription, params)
    world.put(subscription)
    _say_updated(world, subscription, before)
    if params.text("billing_cycle_anchor") == "now" or turned or trial_over:
        periods.renew_now(world, subscription)
    return subscription


def _check_open(subscription: Object, params: Params) -> None:
    if subscription["status"] in ENDED and set(params.values) - {
        "metadata",
        "cancellation_details",
        "expand",
    }:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")


def _change_items(world: World, subscription: Object, rows: list[Params]) -> bool:
    """Apply the rows; whether the interval is another one, so that a new period begins at once."""
    rhythm = _rhythm(world.store.need("price", periods.items_of(world, subscription)[0]["price"]))
    for row in rows:
        if row.has("id"):
            change_item(world, _own_item(world, subscription, row), row)
        else:
            add_item(world, subscription, recurring_price(world, row), row)
    items = periods.items_of(world, subscription)
    if not items:
        raise invalid("A subscription must have at least one item.", param="items")
    prices = [world.store.need("price", item["price"]) for item in items]
    if _common_currency(prices) != subscription["currency"]:
        raise invalid("A subscription's currency cannot be changed.", param="items")
    return _rhythm(prices[0]) != rhythm


def _own_item(world: World, subscription: Object, row: Params) -> Object:
    item = world.store.need("subscription_item", row.needed_text("id"), param=row.name("id"))
    if item["subscription"] != subscription["id"]:
        raise missing("subscription_item", item["id"], param=row.name("id"))
    return item


def change_item(world: World, item: Object, row: Params) -> None:
    """Another price or quantity, or the item taken away."""
    row.only(ITEM_FIELDS)
    if row.boolean("deleted"):
        world.store.remove(item)
        return
    if row.has("price"):
        price = recurring_price(world, row)
        item["price"] = price["id"]
    quantity = row.integer("quantity", least=0)
    if quantity is not None:
        item["quantity"] = quantity
    if "metadata" in row.values:
        item["metadata"] = row.metadata(item["metadata"])
    world.put(item)


def _set_details(subscription: Object, params: Params) -> None:
    details = params.part("cancellation_details")
    for name in ("comment", "feedback"):
        if details is not None and name in details.values:
            subscription["cancellation_details"] = {
                **subscription["cancellation_details"],
                name: details.text(name),
            }


def _set_pause(subscription: Object, params: Params) -> None:
    if params.cleared("pause_collection"):
        subscription["pause_collection"] = None
    pause = params.part("pause_collection")
    if pause is not None:
        behavior = pause.need("behavior", pause.one_of("behavior", PAUSES))
        subscription["pause_collection"] = {"behavior": behavior, "resumes_at": pause.integer("resumes_at")}


def _set_trial(world: World, subscription: Object, params: Params) -> bool:
    """A new end of the trial; whether it is over now, so that the first period begins."""
    if params.text("trial_end") == "now":
        over = bool(subscription["status"] == "trialing")
        if over:
            subscription["trial_end"] = world.now
        return over
    end = _trial_end(world, params)
    if end is not None:
        subscription.update(status="trialing", trial_end=end, billing_cycle_anchor=end)
        subscription["trial_start"] = subscription["trial_start"] or world.now
        periods.set_period(world, subscription, world.now, end)
    return False


def _say_updated(world: World, subscription: Object, before: tuple[Object, list[Object]]) -> None:
    fields, items = before
    previous: Object = {
        name: value for name, value in fields.items() if name[0] != "_" and subscription[name] != value
    }
    if items != periods.items_of(world, subscription):
        previous["items"] = {"object": "list", "data": [_shown_item(world, item) for item in items]}
    if previous:
        world.emit("customer.subscription.updated", subscription, previous)


def _shown_item(world: World, item: Object) -> Object:
    return {**item, "price": world.store.need("price", item["price"])}


def cancel(world: World, subscription: Object, params: Params) -> Object:
    """End a subscription now.

    Raises:
        ApiError: it has ended before.
    """
    if subscription["status"] in ENDED:
        raise missing("subscription", subscription["id"])
    _set_details(subscription, params)
    standing.end_subscription(world, subscription, reason="cancellation_requested")
    return subscription


def resume(world: World, subscription: Object, params: Params) -> Object:
    """Begin anew after a pause: a period begins now and is billed.

    Raises:
        ApiError: it is not paused.
    """
    anchor: Any = params.one_of("billing_cycle_anchor", ("now", "unchanged"))
    if subscription["status"] != "paused":
        raise invalid("Only a paused subscription can be resumed.")
    subscription.update(status="active", billing_cycle_anchor=world.now)
    world.put(subscription)
    world.emit("customer.subscription.resumed", subscription, {"status": "paused", "anchor": anchor})
    periods.renew_now(world, subscription)
    return subscription
