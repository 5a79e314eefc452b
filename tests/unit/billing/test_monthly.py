"""MRR: what counts, and every price to the minor unit of its currency."""

from typing import Any

import pytest
from stemtide.billing.normalise import subscription_of
from stemtide.billing.objects import Discount, MalformedError
from stemtide.billing.plan_names import PlanNames

from tests.billing_memory import PLANS
from tests.billing_provider import coupon_of, item, price, subscription

NAMES = PlanNames(plans=PLANS)


def mrr_of(*items: dict[str, Any], as_of_ms: int = 0, **more: Any) -> int | None:
    return subscription_of(subscription("1", "cus_1", *items, **more), names=NAMES, as_of_ms=as_of_ms).mrr


@pytest.mark.parametrize(
    ("interval", "count", "amount", "expected"),
    [
        ("month", 1, 1000, 1000),
        ("month", 3, 1000, 333),  # 333 1/3
        ("month", 6, 1003, 167),  # 167 1/6
        ("year", 1, 120_000, 10_000),
        ("year", 1, 6, 1),  # a half is rounded up
        ("year", 2, 100_000, 4167),  # 4166 2/3
        ("week", 1, 300, 1300),  # 52 weeks in 12 months
        ("week", 2, 300, 650),
        ("day", 1, 12, 365),
    ],
)
def test_a_price_is_worth_its_share_of_a_month(interval: str, count: int, amount: int, expected: int) -> None:
    assert mrr_of(item(price("p", amount, interval=interval, count=count))) == expected


@pytest.mark.parametrize(
    ("currency", "told", "expected"),
    [("jpy", 12_345, 37_035), ("kwd", 12_345, 37_035), ("usd", 12_345, 37_035), ("isk", 499_000, 14_970)],
)
def test_row_44_amounts_are_whole_minor_units_in_every_currency(
    currency: str, told: int, expected: int
) -> None:
    found = subscription_of(
        subscription("1", "cus_1", item(price("p", told, currency=currency), quantity=3)),
        names=NAMES,
        as_of_ms=0,
    )

    assert (found.mrr, found.currency) == (expected, currency.upper())


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", 1000),
        ("past_due", 1000),
        ("trialing", 0),
        ("paused", 0),
        ("unpaid", 0),
        ("canceled", 0),
        ("incomplete", 0),
    ],
)
def test_only_active_and_past_due_subscriptions_count(status: str, expected: int) -> None:
    assert mrr_of(item(price("p", 1000)), status=status) == expected


@pytest.mark.parametrize(
    ("behavior", "expected"), [("void", 0), ("mark_uncollectible", 0), ("keep_as_draft", 9)]
)
def test_what_is_not_asked_for_while_collection_is_paused_does_not_count(
    behavior: str, expected: int
) -> None:
    assert mrr_of(item(price("p", 9)), pause_collection={"behavior": behavior}) == expected


def test_prices_by_use_do_not_count() -> None:
    by_use = price("calls", 5, recurring={"interval": "month", "interval_count": 1, "usage_type": "metered"})

    assert mrr_of(item(price("p", 1000)), item(by_use, quantity=None)) == 1000


def test_a_percentage_and_then_an_amount_are_taken_off() -> None:
    off = [coupon_of(percent_off=25.5), coupon_of(amount_off=100, currency="usd")]

    assert mrr_of(item(price("p", 1000)), discounts=off) == 645


def test_an_amount_off_is_shared_by_the_items_and_items_add_up() -> None:
    off = [coupon_of(amount_off=300, currency="usd")]

    found = subscription_of(
        subscription("1", "cus_1", item(price("p", 2000)), item(price("q", 1000)), discounts=off),
        names=NAMES,
        as_of_ms=0,
    )

    assert [one.mrr for one in found.items] == [1800, 900]
    assert found.mrr == 2700


def test_an_amount_off_is_of_a_period_not_of_a_month() -> None:
    off = [coupon_of(amount_off=12_000, currency="usd")]

    assert mrr_of(item(price("p", 120_000, interval="year")), discounts=off) == 9000


