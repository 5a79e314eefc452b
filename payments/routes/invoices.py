"""Invoices, what is put on them, what was paid on them."""

from typing import Any, Final

from payments import collecting, discounting, invoicing, money
from payments.calendar import DAY_S
from payments.due import HOUR_S
from payments.errors import invalid
from payments.listing import Listing, newest_first
from payments.params import Params
from payments.routes.customers import living
from payments.routing import route
from payments.shapes import invoices
from payments.standing import settle_standing
from payments.store import Object, subscription_of
from payments.world import World

STATUSES: Final = ("draft", "open", "paid", "uncollectible", "void")
COLLECTIONS: Final = ("charge_automatically", "send_invoice")
FIELDS: Final = (
    "auto_advance collection_method days_until_due due_date default_payment_method description footer "
    "metadata discounts"
)


@route("POST", "/v1/invoices", f"customer currency subscription pending_invoice_items_behavior {FIELDS}")
def create(world: World, params: Params, _: list[str]) -> Object:
    customer = living(world, params.needed_text("customer"), param="customer")
    named = params.text("subscription")
    subscription = world.store.need("subscription", named, param="subscription") if named else None
    currency = money.checked_currency(
        params.text("currency") or (subscription or {}).get("currency") or customer["currency"] or "usd"
    )
    discounts = discounting.redeemed(
        world, params.rows("discounts") or [], customer=customer, currency=currency
    )
    invoice = invoicing.draft(world, customer, currency=currency, reason="manual", subscription=subscription)
    _apply(world, invoice, params)
    invoice["discounts"] = discounts
    if params.text("pending_invoice_items_behavior") == "include":
        invoicing.add_pending(world, invoice)
    invoicing.total(world, invoice)
    world.emit("invoice.created", invoice)
    return invoice


