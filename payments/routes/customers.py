"""Customers, their cards, their balance, the portal."""

from typing import Final

from payments import invoicing, money, standing
from payments.cards import new_card
from payments.due import ENDED
from payments.errors import invalid
from payments.listing import Listing, newest_first
from payments.params import Params
from payments.routing import route
from payments.shapes import customers
from payments.store import Object
from payments.world import World

FIELDS: Final = (
    "email name phone description metadata address shipping balance invoice_settings preferred_locales "
    "tax_exempt invoice_prefix next_invoice_sequence"
)
ADDRESS: Final = tuple(customers.NO_ADDRESS)
PORTAL: Final = "https://billing.local.test/p/session/"


@route("POST", "/v1/customers", f"{FIELDS} payment_method")
def create(world: World, params: Params, _: list[str]) -> Object:
    object_id = world.new_id("cus")
    customer = customers.customer(object_id, created=world.now, prefix=f"L{object_id[-7:]}")
    card = params.needed_text("payment_method") if params.has("payment_method") else None
    is_default = _apply(world, customer, params, comes_with=card)
    method = None if card is None else _method(world, card)
    if method is not None and is_default:
        customer["invoice_settings"]["default_payment_method"] = method["id"]
    world.put(customer)
    world.emit("customer.created", customer)
    if method is not None:
        _attach(world, method, customer)
    return customer


@route("GET", "/v1/customers/{id}")
def retrieve(world: World, _: Params, ids: list[str]) -> Object:
    customer = world.store.need("customer", ids[0])
    return _gone(customer) if customer.get("_deleted") else customer


@route("POST", "/v1/customers/{id}", FIELDS)
def update(world: World, params: Params, ids: list[str]) -> Object:
    customer = living(world, ids[0])
    before = dict(customer)
    _apply(world, customer, params)
    previous = {name: value for name, value in before.items() if customer[name] != value}
    world.put(customer)
    if previous:
        world.emit("customer.updated", customer, previous)
    return customer


@route("DELETE", "/v1/customers/{id}")
def delete(world: World, _: Params, ids: list[str]) -> Object:
    customer = living(world, ids[0])
    for subscription in world.store.of("subscription", "customer", customer["id"]):
        if subscription["status"] not in ENDED:
            standing.end_subscription(world, subscription, reason="cancellation_requested")
    customer["_deleted"] = True
    world.put(customer)
    world.emit("customer.deleted", customer)
    return _gone(customer)


@route("GET", "/v1/customers", "email limit starting_after ending_before created")
def list_all(world: World, params: Params, _: list[str]) -> Listing:
    email = params.text("email")
    rows = [c for c in world.store.all("customer") if not c.get("_deleted")]
    rows = [c for c in rows if email is None or c["email"] == email]
    return newest_first(rows, "/v1/customers", kind="customer")


def living(world: World, customer_id: str, *, param: str | None = "id") -> Object:
    """The customer, who is not deleted.

    Raises:
        ApiError: there is none.
    """
    customer = world.store.need("customer", customer_id, param=param)
    if customer.get("_deleted"):
        raise invalid(f"No such customer: '{customer_id}'", code="resource_missing", param=param, status=404)
    return customer


def _gone(customer: Object) -> Object:
    return {"id": customer["id"], "object": "customer", "deleted": True}


def _apply(world: World, customer: Object, params: Params, *, comes_with: str | None = None) -> bool:
    """Set what the parameters name; whether the card that comes with them is to be the default."""
    for name in ("email", "name", "phone", "description"):
        if name in params.values:
            customer[name] = params.text(name)
    if "metadata" in params.values:
        customer["metadata"] = params.metadata(customer["metadata"])
    if "address" in params.values:
        part = params.part("address")
        customer["address"] = None if part is None else {name: part.text(name) for name in ADDRESS}
    if "shipping" in params.values:
        shipping = params.part("shipping")
        customer["shipping"] = None if shipping is None else dict(shipping.values)
    if "preferred_locales" in params.values:
        customer["preferred_locales"] = params.texts("preferred_locales")
    customer["tax_exempt"] = (
        params.one_of("tax_exempt", ("none", "exempt", "reverse")) or customer["tax_exempt"]
    )
    balance = params.integer("balance")
    if balance is not None:
        customer["balance"] = balance
    customer["invoice_prefix"] = params.text("invoice_prefix") or customer["invoice_prefix"]
    sequence = params.integer("next_invoice_sequence", least=1)
    customer["next_invoice_sequence"] = sequence or customer["next_invoice_sequence"]
    settings = params.part("invoice_settings")
    if settings is None:
        return False
    _apply_settings(world, customer, settings, comes_with)
    return comes_with is not None and settings.text("default_payment_method") == comes_with


