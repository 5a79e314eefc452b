"""Objects have the fields that Stripe publishes: the typed resources of its client, and its fixtures."""

import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
import stripe

from payments.rendering import rendered
from payments.reversing import dispute
from tests.payment_benches import Bench, memory_bench

FIXTURES = Path(
    os.environ.get(
        "STRIPE_FIXTURES", Path(__file__).parents[4] / "shared/data/payloads/stripe/fixtures3.json"
    )
)
TYPED: dict[str, type[Any]] = {
    "billing_portal.session": stripe.billing_portal.Session,
    "charge": stripe.Charge,
    "coupon": stripe.Coupon,
    "credit_note": stripe.CreditNote,
    "customer": stripe.Customer,
    "customer_balance_transaction": stripe.CustomerBalanceTransaction,
    "discount": stripe.Discount,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "invoiceitem": stripe.InvoiceItem,
    "line_item": stripe.InvoiceLineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "plan": stripe.Plan,
    "price": stripe.Price,
    "product": stripe.Product,
    "promotion_code": stripe.PromotionCode,
    "refund": stripe.Refund,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
}
NEWER = {
    ("customer", "customer_account"),
    ("invoice", "status_details"),
    ("invoice", "payments"),
    ("charge", "refunds"),
}
"""Fields of this version that the fixtures, made for an older one, do not show, or lists shown on demand."""


@pytest.fixture(scope="module")
def shown() -> dict[str, list[dict[str, Any]]]:
    """Every kind of object that the routes show, after a life with everything in it."""
    bench = memory_bench()
    _live(bench)
    found: dict[str, list[dict[str, Any]]] = {}
    for event in bench.provider.world.store.all("event"):
        _collect(bench.ask("GET", f"/v1/events/{event['id']}"), found)
    for kind, objects in bench.provider.world.store.kinds.items():
        for obj in objects.values() if kind[0] != "_" else ():
            _collect(rendered(bench.provider.world.store, obj), found)
    return found


def _live(bench: Bench) -> None:
    coupon = bench.ask("POST", "/v1/coupons", percent_off=10, duration="forever")["id"]
    customer, subscription, invoice = bench.past_due(discounts=[{"coupon": coupon}])
    bench.ask("POST", "/v1/promotion_codes", promotion={"type": "coupon", "coupon": coupon})
    bench.ask("POST", f"/v1/customers/{customer}/balance_transactions", amount=-10, currency="usd")
    bench.ask("POST", "/v1/billing_portal/sessions", customer=customer)
    bench.ask("POST", "/v1/credit_notes", invoice=invoice, amount=100)
    bench.script(customer, {"decline_code": "lost_card", "advice_code": "do_not_try_again"})
    assert bench.provider.handle("POST", f"/v1/invoices/{invoice}/pay", {}, {})[0] == 402
    bench.ask("POST", f"/v1/invoices/{invoice}/pay")
    charge = bench.ask("GET", "/v1/charges")["data"][0]["id"]
    bench.ask("POST", "/v1/refunds", charge=charge, amount=5)
    bench.ask("POST", "/v1/invoiceitems", customer=customer, amount=700, currency="usd")
    written_off = bench.ask(
        "POST", "/v1/invoices", customer=customer, pending_invoice_items_behavior="include"
    )
    bench.ask("POST", f"/v1/invoices/{written_off['id']}/finalize")
    bench.ask("POST", f"/v1/invoices/{written_off['id']}/mark_uncollectible")
    world = bench.provider.world
    dispute(world, world.store.need("charge", charge), reason="fraudulent")
    bench.ask("POST", f"/v1/subscriptions/{subscription}", pause_collection={"behavior": "void"})


def _collect(value: Any, found: dict[str, list[dict[str, Any]]]) -> None:
    if isinstance(value, dict):
        if isinstance(value.get("object"), str) and value["object"] != "list":
            found.setdefault(value["object"], []).append(value)
        for inner in value.values():
            _collect(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, found)


@pytest.mark.parametrize("kind", sorted(TYPED))
def test_every_field_is_one_of_the_clients_typed_resource(
    kind: str, shown: dict[str, list[dict[str, Any]]]
) -> None:
    assert shown.get(kind), f"no {kind} was shown"

    known = _fields(TYPED[kind])

    for obj in shown[kind]:
        assert set(obj) <= known, set(obj) - known


def _fields(resource: type[Any]) -> set[str]:
    return {name for base in resource.__mro__ for name in inspect.get_annotations(base)}


@pytest.mark.parametrize("kind", sorted(TYPED))
def test_every_field_has_the_type_of_stripes_fixture(
    kind: str, shown: dict[str, list[dict[str, Any]]]
) -> None:
    if not FIXTURES.exists():
        pytest.skip("Stripe's fixtures are not here (STRIPE_FIXTURES names the file)")
    fixture = json.loads(FIXTURES.read_text())["resources"].get(kind)

    for obj in shown.get(kind, []) if fixture else []:
        assert list(_differences(kind, obj, fixture, path=kind)) == []


def _differences(kind: str, ours: Any, theirs: Any, *, path: str) -> Any:
    """Where ours has another type, or a field that theirs lacks (free-form and null parts aside)."""
    if ours is None or theirs is None or path.endswith((".metadata", ".previous_attributes", ".data")):
        return
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name, value in ours.items():
            if name in theirs:
                yield from _differences(kind, value, theirs[name], path=f"{path}.{name}")
            elif theirs and path == kind and (kind, name) not in NEWER:
                yield f"{path}.{name} is not there"
    elif isinstance(ours, list) and isinstance(theirs, list):
        for value in ours if theirs else []:
            yield from _differences(kind, value, theirs[0], path=f"{path}[]")
    elif type(ours) is not type(theirs) and not {type(ours), type(theirs)} <= {int, float}:
        yield f"{path} is {type(ours).__name__}, there {type(theirs).__name__}"
