"""The provider's objects become ours, or it is said what they lack."""

from typing import Any

import pytest
from stemtide.billing.normalise import cards_of, customer_of, invoice_of, subscription_of
from stemtide.billing.objects import NOT_COLLECTED, MalformedError
from stemtide.billing.plan_names import PlanNames

from tests.billing_memory import PLANS
from tests.billing_provider import coupon_of, invoice, item, price, subscription

NAMES = PlanNames(plans=PLANS, by_id={"price_x": "business", "prod_y": "starter"})


@pytest.mark.parametrize(
    ("given", "name", "rank"),
    [
        (price("x", 1), "business", 2),
        (price("y", 1), "starter", 1),
        (price("z", 1, lookup_key="Enterprise"), "enterprise", 3),
        (price("z", 1, lookup_key="pro-2024", nickname="Business"), "business", 2),
        (price("z", 1, product={"id": "prod_z", "name": "Starter"}), "starter", 1),
        (price("z", 1, lookup_key="pro-2024", nickname="Pro"), "pro-2024", None),
        (price("z", 1, nickname="Pro"), "Pro", None),
        (price("z", 1, product={"id": "prod_z", "name": "SMS\x07 pack"}), "SMS  pack", None),
        (price("z", 1), "prod_z", None),
    ],
)
def test_a_price_is_called_by_its_plan(given: dict[str, Any], name: str, rank: int | None) -> None:
    assert NAMES.of_price(given)[:2] == (name, rank)


@pytest.mark.parametrize(
    ("given", "units"),
    [
        (price("x", 1), "seats"),  # the plan has a price per seat
        (price("z", 1, product={"id": "p", "name": "z", "unit_label": "user"}), "users"),
        (price("z", 1, product={"id": "p", "name": "z", "unit_label": "GB"}), "gb"),
        (price("z", 1), None),
    ],
)
def test_the_units_are_those_of_the_product_or_the_seats_of_the_plan(
    given: dict[str, Any], units: str | None
) -> None:
    assert NAMES.of_price(given).units == units


def test_a_customers_metadata_names_its_account() -> None:
    found = {"id": "cus_1", "object": "customer", "currency": "eur", "metadata": {"account": "acme"}}

    customer = customer_of(found, account_key="account")

    assert (customer.account, customer.currency, customer.deleted) == ("acme", "EUR", False)


@pytest.mark.parametrize("said", ["", "a b", "x" * 129, None, 7])
def test_what_is_no_account_id_names_none(said: Any) -> None:
    found = {"id": "cus_1", "object": "customer", "metadata": {"account": said}}

    assert customer_of(found, account_key="account").account is None


def test_a_customers_own_discount_is_kept() -> None:
    found = {"id": "cus_1", "object": "customer", "discount": coupon_of(percent_off=10, end_s=5)}

    (discount,) = customer_of(found, account_key="account").discounts

    assert (discount.percent, discount.until_ms) == ("10", 5000)


def test_a_deleted_customer_is_one() -> None:
    assert customer_of({"id": "cus_1", "object": "customer", "deleted": True}, account_key="a").deleted


def test_a_subscription_says_its_period_and_why_it_was_canceled() -> None:
    found = subscription(
        "1", "cus_1", item(price("x", 500), quantity=4, start_s=100), at_s=50, canceled_at=200, ended_at=300,
        status="canceled", cancellation_details={"feedback": "too_expensive", "reason": "other"},
    )  # fmt: skip

    one = subscription_of(found, names=NAMES, as_of_ms=0)

    assert (one.start_ms, one.period_start_ms, one.canceled_ms, one.ended_ms) == (
        50_000,
        100_000,
        200_000,
        300_000,
    )
    assert (one.cause, one.feedback, one.over, one.running) == ("other", "too_expensive", True, False)
    assert one.items[0].quantity == 4


@pytest.mark.parametrize(
    ("comment", "cause"), [(NOT_COLLECTED, "payment_failed"), ("moved away", "cancellation_requested")]
)
def test_a_subscription_that_dunning_ended_was_not_paid_whatever_the_provider_calls_it(
    comment: str, cause: str
) -> None:
    found = subscription(
        "1", "cus_1", item(price("x", 500)), ended_at=300, status="canceled",
        cancellation_details={"comment": comment, "feedback": None, "reason": "cancellation_requested"},
    )  # fmt: skip

    assert subscription_of(found, names=NAMES, as_of_ms=0).cause == cause