def _apply_settings(world: World, customer: Object, settings: Params, comes_with: str | None) -> None:
    settings.only(frozenset({"default_payment_method", "footer", "custom_fields"}))
    after = dict(customer["invoice_settings"])
    named = settings.text("default_payment_method")
    if "default_payment_method" in settings.values and (named is None or named != comes_with):
        if named is not None:
            method = world.store.need("payment_method", named, param=settings.name("default_payment_method"))
            if method["customer"] != customer["id"]:
                raise invalid(
                    f"The payment method {named} is not attached to the customer.",
                    param=settings.name("default_payment_method"),
                )
        after["default_payment_method"] = named
    if "footer" in settings.values:
        after["footer"] = settings.text("footer")
    customer["invoice_settings"] = after


@route("GET", "/v1/customers/{id}/payment_methods", "type limit starting_after ending_before")
def cards_of_customer(world: World, _: Params, ids: list[str]) -> Listing:
    customer = living(world, ids[0])
    rows = world.store.of("payment_method", "customer", customer["id"])
    return newest_first(rows, f"/v1/customers/{customer['id']}/payment_methods", kind="payment_method")


@route("GET", "/v1/customers/{id}/payment_methods/{id}")
def card_of_customer(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("payment_method", ids[1])


@route("POST", "/v1/customers/{id}/balance_transactions", "amount currency description metadata")
def add_balance(world: World, params: Params, ids: list[str]) -> Object:
    customer = living(world, ids[0])
    currency = money.checked_currency(params.needed_text("currency"))
    if customer["currency"] not in (None, currency):
        raise invalid(f"The customer's currency is {customer['currency']}.", param="currency")
    amount = params.need("amount", params.integer("amount"))
    money.checked_amount(amount, currency, param="amount")
    world.change(customer, None, currency=currency)
    made = invoicing.move_balance(world, customer, amount, kind="adjustment")
    return world.change(made, None, description=params.text("description"), metadata=params.metadata())


@route("GET", "/v1/customers/{id}/balance_transactions", "limit starting_after ending_before created")
def balance_of(world: World, _: Params, ids: list[str]) -> Listing:
    customer = living(world, ids[0])
    rows = world.store.of("customer_balance_transaction", "customer", customer["id"])
    return newest_first(rows, f"/v1/customers/{customer['id']}/balance_transactions")


@route("POST", "/v1/payment_methods", "type card billing_details metadata")
def create_card(world: World, params: Params, _: list[str]) -> Object:
    params.one_of("type", ("card",))
    return new_card(world, params.part("card"), metadata=params.metadata())


@route("GET", "/v1/payment_methods/{id}")
def retrieve_card(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("payment_method", ids[0])


@route("POST", "/v1/payment_methods/{id}", "metadata card billing_details")
def update_card(world: World, params: Params, ids: list[str]) -> Object:
    method = world.store.need("payment_method", ids[0])
    card = dict(method["card"])
    part = params.part("card")
    for name in ("exp_month", "exp_year"):
        value = part.integer(name) if part is not None else None
        card[name] = value if value is not None else card[name]
    metadata = params.metadata(method["metadata"])
    return world.change(method, "payment_method.updated", card=card, metadata=metadata)


@route("GET", "/v1/payment_methods", "customer type limit starting_after ending_before")
def list_cards(world: World, params: Params, _: list[str]) -> Listing:
    customer = params.text("customer")
    rows = (
        world.store.all("payment_method")
        if customer is None
        else world.store.of("payment_method", "customer", living(world, customer, param="customer")["id"])
    )
    return newest_first(rows, "/v1/payment_methods", kind="payment_method")


@route("POST", "/v1/payment_methods/{id}/attach", "customer")
def attach(world: World, params: Params, ids: list[str]) -> Object:
    customer = living(world, params.needed_text("customer"), param="customer")
    return _attach(world, _method(world, ids[0]), customer)


def _method(world: World, name: str) -> Object:
    """The card of an id; a new one for the name of a test card."""
    if name.startswith("pm_card_"):
        return new_card(world, None, test_name=name)
    return world.store.need("payment_method", name, param="payment_method")


def _attach(world: World, method: Object, customer: Object) -> Object:
    if method["customer"] not in (None, customer["id"]):
        raise invalid("The payment method you provided has already been attached to a customer.")
    return world.change(method, "payment_method.attached", customer=customer["id"])


@route("POST", "/v1/payment_methods/{id}/detach")
def detach(world: World, _: Params, ids: list[str]) -> Object:
    method = world.store.need("payment_method", ids[0])
    if method["customer"] is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    customer = world.store.need("customer", method["customer"])
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        settings = {**customer["invoice_settings"], "default_payment_method": None}
        world.change(customer, "customer.updated", invoice_settings=settings)
    return world.change(method, "payment_method.detached", customer=None)


@route("POST", "/v1/billing_portal/sessions", "customer return_url configuration locale flow_data")
def open_portal(world: World, params: Params, _: list[str]) -> Object:
    customer = living(world, params.needed_text("customer"), param="customer")
    object_id = world.new_id("bps")
    made = customers.portal_session(
        object_id,
        created=world.now,
        customer=customer["id"],
        url=f"{PORTAL}{object_id}",
        return_url=params.text("return_url"),
    )
    return world.put(made)