@pytest.mark.parametrize(
    "off",
    [
        coupon_of(percent_off=50, duration="once"),
        coupon_of(percent_off=50, end_s=100),
        coupon_of(amount_off=500, currency="eur"),
        coupon_of(percent_off=50, applies_to={"products": ["prod_other"]}),
    ],
    ids=["once", "over", "another currency", "another product"],
)
def test_discounts_that_do_not_hold_take_nothing_off(off: dict[str, Any]) -> None:
    assert mrr_of(item(price("p", 1000)), discounts=[off], as_of_ms=100_000) == 1000


def test_more_off_than_there_is_leaves_nothing() -> None:
    assert mrr_of(item(price("p", 1000)), discounts=[coupon_of(amount_off=5000, currency="usd")]) == 0


def test_a_discount_of_the_customer_holds_where_the_subscription_has_none() -> None:
    found = subscription("1", "cus_1", item(price("p", 1000)))
    half = subscription_of(
        subscription("0", "cus_1", item(price("p", 1000)), discounts=[coupon_of(percent_off=50)]),
        names=NAMES,
        as_of_ms=0,
    )
    of_customer = (Discount(percent="10"),)

    assert subscription_of(found, names=NAMES, as_of_ms=0, of_customer=of_customer).mrr == 900
    assert half.mrr == 500


@pytest.mark.parametrize("off", ["di_7", {"id": "di_7", "source": {"type": "coupon", "coupon": "co_1"}}])
def test_after_a_discount_that_was_not_read_nobody_knows_what_is_left(off: Any) -> None:
    assert mrr_of(item(price("p", 1000)), discounts=[off]) is None
    assert mrr_of(item(price("p", 1000), discounts=[off])) is None


def test_discounts_of_an_item_are_taken_off_before_those_of_the_subscription() -> None:
    half, hundred_off = coupon_of(percent_off=50), coupon_of(amount_off=100, currency="usd")

    found = subscription_of(
        subscription(
            "1",
            "cus_1",
            item(price("p", 1000), discounts=[half]),
            item(price("q", 500)),
            discounts=[hundred_off],
        ),
        names=NAMES,
        as_of_ms=0,
    )

    assert [one.mrr for one in found.items] == [450, 450]


