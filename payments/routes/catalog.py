"""Products, prices, coupons, promotion codes."""

from typing import Any, Final

from payments import money, pricing
from payments.errors import invalid
from payments.listing import Listing, newest_first
from payments.params import Params
from payments.routes.customers import living
from payments.routing import route
from payments.shapes import catalog
from payments.store import Object
from payments.world import World

INTERVALS: Final = ("day", "week", "month", "year")
DURATIONS: Final = ("once", "repeating", "forever")
PAGING: Final = "limit starting_after ending_before created"


@route("POST", "/v1/products", "id name description active metadata unit_label url")
def create_product(world: World, params: Params, _: list[str]) -> Object:
    object_id = params.text("id") or world.new_id("prod")
    _check_new(world, "product", object_id)
    product = catalog.product(object_id, created=world.now, name=params.needed_text("name"))
    return _with_product(world, product, params, event="product.created")


@route("POST", "/v1/products/{id}", "name description active metadata unit_label url default_price")
def update_product(world: World, params: Params, ids: list[str]) -> Object:
    product = world.store.need("product", ids[0])
    product["name"] = params.text("name") or product["name"]
    product["updated"] = world.now
    return _with_product(world, product, params, event="product.updated")


def _with_product(world: World, product: Object, params: Params, *, event: str) -> Object:
    for name in ("description", "unit_label", "url", "default_price"):
        if name in params.values:
            product[name] = params.text(name)
    active = params.boolean("active")
    product["active"] = product["active"] if active is None else active
    product["metadata"] = params.metadata(product["metadata"])
    world.put(product)
    world.emit(event, product)
    return product


