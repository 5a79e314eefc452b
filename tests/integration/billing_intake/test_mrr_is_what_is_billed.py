"""What a subscription is worth a month, by our own reading, is what the provider bills for a month."""

from typing import Any

import pytest
from stemtide.billing.amounts import minor_units
from stemtide.billing.normalise import customer_of, subscription_of
from stemtide.billing.plan_names import PlanNames

from tests.payment_benches import Bench, memory_bench

SMALLEST = {"kwd": 10}
"""What can be charged at the least, in ISO's minor units, where it is not one: the provider rounds to it."""


def price_of(bench: Bench, amount: int, currency: str, **options: dict[str, int]) -> dict[str, Any]:
    return bench.ask(
        "POST",
        "/v1/prices",
        product_data={"name": "Pro"},
        currency=currency,
        unit_amount=amount,
        currency_options=options,
        recurring={"interval": "month"},
    )


def coupon_of(bench: Bench, **said: Any) -> dict[str, str]:
    return {"coupon": bench.ask("POST", "/v1/coupons", duration="forever", **said)["id"]}


def worth_and_bill(bench: Bench, **asked: Any) -> tuple[int | None, int]:
    """The MRR of a new subscription, and its second invoice, both in ISO's minor units."""
    customer = bench.customer()
    made = bench.subscribe(customer, "", **asked)
    found, owner = bench.port.subscription(made["id"]), bench.port.customer(customer)
    assert found is not None
    assert owner is not None
    read = subscription_of(
        found,
        names=PlanNames(),
        as_of_ms=bench.clock.now_s * 1000,
        of_customer=customer_of(owner, account_key="account").discounts,
    )
    bench.clock.advance(days=31, seconds=3700)
    [newest, first] = bench.port.invoices(customer=customer)
    assert newest["amount_due"] == first["amount_due"]
    return read.mrr, minor_units(newest["amount_due"], read.currency)


@pytest.mark.parametrize(
    ("currency", "amount"), [("usd", 4999), ("jpy", 5001), ("kwd", 12_340), ("isk", 499_900)]
)
def test_discounts_of_an_item_of_some_products_and_of_all(currency: str, amount: int) -> None:
    bench = memory_bench()
    plan, sms, seats = (price_of(bench, n * amount, currency) for n in (1, 2, 3))
    some = coupon_of(bench, percent_off=50, applies_to={"products": [sms["product"]]})
    items = [
        {"price": plan["id"], "quantity": 2},
        {"price": sms["id"]},
        {"price": seats["id"], "discounts": [coupon_of(bench, percent_off=25)]},
    ]

    worth, bill = worth_and_bill(bench, items=items, discounts=[some, coupon_of(bench, percent_off=10)])

    assert bill > 0
    assert worth is not None
    assert abs(worth - bill) <= len(items) * SMALLEST.get(currency, 1), "each item is rounded for itself"


def test_a_price_in_another_currency_with_an_amount_off_in_it() -> None:
    bench = memory_bench()
    both = price_of(bench, 1000, "usd", eur={"unit_amount": 930})
    off = coupon_of(bench, amount_off=100, currency="usd", currency_options={"eur": {"amount_off": 95}})

    dollars = worth_and_bill(bench, items=[{"price": both["id"], "quantity": 3}], discounts=[off])
    euros = worth_and_bill(
        bench, items=[{"price": both["id"], "quantity": 3}], discounts=[off], currency="eur"
    )

    assert dollars == (2900, 2900)
    assert euros == (2695, 2695)