@route("GET", "/v1/invoices/{id}")
def retrieve(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("invoice", ids[0])


@route("POST", "/v1/invoices/{id}", FIELDS)
def update(world: World, params: Params, ids: list[str]) -> Object:
    invoice = world.store.need("invoice", ids[0])
    late = {"auto_advance", "default_payment_method", "metadata", "expand", "description"}
    if invoice["status"] != "draft" and set(params.values) - late:
        raise invoicing.unfit(invoice, "changed")
    before = dict(invoice)
    if params.has("discounts"):
        customer = world.store.need("customer", invoice["customer"])
        invoice["discounts"] = discounting.redeemed(
            world, params.rows("discounts") or [], customer=customer, currency=invoice["currency"]
        )
        invoicing.total(world, invoice)
    _apply(world, invoice, params)
    previous = {name: value for name, value in before.items() if invoice[name] != value}
    if previous:
        world.emit("invoice.updated", invoice, previous)
    return invoice


def _apply(world: World, invoice: Object, params: Params) -> None:
    advance = params.boolean("auto_advance")
    if advance is not None:
        invoice["auto_advance"] = advance
        if invoice["status"] == "draft":
            invoice["automatically_finalizes_at"] = world.now + HOUR_S if advance else None
    invoice["collection_method"] = (
        params.one_of("collection_method", COLLECTIONS) or invoice["collection_method"]
    )
    days, due = params.integer("days_until_due", least=0), params.integer("due_date")
    if due is not None or days is not None:
        invoice["due_date"] = due if due is not None else world.now + (days or 0) * DAY_S
    if "default_payment_method" in params.values:
        method = params.text("default_payment_method")
        invoice["default_payment_method"] = (
            world.store.need("payment_method", method, param="default_payment_method")["id"]
            if method
            else None
        )
    for name in ("description", "footer"):
        if name in params.values:
            invoice[name] = params.text(name)
    if "metadata" in params.values:
        invoice["metadata"] = params.metadata(invoice["metadata"])
    world.put(invoice)


@route("DELETE", "/v1/invoices/{id}")
def delete(world: World, _: Params, ids: list[str]) -> Object:
    invoice = world.store.need("invoice", ids[0])
    if invoice["status"] != "draft" or subscription_of(invoice):
        raise invalid("You can only delete draft invoices that are not of a subscription.")
    for item in world.store.of("invoiceitem", "customer", invoice["customer"]):
        if item["invoice"] == invoice["id"]:
            world.store.remove(item)
    world.store.remove(invoice)
    world.emit("invoice.deleted", invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


@route(
    "GET",
    "/v1/invoices",
    "customer status subscription collection_method limit starting_after ending_before created",
)
def list_all(world: World, params: Params, _: list[str]) -> Listing:
    customer, subscription = params.text("customer"), params.text("subscription")
    status, collection = params.one_of("status", STATUSES), params.text("collection_method")
    if subscription is not None:
        rows = world.store.of("invoice", "subscription", subscription)
    elif customer is not None:
        rows = world.store.of("invoice", "customer", customer)
    else:
        rows = world.store.all("invoice")
    rows = [
        row
        for row in rows
        if status in (None, row["status"])
        and customer in (None, row["customer"])
        and collection in (None, row["collection_method"])
    ]
    return newest_first(rows, "/v1/invoices", kind="invoice")


@route("POST", "/v1/invoices/{id}/finalize", "auto_advance")
def finalize(world: World, params: Params, ids: list[str]) -> Object:
    invoice = world.store.need("invoice", ids[0])
    advance = params.boolean("auto_advance")
    invoicing.finalize(world, invoice)
    invoice["auto_advance"] = invoice["auto_advance"] if advance is None else advance
    if invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically":
        invoice["next_payment_attempt"] = world.now + HOUR_S
    world.put(invoice)
    collecting.settle_if_nothing_is_due(world, invoice)
    return invoice


@route("POST", "/v1/invoices/{id}/pay", "payment_method paid_out_of_band forgive off_session")
def pay(world: World, params: Params, ids: list[str]) -> Object:
    invoice = world.store.need("invoice", ids[0])
    if params.boolean("paid_out_of_band"):
        collecting.check_receivable(invoice)
        collecting.pay_out_of_band(world, invoice)
    else:
        collecting.pay(world, invoice, payment_method=params.text("payment_method"))
    return invoice


@route("POST", "/v1/invoices/{id}/void")
def void(world: World, _: Params, ids: list[str]) -> Object:
    return end(world, world.store.need("invoice", ids[0]), "void")


@route("POST", "/v1/invoices/{id}/mark_uncollectible")
def mark_uncollectible(world: World, _: Params, ids: list[str]) -> Object:
    return end(world, world.store.need("invoice", ids[0]), "uncollectible")


def end(world: World, invoice: Object, status: str) -> Object:
    """Void an invoice or write it off, and bring its subscription in line.

    Raises:
        ApiError: its status does not allow it.
    """
    invoicing.end(world, invoice, status)
    if status == "uncollectible":
        invoice["status_details"] = {"uncollectible": {"reason": "user_forgiven"}}
        customer = world.store.need("customer", invoice["customer"])
        world.change(customer, "customer.updated", delinquent=False)
    else:
        invoice.pop("status_details", None)
    world.put(invoice)
    settle_standing(world, invoice)
    return invoice


@route("GET", "/v1/invoices/{id}/lines", "limit starting_after ending_before")
def lines(world: World, _: Params, ids: list[str]) -> Listing:
    invoice = world.store.need("invoice", ids[0])
    return Listing(list(invoice["lines"]["data"]), f"/v1/invoices/{invoice['id']}/lines", "line_item")


@route(
    "POST",
    "/v1/invoiceitems",
    "customer amount currency description invoice quantity pricing metadata period",
)
def create_item(world: World, params: Params, _: list[str]) -> Object:
    customer = living(world, params.needed_text("customer"), param="customer")
    quantity = params.integer("quantity", least=0) or 1
    pricing = params.part("pricing")
    price = (
        world.store.need("price", pricing.needed_text("price"), param="pricing[price]") if pricing else None
    )
    currency = money.checked_currency(price["currency"] if price else params.needed_text("currency"))
    amount = price["unit_amount"] * quantity if price else params.need("amount", params.integer("amount"))
    money.checked_amount(amount, currency, param="amount")
    item = invoices.invoice_item(
        world.new_id("ii"),
        created=world.now,
        customer=customer["id"],
        amount=amount,
        currency=currency,
        quantity=quantity,
    )
    item.update(description=params.text("description"), metadata=params.metadata())
    item["pricing"] = invoices.pricing(price) if price else None
    named = params.text("invoice")
    invoice = world.store.need("invoice", named, param="invoice") if named else None
    if invoice is not None and (invoice["status"] != "draft" or invoice["currency"] != currency):
        raise invoicing.unfit(invoice, f"given an item in {currency}")
    world.put(item)
    world.emit("invoiceitem.created", item)
    if invoice is not None:
        invoicing.add_item(world, invoice, item)
    return item


@route("GET", "/v1/invoiceitems/{id}")
def retrieve_item(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("invoiceitem", ids[0])


@route("GET", "/v1/invoiceitems", "customer invoice pending limit starting_after ending_before created")
def list_items(world: World, params: Params, _: list[str]) -> Listing:
    customer, invoice, pending = params.text("customer"), params.text("invoice"), params.boolean("pending")
    rows = [
        item
        for item in world.store.all("invoiceitem")
        if customer in (None, item["customer"])
        and invoice in (None, item["invoice"])
        and (pending is None or pending == (item["invoice"] is None))
    ]
    return newest_first(rows, "/v1/invoiceitems", kind="invoiceitem")


@route("GET", "/v1/invoice_payments/{id}")
def retrieve_payment(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("invoice_payment", ids[0])


@route("GET", "/v1/invoice_payments", "invoice status payment limit starting_after ending_before created")
def list_payments(world: World, params: Params, _: list[str]) -> Listing:
    invoice, status = params.text("invoice"), params.text("status")
    payment: Any = params.part("payment")
    intent = payment.text("payment_intent") if payment is not None else None
    if invoice is not None:
        rows = world.store.of("invoice_payment", "invoice", invoice)
    elif intent is not None:
        rows = world.store.of("invoice_payment", "payment_intent", intent)
    else:
        rows = world.store.all("invoice_payment")
    rows = [row for row in rows if status in (None, row["status"])]
    url = "/v1/invoice_payments" if invoice is None else f"/v1/invoice_payments?invoice={invoice}"
    return newest_first(rows, url, kind="invoice_payment")
