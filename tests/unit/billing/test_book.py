"""What an account subscribes to, line by line, and how each change of it becomes facts."""

from typing import Any

import pytest
from stemtide.billing.book import EMPTY, Book, End, Line, ends_of, lines_of, standing
from stemtide.billing.normalise import subscription_of
from stemtide.billing.plan_names import PlanNames
from stemtide.billing.telling import News, tell
from stemtide.facts import Fact

from tests.billing_memory import PLANS
from tests.billing_provider import item, price, subscription

DAY_MS = 86_400_000
BUSINESS = price("business", 2500, lookup_key="business")


def line(plan: str = "business", **changes: Any) -> Line:
    said: dict[str, Any] = {
        "plan": plan,
        "subscriptions": ("sub_1",),
        "rank": {"starter": 1, "business": 2}.get(plan),
        "mrr": 1000,
        "quantity": 1,
        "units": "seats",
        "currency": "USD",
        "since_ms": DAY_MS,
        "period_start_ms": DAY_MS,
        "period_end_ms": 31 * DAY_MS,
    }
    return Line(**said | changes)


def told(book: Book, *lines: Line, at_ms: int, customer: str = "cus_1", **ends: End) -> Book:
    """The book with a customer's lines, nothing of it owed any more."""
    return tell(book, customer, lines, News(at_ms=at_ms, known_ms=at_ms, ends=ends))


def new_facts(before: Book, after: Book) -> list[Fact]:
    return list(after.owed[len(before.owed) :])


def of_plans(facts: list[Fact]) -> list[tuple[str, str, int]]:
    return [(one.kind, one.data["plan"], one.at_ms) for one in facts if one.kind != "traits"]


def traits(facts: list[Fact]) -> dict[str, Any]:
    return {name: value for one in facts if one.kind == "traits" for name, value in one.data.items()}


def subscribed(name: str, *items: dict[str, Any], **more: Any) -> Any:
    return subscription_of(
        subscription(name, "cus_1", *items, **more), names=PlanNames(plans=PLANS), as_of_ms=0
    )


def test_two_subscriptions_of_a_plan_are_one_line_with_the_earliest_renewal() -> None:
    one = subscribed("1", item(BUSINESS, start_s=100), at_s=100)
    other = subscribed("2", item(BUSINESS, start_s=50, quantity=2), at_s=50)

    [found] = lines_of([one, other])

    assert found.subscriptions == ("sub_1", "sub_2")
    assert (found.mrr, found.quantity, found.units) == (7500, 3, "seats")
    assert (found.since_ms, found.period_start_ms) == (50_000, 100_000)
    assert found.period_end_ms == min(one.period_end_ms, other.period_end_ms)


@pytest.mark.parametrize(("units", "expected"), [("seats", "seats"), ("licences", None), (None, None)])
def test_units_that_differ_are_none(units: str | None, expected: str | None) -> None:
    found = standing({"a": [line()], "b": [line(units=units, period_end_ms=None)]})["business"]

    assert (found.units, found.period_end_ms) == (expected, 31 * DAY_MS)


@pytest.mark.parametrize(
    ("feedback", "cause", "reason"),
    [
        ("too_expensive", "cancellation_requested", "too_expensive"),
        (None, "payment_failed", "payment_failed"),
        (None, None, None),
    ],
)
def test_an_end_has_the_customers_reason_before_the_providers(
    feedback: str | None, cause: str | None, reason: str | None
) -> None:
    over = {"status": "canceled", "ended_at": 9}
    why = {"cancellation_details": {"feedback": feedback, "reason": cause}}

    found = ends_of([subscribed("1", item(BUSINESS), **over, **why)])

    assert found == {"sub_1": End(at_ms=9000, reason=reason)}


def test_only_what_is_over_and_says_since_when_has_an_end() -> None:
    running = subscribed("1", item(BUSINESS), ended_at=9)
    silent = subscribed("2", item(BUSINESS), status="canceled")

    assert ends_of([running, silent]) == {}