@pytest.mark.parametrize(
    ("told", "euros", "yen"),
    [
        ({"eur": {"unit_amount": 900, "unit_amount_decimal": "900"}}, 2700, None),
        ({"jpy": {"unit_amount": 1500, "unit_amount_decimal": "1500"}}, None, 4500),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_a_price_is_worth_what_it_asks_in_the_subscriptions_currency(
    told: object, euros: int | None, yen: int | None
) -> None:
    of_dollars = item(price("p", 1000, currency_options=told), quantity=3)

    assert mrr_of(of_dollars, currency="usd") == 3000
    assert mrr_of(of_dollars, currency="eur") == euros
    assert mrr_of(of_dollars, currency="jpy") == yen


def test_an_amount_off_is_that_of_the_subscriptions_currency() -> None:
    off = coupon_of(amount_off=300, currency="usd", currency_options={"eur": {"amount_off": 250}})
    euros = price("p", 1000, currency="eur")

    assert mrr_of(item(price("p", 1000)), discounts=[off]) == 700
    assert mrr_of(item(euros), discounts=[off]) == 750
    assert mrr_of(item(price("p", 1000, currency="gbp")), discounts=[off]) == 1000


TIERS = [
    {"up_to": 10, "unit_amount": 100, "unit_amount_decimal": "100", "flat_amount": None},
    {"up_to": 20, "unit_amount": 50, "unit_amount_decimal": "50", "flat_amount": 1000},
    {"up_to": None, "unit_amount": 10, "unit_amount_decimal": "10", "flat_amount": None},
]


@pytest.mark.parametrize(
    ("mode", "quantity", "expected"),
    [
        ("volume", 10, 1000),
        ("volume", 11, 550 + 1000),
        ("volume", 30, 300),
        ("graduated", 10, 1000),
        ("graduated", 11, 1000 + 50 + 1000),
        ("graduated", 20, 1000 + 500 + 1000),
        ("graduated", 30, 1000 + 500 + 1000 + 100),
    ],
)
def test_tiers_ask_by_volume_or_step_by_step(mode: str, quantity: int, expected: int) -> None:
    tiered = price("p", 0, billing_scheme="tiered", tiers_mode=mode, tiers=TIERS)

    assert mrr_of(item(tiered, quantity=quantity)) == expected


def test_tiers_that_were_not_read_are_worth_nobody_knows_what() -> None:
    tiered = price("p", 0, billing_scheme="tiered", tiers_mode="volume")

    assert mrr_of(item(tiered, quantity=5)) is None


@pytest.mark.parametrize(("rounding", "expected"), [("up", 300), ("down", 200)])
def test_packs_are_sold_whole(rounding: str, expected: int) -> None:
    packs = price("p", 100, transform_quantity={"divide_by": 10, "round": rounding})

    assert mrr_of(item(packs, quantity=25)) == expected


def test_fractions_of_a_cent_are_not_lost_before_the_end() -> None:
    tiny = price("p", 0, unit_amount=None, unit_amount_decimal="0.125")

    assert mrr_of(item(tiny, quantity=1000)) == 125


@pytest.mark.parametrize(("mode", "quantity", "expected"), [("graduated", 0, 700), ("volume", 0, 700)])
def test_the_first_tiers_flat_amount_is_asked_for_whatever_is_used(
    mode: str, quantity: int, expected: int
) -> None:
    tiers = [{"up_to": 10, "unit_amount": 5, "flat_amount": 700}, {"up_to": None, "unit_amount": 1}]

    assert mrr_of(
        item(price("p", 0, billing_scheme="tiered", tiers_mode=mode, tiers=tiers), quantity=quantity)
    ) == (expected)


def test_beyond_the_last_tier_its_price_goes_on() -> None:
    tiers = [
        {"up_to": 10, "unit_amount": 5},
        {"up_to": 20, "unit_amount": 3},
        {"up_to": 30, "unit_amount": 2},
    ]

    assert (
        mrr_of(item(price("p", 0, billing_scheme="tiered", tiers_mode="volume", tiers=tiers), quantity=40))
        == 80
    )


@pytest.mark.parametrize(
    ("size", "expected"), [(0, 700), (None, 700), ("2", 700), (1, 700), (2, 400), (3, 300)]
)
def test_a_pack_of_nothing_is_no_pack(size: object, expected: int) -> None:
    packed = price("p", 100, transform_quantity={"divide_by": size, "round": "up"})

    assert mrr_of(item(packed, quantity=7)) == expected


@pytest.mark.parametrize("amount", ["a lot", "NaN", "Infinity"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(MalformedError, match="is no amount"):
        mrr_of(item(price("p", 100, unit_amount_decimal=amount)))


@pytest.mark.parametrize(("end_s", "expected"), [(99, 1000), (100, 1000), (101, 500), (None, 500)])
def test_a_discount_holds_until_its_end(end_s: int | None, expected: int) -> None:
    off = coupon_of(percent_off=50, end_s=end_s)

    assert mrr_of(item(price("p", 1000)), discounts=[off], as_of_ms=100_000) == expected


@pytest.mark.parametrize(
    "first",
    [
        coupon_of(percent_off=10, end_s=1),
        coupon_of(amount_off=5, currency="eur"),
        coupon_of(percent_off=10, duration="once"),
    ],
    ids=["over", "another currency", "once"],
)
def test_a_discount_that_does_not_hold_stands_in_no_others_way(first: dict[str, Any]) -> None:
    assert (
        mrr_of(item(price("p", 1000)), discounts=[first, coupon_of(percent_off=50)], as_of_ms=100_000) == 500
    )


@pytest.mark.parametrize(("amount", "off", "expected"), [(3, 2, 1), (1, 1, 0), (0, 1, 0), (5, 5, 0)])
def test_an_amount_off_is_exact_down_to_the_last_cent(amount: int, off: int, expected: int) -> None:
    assert mrr_of(item(price("p", amount)), discounts=[coupon_of(amount_off=off, currency="usd")]) == expected


@pytest.mark.parametrize(("own", "of"), [("eur", "usd"), ("usd", "eur")])
def test_an_amount_of_another_currency_is_never_taken_for_the_subscriptions(own: str, of: str) -> None:
    assert mrr_of(item(price("p", 1000, currency=own)), currency=of) is None
