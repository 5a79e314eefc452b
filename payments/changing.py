"""Subscriptions changed by requests: plan and quantity, end, pause, discounts, card, trial."""

from typing import Final

from payments import discounting, periods, terms
from payments.due import ENDED
from payments.errors import invalid, missing
from payments.params import Params
from payments.store import Object
from payments.world import World, all_or_nothing

PAUSES: Final = ("keep_as_draft", "mark_uncollectible", "void")


def update(world: World, subscription: Object, params: Params) -> Object:
    """Change a subscription: plan and quantity, end, pause, discounts, card.

    Raises:
        ApiError: it cannot be; a canceled one takes metadata and cancellation details only.
    """
    _check_open(subscription, params)
    customer = world.store.need("customer", subscription["customer"])
    before = [subscription, *periods.items_of(world, subscription), *terms.touched(world, customer, params)]
    with all_or_nothing(world, before):
        return _update(world, subscription, customer, params)


def _update(world: World, subscription: Object, customer: Object, params: Params) -> Object:
    terms.check_proration(params)
    before = dict(subscription), periods.shown_items(world, subscription)
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
    terms.set_details(subscription, params)
    terms.set_collection(subscription, params)
    terms.set_method(world, subscription, params)
    terms.set_end(world, subscription, params)
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
    old = terms.rhythm(world.store.need("price", periods.items_of(world, subscription)[0]["price"]))
    for row in rows:
        if row.has("id"):
            change_item(world, subscription, _own_item(world, subscription, row), row)
        else:
            terms.add_item(world, subscription, terms.recurring_price(world, row), row)
    items = periods.items_of(world, subscription)
    if not items:
        raise invalid("A subscription must have at least one item.", param="items")
    prices = [world.store.need("price", item["price"]) for item in items]
    terms.common_currency(prices, subscription["currency"])
    return terms.rhythm(prices[0]) != old


def _own_item(world: World, subscription: Object, row: Params) -> Object:
    item = world.store.need("subscription_item", row.needed_text("id"), param=row.name("id"))
    if item["subscription"] != subscription["id"]:
        raise missing("subscription_item", item["id"], param=row.name("id"))
    return item


def change_item(world: World, subscription: Object, item: Object, row: Params) -> None:
    """Another price or quantity, or the item taken away."""
    row.only(terms.ITEM_FIELDS)
    if row.boolean("deleted"):
        world.store.remove(item)
        return
    if row.has("price"):
        price = terms.recurring_price(world, row)
        item["price"] = price["id"]
    quantity = row.integer("quantity", least=0)
    if quantity is not None:
        item["quantity"] = quantity
    if "metadata" in row.values:
        item["metadata"] = row.metadata(item["metadata"])
    terms.set_discounts(world, subscription, item, row)
    world.put(item)


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
    end = terms.new_trial_end(world, params)
    if end is not None:
        subscription.update(status="trialing", trial_end=end, billing_cycle_anchor=end)
        subscription["trial_start"] = subscription["trial_start"] or world.now
        periods.set_period(world, subscription, world.now, end)
    return False


def _say_updated(world: World, subscription: Object, before: tuple[Object, Object]) -> None:
    fields, items = before
    previous: Object = {
        name: value for name, value in fields.items() if name[0] != "_" and subscription[name] != value
    }
    if items != periods.shown_items(world, subscription):
        previous["items"] = items
    if previous:
        world.emit("customer.subscription.updated", subscription, previous)
