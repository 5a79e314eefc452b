"""A customer may be created with a card that is the default from the start, as at Stripe."""

import pytest

from tests.payment_benches import memory_bench


@pytest.mark.parametrize("name", ["pm_card_visa", "pm_card_chargeCustomerFail"])
def test_a_test_cards_name_is_the_method_that_is_attached(name: str) -> None:
    bench = memory_bench()

    customer = bench.ask(
        "POST", "/v1/customers", payment_method=name, invoice_settings={"default_payment_method": name}
    )

    [card] = bench.port.payment_methods(customer["id"])
    assert card["customer"] == customer["id"]
    assert customer["invoice_settings"]["default_payment_method"] == card["id"]
    assert (bench.port.customer(customer["id"]) or {})["invoice_settings"] == customer["invoice_settings"]


def test_so_is_a_card_of_ones_own() -> None:
    bench = memory_bench()
    card = bench.ask("POST", "/v1/payment_methods", type="card", card={"token": "tok_visa"})["id"]

    customer = bench.ask(
        "POST", "/v1/customers", payment_method=card, invoice_settings={"default_payment_method": card}
    )

    assert customer["invoice_settings"]["default_payment_method"] == card


def test_a_renewal_charges_it() -> None:
    bench = memory_bench()
    name = "pm_card_visa"
    customer = bench.ask(
        "POST", "/v1/customers", payment_method=name, invoice_settings={"default_payment_method": name}
    )["id"]

    subscription = bench.subscribe(customer, bench.price())

    assert subscription["status"] == "active"


@pytest.mark.parametrize("payment_method", [None, "pm_card_mastercard"])
def test_a_default_that_is_not_attached_is_refused_and_nobody_created(payment_method: str | None) -> None:
    bench = memory_bench()
    card = bench.ask("POST", "/v1/payment_methods", type="card", card={"token": "tok_visa"})["id"]
    params = {} if payment_method is None else {"payment_method": payment_method}

    status, body, _ = bench.provider.handle(
        "POST", "/v1/customers", {**params, "invoice_settings": {"default_payment_method": card}}, {}
    )

    assert (status, body["error"]["param"]) == (400, "invoice_settings[default_payment_method]")
    assert bench.ask("GET", "/v1/customers")["data"] == []
    assert len(bench.ask("GET", "/v1/payment_methods")["data"]) == 1