def test_of_plans_that_nobody_configured_the_dearest_is_the_accounts() -> None:
    found = standing({"a": [line("Voice", mrr=200), line("SMS", mrr=300), line("Zap", mrr=None)]})

    assert {name: one.addon for name, one in found.items()} == {"SMS": False, "Voice": True, "Zap": True}


def test_a_configured_plan_of_the_lowest_rank_comes_before_any_other() -> None:
    found = standing({"a": [line("starter", rank=0, mrr=0), line("Voice", mrr=900)]})

    assert (found["starter"].addon, found["Voice"].addon) == (False, True)


def test_the_plans_own_currency_is_the_accounts_whatever_the_others_are_called() -> None:
    euros = standing(
        {"a": [line(currency="EUR")], "b": [line("zoom", since_ms=1), line("abc", currency="EUR")]}
    )

    assert {name: (one.currency, one.mrr, one.addon) for name, one in euros.items()} == {
        "business": ("EUR", 1000, False),
        "abc": ("EUR", 1000, True),
        "zoom (USD)": ("USD", None, True),
    }


def test_a_name_with_its_currency_is_no_longer_than_a_name_may_be() -> None:
    found = standing({"a": [line(), line("x" * 256, currency="EUR")]})

    [foreign] = [name for name in found if name != "business"]
    assert (len(foreign), foreign[-8:]) == (256, "xx (EUR)")


def test_a_period_that_begins_anew_is_a_beginning_and_one_that_goes_back_is_nothing() -> None:
    first = told(EMPTY, line(), at_ms=DAY_MS)
    renewed = told(first, line(period_start_ms=31 * DAY_MS), at_ms=31 * DAY_MS)
    back = told(renewed, line(period_start_ms=20 * DAY_MS), at_ms=32 * DAY_MS)

    assert of_plans(new_facts(first, renewed)) == [("started", "business", 31 * DAY_MS)]
    assert of_plans(new_facts(renewed, back)) == []


def test_an_add_on_that_becomes_the_plan_does_so_after_all_that_was_told() -> None:
    sms, plan = line("SMS", subscriptions=("sub_2",)), line()
    first = told(EMPTY, plan, sms, at_ms=DAY_MS)
    later = told(first, line(mrr=2000), sms, at_ms=9 * DAY_MS)

    alone = told(later, sms, at_ms=5 * DAY_MS, sub_1=End(at_ms=5 * DAY_MS))

    assert of_plans(new_facts(later, alone)) == [
        ("changed", "SMS", 9 * DAY_MS + 1),
        ("ended", "business", 9 * DAY_MS + 1),
    ]


def test_a_change_of_the_plan_itself_waits_for_no_add_on() -> None:
    plan, sms = line(), line("SMS", subscriptions=("sub_2",))
    first = told(EMPTY, plan, sms, at_ms=DAY_MS)
    later = told(first, plan, line("SMS", subscriptions=("sub_2",), mrr=50), at_ms=9 * DAY_MS)

    changed = told(later, line(mrr=2000), line("SMS", subscriptions=("sub_2",), mrr=50), at_ms=5 * DAY_MS)

    assert of_plans(new_facts(later, changed)) == [("changed", "business", 5 * DAY_MS)]


def test_a_change_of_an_add_on_that_stays_one_waits_for_nothing() -> None:
    first = told(EMPTY, line(), line("SMS", subscriptions=("sub_2",)), at_ms=DAY_MS)
    later = told(first, line(mrr=2000), line("SMS", subscriptions=("sub_2",)), at_ms=9 * DAY_MS)

    changed = told(later, line(mrr=2000), line("SMS", subscriptions=("sub_2",), mrr=50), at_ms=5 * DAY_MS)

    assert of_plans(new_facts(later, changed)) == [("changed", "SMS", 5 * DAY_MS)]


