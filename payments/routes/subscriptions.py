"""Subscriptions and their items."""

from typing import Final

from payments import changing, periods, subscribing, terms
from payments.due import ENDED
from payments.errors import invalid
from payments.listing import Listing, newest_first
from payments.params import Params
from payments.routing import route
from payments.store import Object
from payments.world import World

STATUSES: Final = (
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
)
CHANGES: Final = (
    "items default_payment_method cancel_at cancel_at_period_end collection_method days_until_due "
    "description discounts metadata payment_behavior proration_behavior trial_end trial_settings off_session"
)


@route("POST", "/v1/subscriptions", f"customer trial_period_days currency {CHANGES}")
def create(world: World, params: Params, _: list[str]) -> Object:
    return subscribing.create(world, params)


@route("GET", "/v1/subscriptions/{id}")
def retrieve(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("subscription", ids[0])


@route(
    "POST",
    "/v1/subscriptions/{id}",
    f"billing_cycle_anchor cancellation_details pause_collection proration_date {CHANGES}",
)
def update(world: World, params: Params, ids: list[str]) -> Object:
    return changing.update(world, world.store.need("subscription", ids[0]), params)


@route("DELETE", "/v1/subscriptions/{id}", "cancellation_details invoice_now prorate")
def cancel(world: World, params: Params, ids: list[str]) -> Object:
    return subscribing.cancel(world, world.store.need("subscription", ids[0]), params)


@route("POST", "/v1/subscriptions/{id}/resume", "billing_cycle_anchor proration_behavior")
def resume(world: World, params: Params, ids: list[str]) -> Object:
    return subscribing.resume(world, world.store.need("subscription", ids[0]), params)


@route(
    "GET",
    "/v1/subscriptions",
    "customer status price collection_method limit starting_after ending_before created",
)
def list_all(world: World, params: Params, _: list[str]) -> Listing:
    customer, price = params.text("customer"), params.text("price")
    status, collection = params.one_of("status", STATUSES), params.text("collection_method")
    rows = (
        world.store.all("subscription")
        if customer is None
        else world.store.of("subscription", "customer", customer)
    )
    rows = [
        row
        for row in rows
        if _matches(row, status)
        and collection in (None, row["collection_method"])
        and (price is None or any(item["price"] == price for item in periods.items_of(world, row)))
    ]
    return newest_first(rows, "/v1/subscriptions", kind="subscription")


def _matches(subscription: Object, status: str | None) -> bool:
    """Without a status, all that are not canceled (the API's reference)."""
    if status is None:
        return bool(subscription["status"] != "canceled")
    if status == "ended":
        return subscription["status"] in ENDED
    return status in ("all", subscription["status"])


@route(
    "POST",
    "/v1/subscription_items",
    "subscription price quantity metadata discounts proration_behavior payment_behavior",
)
def create_item(world: World, params: Params, _: list[str]) -> Object:
    subscription = _open(world, params.needed_text("subscription"))
    terms.check_proration(params)
    row = Params(
        {key: value for key, value in params.values.items() if key not in ("subscription", "expand")}
    )
    item = terms.add_item(world, subscription, terms.recurring_price(world, row), row)
    world.emit("customer.subscription.updated", subscription, {})
    return item


@route("GET", "/v1/subscription_items/{id}")
def retrieve_item(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("subscription_item", ids[0])


@route(
    "POST",
    "/v1/subscription_items/{id}",
    "price quantity metadata discounts proration_behavior payment_behavior",
)
def update_item(world: World, params: Params, ids: list[str]) -> Object:
    item = world.store.need("subscription_item", ids[0])
    row = {key: value for key, value in params.values.items() if key != "expand"}
    subscription = _open(world, item["subscription"])
    changing.update(world, subscription, Params({"items": [{"id": item["id"], **row}]}))
    return item


@route("DELETE", "/v1/subscription_items/{id}", "proration_behavior clear_usage")
def delete_item(world: World, _: Params, ids: list[str]) -> Object:
    item = world.store.need("subscription_item", ids[0])
    subscription = _open(world, item["subscription"])
    changing.update(world, subscription, Params({"items": [{"id": item["id"], "deleted": True}]}))
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


@route("GET", "/v1/subscription_items", "subscription limit starting_after ending_before")
def list_items(world: World, params: Params, _: list[str]) -> Listing:
    subscription = world.store.need("subscription", params.needed_text("subscription"), param="subscription")
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    return Listing(periods.items_of(world, subscription), url, "subscription_item")


def _open(world: World, subscription_id: str) -> Object:
    subscription = world.store.need("subscription", subscription_id, param="subscription")
    if subscription["status"] in ENDED:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    return subscription