@route("GET", "/v1/products/{id}")
def retrieve_product(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("product", ids[0])


@route("GET", "/v1/products", f"active {PAGING}")
def list_products(world: World, params: Params, _: list[str]) -> Listing:
    active = params.boolean("active")
    rows = [p for p in world.store.all("product") if active is None or p["active"] == active]
    return newest_first(rows, "/v1/products", kind="product")


@route(
    "POST",
    "/v1/prices",
    "currency unit_amount product product_data recurring nickname metadata active lookup_key billing_scheme "
    "tax_behavior currency_options",
)
def create_price(world: World, params: Params, _: list[str]) -> Object:
    currency = money.checked_currency(params.needed_text("currency"))
    if params.text("billing_scheme") == "tiered":
        raise invalid("Tiered prices are not made by this stand-in.", param="billing_scheme")
    amount = params.need("unit_amount", params.integer("unit_amount", least=0))
    money.checked_amount(amount, currency, param="unit_amount")
    recurring = _recurring(params.part("recurring"))
    made = catalog.price(
        world.new_id("price"),
        created=world.now,
        product=_product_of(world, params),
        currency=currency,
        unit_amount=amount,
        recurring=recurring,
    )
    made.update(
        nickname=params.text("nickname"), metadata=params.metadata(), lookup_key=params.text("lookup_key")
    )
    made["_currency_options"] = pricing.shown(pricing.options(params, "unit_amount"))
    world.put(made)
    world.emit("price.created", made)
    return made


def _recurring(part: Params | None) -> Object | None:
    if part is None:
        return None
    interval = part.need("interval", part.one_of("interval", INTERVALS))
    return {
        "interval": interval,
        "interval_count": part.integer("interval_count", least=1) or 1,
        "meter": part.text("meter"),
        "trial_period_days": None,
        "usage_type": part.one_of("usage_type", ("licensed", "metered")) or "licensed",
    }


def _product_of(world: World, params: Params) -> str:
    data = params.part("product_data")
    if data is not None:
        product = catalog.product(world.new_id("prod"), created=world.now, name=data.needed_text("name"))
        product["metadata"] = data.metadata()
        world.put(product)
        world.emit("product.created", product)
        return str(product["id"])
    return str(world.store.need("product", params.needed_text("product"), param="product")["id"])


@route("GET", "/v1/prices/{id}")
def retrieve_price(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("price", ids[0])


@route("POST", "/v1/prices/{id}", "active nickname metadata lookup_key")
def update_price(world: World, params: Params, ids: list[str]) -> Object:
    price = world.store.need("price", ids[0])
    active = params.boolean("active")
    changes: dict[str, Any] = {"metadata": params.metadata(price["metadata"])}
    changes["active"] = price["active"] if active is None else active
    for name in ("nickname", "lookup_key"):
        if name in params.values:
            changes[name] = params.text(name)
    return world.change(price, "price.updated", **changes)


@route("GET", "/v1/prices", f"active product currency {PAGING}")
def list_prices(world: World, params: Params, _: list[str]) -> Listing:
    active, product, currency = params.boolean("active"), params.text("product"), params.text("currency")
    rows = [
        price
        for price in world.store.all("price")
        if (active is None or price["active"] == active)
        and product in (None, price["product"])
        and currency in (None, price["currency"])
    ]
    return newest_first(rows, "/v1/prices", kind="price")


@route(
    "POST",
    "/v1/coupons",
    "id duration duration_in_months percent_off amount_off currency name max_redemptions redeem_by metadata "
    "applies_to currency_options",
)
def create_coupon(world: World, params: Params, _: list[str]) -> Object:
    object_id = params.text("id") or world.new_id("cpn")
    _check_new(world, "coupon", object_id)
    duration = params.one_of("duration", DURATIONS) or "once"
    coupon = catalog.coupon(object_id, created=world.now, duration=duration)
    months = params.integer("duration_in_months", least=1)
    if (months is None) == (duration == "repeating"):
        raise invalid(
            "duration_in_months goes with duration repeating, and only with it.", param="duration_in_months"
        )
    coupon.update(
        duration_in_months=months,
        name=params.text("name"),
        max_redemptions=params.integer("max_redemptions", least=1),
        redeem_by=params.integer("redeem_by"),
        metadata=params.metadata(),
    )
    _set_worth(coupon, params)
    coupon["_applies_to"] = _applies_to(world, params.part("applies_to"))
    coupon["_currency_options"] = pricing.options(params, "amount_off")
    world.put(coupon)
    world.emit("coupon.created", coupon)
    return coupon


def _applies_to(world: World, part: Params | None) -> Object | None:
    """The products to which a coupon is limited."""
    if part is None:
        return None
    part.only(frozenset({"products"}))
    named = [world.store.need("product", product, param=part.name("products"))["id"]
             for product in part.texts("products")]  # fmt: skip
    return {"products": named}


def _set_worth(coupon: Object, params: Params) -> None:
    percent, amount = params.text("percent_off"), params.integer("amount_off", least=1)
    if (percent is None) == (amount is None):
        raise invalid("You must pass either percent_off or amount_off.", param="percent_off")
    if amount is not None:
        currency = money.checked_currency(params.needed_text("currency"))
        coupon["amount_off"] = money.checked_amount(amount, currency, param="amount_off")
        coupon["currency"] = currency
        return
    try:
        share = float(str(percent))
    except ValueError:
        raise invalid(f"Invalid decimal: {percent}", param="percent_off") from None
    if not 0 < share <= 100:
        raise invalid("Invalid percent_off: must be greater than 0 and at most 100", param="percent_off")
    coupon["percent_off"] = share


@route("GET", "/v1/coupons/{id}")
def retrieve_coupon(world: World, _: Params, ids: list[str]) -> Object:
    return _coupon(world, ids[0])


@route("POST", "/v1/coupons/{id}", "name metadata")
def update_coupon(world: World, params: Params, ids: list[str]) -> Object:
    coupon = _coupon(world, ids[0])
    name = params.text("name") if "name" in params.values else coupon["name"]
    return world.change(coupon, "coupon.updated", name=name, metadata=params.metadata(coupon["metadata"]))


@route("DELETE", "/v1/coupons/{id}")
def delete_coupon(world: World, _: Params, ids: list[str]) -> Object:
    coupon = _coupon(world, ids[0])
    coupon.update(_deleted=True, valid=False)
    world.put(coupon)
    world.emit("coupon.deleted", coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def _coupon(world: World, coupon_id: str, *, param: str = "id") -> Object:
    coupon = world.store.need("coupon", coupon_id, param=param)
    if coupon.get("_deleted"):
        raise invalid(f"No such coupon: '{coupon_id}'", code="resource_missing", param=param, status=404)
    return coupon


@route("GET", "/v1/coupons", PAGING)
def list_coupons(world: World, _: Params, __: list[str]) -> Listing:
    rows = [coupon for coupon in world.store.all("coupon") if not coupon.get("_deleted")]
    return newest_first(rows, "/v1/coupons", kind="coupon")


@route(
    "POST",
    "/v1/promotion_codes",
    "promotion code customer active expires_at max_redemptions metadata restrictions",
)
def create_promotion_code(world: World, params: Params, _: list[str]) -> Object:
    promotion = params.part("promotion")
    if promotion is None:
        raise params.lacks("promotion")
    promotion.one_of("type", ("coupon",))
    coupon = _coupon(world, promotion.needed_text("coupon"), param=promotion.name("coupon"))
    object_id = world.new_id("promo")
    code = params.text("code") or f"LOCAL{object_id[-8:]}"
    if any(other["active"] for other in world.store.of("promotion_code", "code", code.upper())):
        raise invalid("An active promotion code with that code already exists.", param="code")
    customer = params.text("customer")
    made = catalog.promotion_code(object_id, created=world.now, code=code, coupon=coupon["id"])
    made.update(
        customer=None if customer is None else living(world, customer, param="customer")["id"],
        active=params.boolean("active") is not False,
        expires_at=params.integer("expires_at"),
        max_redemptions=params.integer("max_redemptions", least=1),
        metadata=params.metadata(),
        restrictions=_restrictions(params.part("restrictions")),
    )
    world.put(made)
    world.emit("promotion_code.created", made)
    return made


def _restrictions(part: Params | None) -> Object:
    if part is None:
        part = Params({})
    part.only(frozenset({"first_time_transaction", "minimum_amount", "minimum_amount_currency"}))
    return {
        "first_time_transaction": part.boolean("first_time_transaction") is True,
        "minimum_amount": part.integer("minimum_amount", least=1),
        "minimum_amount_currency": part.text("minimum_amount_currency"),
    }


@route("GET", "/v1/promotion_codes/{id}")
def retrieve_promotion_code(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("promotion_code", ids[0])


@route("POST", "/v1/promotion_codes/{id}", "active metadata")
def update_promotion_code(world: World, params: Params, ids: list[str]) -> Object:
    made = world.store.need("promotion_code", ids[0])
    active = params.boolean("active")
    return world.change(
        made,
        "promotion_code.updated",
        active=made["active"] if active is None else active,
        metadata=params.metadata(made["metadata"]),
    )


@route("GET", "/v1/promotion_codes", f"active code coupon customer {PAGING}")
def list_promotion_codes(world: World, params: Params, _: list[str]) -> Listing:
    active, code = params.boolean("active"), params.text("code")
    coupon, customer = params.text("coupon"), params.text("customer")
    found = (
        world.store.all("promotion_code")
        if code is None
        else world.store.of("promotion_code", "code", code.upper())
    )
    rows = [
        made
        for made in found
        if (active is None or made["active"] == active)
        and coupon in (None, made["promotion"]["coupon"])
        and customer in (None, made["customer"])
    ]
    return newest_first(rows, "/v1/promotion_codes", kind="promotion_code")


def _check_new(world: World, kind: str, object_id: str) -> None:
    if world.store.find(kind, object_id) is not None:
        raise invalid(f"{kind.capitalize()} already exists.", code="resource_already_exists", param="id")