def test_facts_of_one_plan_at_one_instant_follow_each_other_by_a_millisecond() -> None:
    first = told(EMPTY, line(), at_ms=DAY_MS)
    second = told(first, line(mrr=2000), at_ms=DAY_MS)
    third = told(second, line(mrr=3000), at_ms=DAY_MS)

    assert [at_ms for _, _, at_ms in of_plans(list(third.owed))] == [DAY_MS, DAY_MS + 1, DAY_MS + 2]


def test_only_a_beginning_that_is_told_late_says_since_when() -> None:
    starter = line("starter", subscriptions=("sub_2",))
    first = told(EMPTY, starter, at_ms=2 * DAY_MS)
    second = told(first, starter, line(since_ms=DAY_MS), at_ms=3 * DAY_MS)
    gone = told(second, starter, at_ms=4 * DAY_MS, sub_1=End(at_ms=4 * DAY_MS))
    back = told(gone, starter, line(since_ms=DAY_MS), at_ms=4 * DAY_MS)

    starts = [one for one in back.owed if one.kind == "started"]
    assert [one.data.get("term_start") for one in starts] == [None, "1970-01-02T00:00:00.000Z", None]
    assert [one.at_ms for one in starts] == [DAY_MS, DAY_MS + 1, 4 * DAY_MS + 1]


def test_the_first_customer_stays_the_accounts_until_it_has_nothing_and_another_has() -> None:
    first = told(EMPTY, at_ms=1)
    both = told(first, line(), at_ms=2, customer="cus_2")
    back = told(both, line(subscriptions=("sub_9",)), at_ms=3)
    second_again = told(back, line(mrr=7), at_ms=4, customer="cus_2")

    assert traits(new_facts(EMPTY, first)) == {"stripe_customer_id": "cus_1"}
    assert traits(new_facts(first, both))["stripe_customer_id"] == "cus_2"
    assert "stripe_customer_id" not in traits(new_facts(both, back))
    assert "stripe_customer_id" not in traits(new_facts(back, second_again))


def test_a_customer_without_anything_takes_nobodys_place() -> None:
    first = told(EMPTY, at_ms=1)
    other = told(first, at_ms=2, customer="cus_2")

    assert other.traits["stripe_customer_id"] == "cus_1"
    assert traits(new_facts(first, other)) == {}


def test_who_becomes_another_accounts_takes_only_its_own_name_along() -> None:
    both = told(told(EMPTY, line(), at_ms=1), line("SMS"), at_ms=2, customer="cus_2")
    news = News(at_ms=3, known_ms=3, ends={})

    without_second, without_first = tell(both, "cus_2", None, news), tell(both, "cus_1", None, news)

    assert without_second.traits["stripe_customer_id"] == "cus_1"
    assert without_first.traits["stripe_customer_id"] is None
    assert tell(both, "cus_3", None, news) == both


def test_a_renewal_is_told_while_there_is_one_and_taken_back_once() -> None:
    first = told(EMPTY, line(), at_ms=1)
    gone = told(first, at_ms=2, sub_1=End(at_ms=2))
    still = told(gone, at_ms=3)

    assert traits(new_facts(EMPTY, first))["renewal_date"] == "1970-02-01"
    assert traits(new_facts(first, gone)) == {"renewal_date": None}
    assert new_facts(gone, still) == []
    assert "renewal_date" not in told(EMPTY, at_ms=1).traits


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({"sub_1": End(at_ms=5 * DAY_MS, reason="x")}, 5 * DAY_MS),
        ({}, 9 * DAY_MS),
        ({"sub_9": End(at_ms=5 * DAY_MS)}, 9 * DAY_MS),
    ],
)
def test_an_end_is_dated_by_the_subscription_else_by_the_event(ends: dict[str, End], expected: int) -> None:
    first = told(EMPTY, line(), at_ms=DAY_MS)

    assert of_plans(new_facts(first, told(first, at_ms=9 * DAY_MS, **ends))) == [
        ("ended", "business", expected)
    ]
