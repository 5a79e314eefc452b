"""Payment intents, charges, refunds, disputes, credit notes."""

from typing import Final

from payments import reversing
from payments.listing import Listing, newest_first
from payments.params import Params
from payments.routing import route
from payments.store import Object
from payments.world import World

PAGING: Final = "limit starting_after ending_before created"


@route("GET", "/v1/payment_intents/{id}")
def retrieve_intent(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("payment_intent", ids[0])


@route("GET", "/v1/payment_intents", f"customer {PAGING}")
def list_intents(world: World, params: Params, _: list[str]) -> Listing:
    rows = _of_customer(world, "payment_intent", params)
    return newest_first(rows, "/v1/payment_intents", kind="payment_intent")


@route("GET", "/v1/charges/{id}")
def retrieve_charge(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("charge", ids[0])


@route("GET", "/v1/charges", f"customer payment_intent {PAGING}")
def list_charges(world: World, params: Params, _: list[str]) -> Listing:
    intent = params.text("payment_intent")
    rows = _of_customer(world, "charge", params)
    rows = [row for row in rows if intent in (None, row["payment_intent"])]
    return newest_first(rows, "/v1/charges", kind="charge")


def _of_customer(world: World, kind: str, params: Params) -> list[Object]:
    customer = params.text("customer")
    return world.store.all(kind) if customer is None else world.store.of(kind, "customer", customer)


@route("POST", "/v1/refunds", "charge payment_intent amount reason metadata")
def create_refund(world: World, params: Params, _: list[str]) -> Object:
    charge_id = params.text("charge")
    if charge_id is None:
        name = params.needed_text("payment_intent")
        charge_id = world.store.need("payment_intent", name, param="payment_intent")["latest_charge"] or ""
    charge = world.store.need("charge", charge_id, param="charge")
    reasons = ("duplicate", "fraudulent", "requested_by_customer")
    reason = params.one_of("reason", reasons)
    made = reversing.refund(world, charge, amount=params.integer("amount"), reason=reason)
    return world.change(made, None, metadata=params.metadata())


@route("GET", "/v1/refunds/{id}")
def retrieve_refund(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("refund", ids[0])


@route("GET", "/v1/refunds", f"charge payment_intent {PAGING}")
def list_refunds(world: World, params: Params, _: list[str]) -> Listing:
    return newest_first(_of_charge(world, "refund", params), "/v1/refunds", kind="refund")


def _of_charge(world: World, kind: str, params: Params) -> list[Object]:
    charge, intent = params.text("charge"), params.text("payment_intent")
    rows = world.store.all(kind) if charge is None else world.store.of(kind, "charge", charge)
    return [row for row in rows if intent in (None, row["payment_intent"])]


@route("GET", "/v1/disputes/{id}")
def retrieve_dispute(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("dispute", ids[0])


@route("GET", "/v1/disputes", f"charge payment_intent {PAGING}")
def list_disputes(world: World, params: Params, _: list[str]) -> Listing:
    return newest_first(_of_charge(world, "dispute", params), "/v1/disputes", kind="dispute")


@route("POST", "/v1/credit_notes", "invoice amount reason memo metadata")
def create_credit_note(world: World, params: Params, _: list[str]) -> Object:
    invoice = world.store.need("invoice", params.needed_text("invoice"), param="invoice")
    amount = params.need("amount", params.integer("amount", least=1))
    note = reversing.credit(world, invoice, amount=amount, reason=params.text("reason"))
    return world.change(note, None, memo=params.text("memo"), metadata=params.metadata())


@route("GET", "/v1/credit_notes/{id}")
def retrieve_credit_note(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("credit_note", ids[0])


@route("GET", "/v1/credit_notes", f"invoice customer {PAGING}")
def list_credit_notes(world: World, params: Params, _: list[str]) -> Listing:
    invoice, customer = params.text("invoice"), params.text("customer")
    rows = (
        world.store.all("credit_note")
        if invoice is None
        else world.store.of("credit_note", "invoice", invoice)
    )
    rows = [row for row in rows if customer in (None, row["customer"])]
    return newest_first(rows, "/v1/credit_notes", kind="credit_note")