def test_an_invoice_says_what_is_due_and_what_became_of_its_charges() -> None:
    charges = [
        {"id": "ch_1", "payment_intent": "pi_1", "amount_refunded": 300, "disputed": False},
        {"id": "ch_2", "payment_intent": "pi_1", "amount_refunded": 0, "disputed": True},
        {"id": "ch_3", "payment_intent": "pi_other", "amount_refunded": 999, "disputed": True},
    ]

    one = invoice_of(invoice("1", "cus_1", 5000, amount_remaining=2000, attempt_count=2), charges=charges)

    assert (one.amount_due, one.amount_remaining, one.attempt_count) == (5000, 2000, 2)
    assert (one.amount_refunded, one.disputed, one.payments) == (300, True, ("pi_1",))
    assert one.subscription == "sub_1"


@pytest.mark.parametrize("lacking", ["id", "customer", "status", "currency", "created"])
def test_an_object_that_lacks_what_it_must_have_is_refused_by_name(lacking: str) -> None:
    found = invoice("1", "cus_1", 5000) | {lacking: None}

    with pytest.raises(MalformedError, match=lacking):
        invoice_of(found)


@pytest.mark.parametrize("amount", ["5000", 5000.0, True, None])
def test_money_that_is_no_whole_number_is_refused(amount: Any) -> None:
    with pytest.raises(MalformedError, match="amount_due"):
        invoice_of(invoice("1", "cus_1", 5000) | {"amount_due": amount})


def test_a_price_without_an_interval_is_refused() -> None:
    once = price("p", 100, recurring=None, type="one_time")

    with pytest.raises(MalformedError, match="price_p has no interval"):
        subscription_of(subscription("1", "cus_1", item(once)), names=NAMES, as_of_ms=0)


def card(name: str, fingerprint: str = "fp", year: int = 2030, month: int = 4) -> dict[str, Any]:
    of_it = {"fingerprint": fingerprint, "exp_year": year, "exp_month": month, "last4": "4242"}
    return {"id": name, "object": "payment_method", "card": of_it}


def usual(method: Any) -> dict[str, Any]:
    return {"id": "cus_1", "object": "customer", "invoice_settings": {"default_payment_method": method}}


def test_cards_are_the_same_in_any_order_and_however_the_usual_one_is_told() -> None:
    both = [card("pm_1"), card("pm_2")]

    assert cards_of(usual("pm_1"), both) == cards_of(usual({"id": "pm_1"}), both[::-1])


@pytest.mark.parametrize(
    ("customer", "cards"),
    [
        (usual("pm_2"), [card("pm_1"), card("pm_2")]),
        (usual(None), [card("pm_1"), card("pm_2")]),
        (usual("pm_1"), [card("pm_1")]),
        (usual("pm_1"), [card("pm_1"), card("pm_3")]),
        (usual("pm_1"), [card("pm_1", "other"), card("pm_2")]),
        (usual("pm_1"), [card("pm_1", year=2031), card("pm_2")]),
        (usual("pm_1"), [card("pm_1", month=5), card("pm_2")]),
        ({"id": "cus_1", "object": "customer"}, []),
    ],
    ids=["another usual", "none usual", "taken away", "replaced", "another card", "renewed", "month", "none"],
)
def test_cards_that_differ_in_what_is_charged_are_others(
    customer: dict[str, Any], cards: list[dict[str, Any]]
) -> None:
    before = cards_of(usual("pm_1"), [card("pm_1"), card("pm_2")])

    assert cards_of(customer, cards) != before


def test_a_subscription_keeps_which_payment_method_is_its_own() -> None:
    of_its_own = subscription("1", "cus_1", item(price("x", 1)), default_payment_method={"id": "pm_1"})

    assert subscription_of(of_its_own, names=NAMES, as_of_ms=0).method == "pm_1"
    assert subscription_of(subscription("1", "cus_1"), names=NAMES, as_of_ms=0).method is None
