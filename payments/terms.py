"""What a subscription says: items and prices, card, collection, discounts, trial and end."""

from typing import Final

from payments import discounting, money, periods, pricing
from payments.calendar import DAY_S
from payments.errors import invalid
from payments.params import Params
from payments.shapes import subscriptions
from payments.store import Object
from payments.world import World

PRORATIONS: Final = ("none", "create_prorations", "always_invoice")
COLLECTIONS: Final = ("charge_automatically", "send_invoice")
ITEM_FIELDS: Final = frozenset(
    {
        "id",
        "price",
        "quantity",
        "deleted",
        "discounts",
        "metadata",
        "clear_usage",
        "proration_behavior",
        "payment_behavior",
    }
)


def touched(world: World, customer: Object, params: Params) -> list[Object]:
    """What is there already and may be changed on the way."""
    pending = world.store.of("invoiceitem", "customer", customer["id"])
    rows = [
        row for holder in (params, *(params.rows("items") or [])) for row in holder.rows("discounts") or []
    ]
    codes = [world.store.find("promotion_code", row.text("promotion_code") or "") for row in rows]
    promotions = [code for code in codes if code is not None]
    names = [row.text("coupon") or "" for row in rows]
    names += [promotion["promotion"]["coupon"] for promotion in promotions]
    coupons = [world.store.find("coupon", name) for name in names]
    return [customer, *pending, *promotions, *(coupon for coupon in coupons if coupon is not None)]


def recurring_price(world: World, row: Params) -> Object:
    """The price that an item names, which recurs."""
    price = world.store.need("price", row.needed_text("price"), param=row.name("price"))
    if price["recurring"] is None:
        raise invalid(f"The price {price['id']} is not recurring.", param=row.name("price"))
    return price


def common_currency(prices: list[Object], wanted: str | None) -> str:
    """The currency in which prices are asked: the wanted one, else the first one's own.

    Raises:
        ApiError: one of them is not to be had in it, or recurs otherwise.
    """
    first = prices[0]
    currency = money.checked_currency(wanted or first["currency"])
    for price in prices:
        pricing.unit_amount(price, currency)
    if any(rhythm(price) != rhythm(first) for price in prices):
        raise invalid("All prices of a subscription must recur in the same interval.", param="items")
    return currency


def rhythm(price: Object) -> tuple[str, int]:
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
    set_discounts(world, subscription, item, row)
    others = periods.items_of(world, subscription)
    if others:
        for name in ("current_period_start", "current_period_end"):
            item[name] = others[0][name]
    return world.put(item)


def set_discounts(world: World, subscription: Object, item: Object, row: Params) -> None:
    """An item's own discounts."""
    if row.cleared("discounts"):
        item["discounts"] = []
    elif row.has("discounts"):
        customer = world.store.need("customer", subscription["customer"])
        item["discounts"] = discounting.redeemed(
            world, row.rows("discounts") or [], customer=customer, currency=subscription["currency"]
        )


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


def set_collection(subscription: Object, params: Params) -> None:
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


def set_end(world: World, subscription: Object, params: Params) -> None:
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


def new_trial_end(world: World, params: Params) -> int | None:
    days = params.integer("trial_period_days", least=1)
    if params.text("trial_end") == "now":
        return None
    end = params.integer("trial_end")
    if end is not None and end <= world.now:
        raise invalid("Invalid timestamp: must be in the future", param="trial_end")
    return end if end is not None else None if days is None else world.now + days * DAY_S


def set_details(subscription: Object, params: Params) -> None:
    details = params.part("cancellation_details")
    for name in ("comment", "feedback"):
        if details is not None and name in details.values:
            subscription["cancellation_details"] = {
                **subscription["cancellation_details"],
                name: details.text(name),
            }
