"""A customer base at once: customers with cards and running subscriptions, without a past of invoices."""

from collections.abc import Mapping
from typing import Any, Final

from payments import periods, scripting, terms
from payments.calendar import period_of
from payments.cards import new_card
from payments.errors import invalid
from payments.params import Params
from payments.routes.catalog import create_price
from payments.routes.customers import create as create_customer
from payments.shapes import subscriptions
from payments.store import Object
from payments.world import World

CUSTOMER_FIELDS: Final = frozenset(
    {"id", "name", "email", "metadata", "preferred_locales", "card", "subscriptions", "outcomes", "then"}
)
SUBSCRIPTION_FIELDS: Final = frozenset(
    {
        "id",
        "product",
        "unit_amount",
        "currency",
        "interval",
        "interval_count",
        "quantity",
        "started",
        "metadata",
    }
)
MAX_CUSTOMERS: Final = 2000


def seed(world: World, body: Mapping[str, Any]) -> Object:
    """Make customers and their subscriptions; the next renewal of each is its next event.

    `started` (epoch s, default now) anchors the periods; nothing is billed for the past, and no events are
    made. A customer `id` that is there already is left as it is, so a seed may be repeated.

    Raises:
        ApiError: a row says what cannot be; rows before it are made.
    """
    params = Params(body)
    params.only(frozenset({"customers"}))
    rows = params.rows("customers") or []
    if len(rows) > MAX_CUSTOMERS:
        raise invalid(f"at most {MAX_CUSTOMERS} customers at once", param="customers")
    kept, world.event_types = world.event_types, frozenset()
    try:
        made = [_customer(world, row) for row in rows]
    finally:
        world.event_types = kept
    return {"customers": made}


def _customer(world: World, row: Params) -> Object:
    row.only(CUSTOMER_FIELDS)
    named = row.text("id")
    if named is not None and world.store.find("customer", named):
        held = world.store.of("subscription", "customer", named)
        return {"id": named, "subscriptions": [subscription["id"] for subscription in held]}
    fields = {
        name: row.values[name] for name in ("name", "email", "metadata", "preferred_locales") if row.has(name)
    }
    customer = create_customer(world, Params(fields, row.path), [])
    if named is not None:
        world.store.remove(customer)
        customer["id"] = named
    card = new_card(world, row.part("card"))
    world.change(card, None, customer=customer["id"])
    customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": card["id"]}
    world.put(customer)
    held = [_subscription(world, customer, part) for part in row.rows("subscriptions") or []]
    if row.has("outcomes") or row.has("then"):
        outcomes = list(row.values.get("outcomes") or [])
        scripting.write(world, customer["id"], outcomes, then=row.values.get("then"), append=False)
    return {"id": customer["id"], "subscriptions": [subscription["id"] for subscription in held]}


def _subscription(world: World, customer: Object, row: Params) -> Object:
    row.only(SUBSCRIPTION_FIELDS)
    price = _price(world, row)
    started = row.integer("started")
    started = world.now if started is None else started
    if started > world.now:
        raise invalid("started lies in the future", param=row.name("started"))
    subscription = subscriptions.subscription(
        row.text("id") or world.new_id("sub"),
        created=started,
        customer=customer["id"],
        currency=price["currency"],
    )
    subscription["metadata"] = row.metadata()
    world.store.put(subscription)
    world.change(customer, None, currency=price["currency"])
    item = subscriptions.item(
        world.new_id("si"),
        created=started,
        subscription=subscription["id"],
        price=price["id"],
        quantity=1 if row.integer("quantity") is None else row.integer("quantity"),
    )
    world.put(item)
    rhythm = price["recurring"]
    period = period_of(started, rhythm["interval"], rhythm["interval_count"], world.now)
    periods.set_period(world, subscription, *period)
    return subscription


def _price(world: World, row: Params) -> Object:
    """The price of that amount and interval for the product of that name, made when there is none."""
    name = row.text("product") or "Subscription"
    product = next((str(p["id"]) for p in world.store.all("product") if p["name"] == name), None)
    amount, currency = row.integer("unit_amount"), (row.text("currency") or "usd").lower()
    rhythm = (row.text("interval") or "month", row.integer("interval_count") or 1)
    for price in world.store.all("price"):
        said = (price["product"], price["unit_amount"], price["currency"])
        if said == (product, amount, currency) and price["recurring"] and terms.rhythm(price) == rhythm:
            return price
    fields: dict[str, Any] = {
        "currency": currency,
        "unit_amount": amount,
        "recurring": {"interval": rhythm[0], "interval_count": rhythm[1]},
    }
    fields |= {"product_data": {"name": name}} if product is None else {"product": product}
    return create_price(world, Params(fields, row.path), [])
