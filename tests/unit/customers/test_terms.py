"""Terms of subscriptions in the profile as of an instant, and who is a customer."""

import pytest
from stemtide.as_of import last_closed_day, parse_as_of
from stemtide.calls import timestamp_ms
from stemtide.facts import (
    MAX_AHEAD_TERMS,
    at_instant,
    fold_to_store,
)
from stemtide.profile import Profile, is_customer

from tests.customer_facts import at, subscription, traits


@pytest.mark.parametrize(
    ("start", "months", "last_day", "renewal"),
    [
        ("2026-01-31", 1, "2026-02-27", "2026-02-28"),
        ("2024-01-31", 1, "2024-02-28", "2024-02-29"),
        ("2024-02-29", 12, "2025-02-27", "2025-02-28"),
        ("2024-02-29", 48, "2028-02-28", "2028-02-29"),
        ("2025-12-15", 2, "2026-02-14", "2026-02-15"),
    ],
)
def test_a_term_runs_for_calendar_months_and_then_out(
    start: str, months: int, last_day: str, renewal: str
) -> None:
    fact = subscription("Started", "m-1", f"{start}T00:00:00Z", mrr=500, term_months=months)

    running, over = at(last_day, fact), at(renewal, fact)

    assert (running.subscribed, running.plan, running.mrr) == (True, "pro", 500)
    assert running.renewal_date == renewal
    assert (over.subscribed, over.terms, over.plan) == (False, (), None)
    stored = fold_to_store([fact], parse_as_of(last_day))
    assert at_instant(stored, parse_as_of(renewal)) == over
    assert at_instant(stored, parse_as_of(last_day)) == stored


def test_a_renewal_in_time_keeps_the_customer_and_a_renewal_known_ahead_does_too() -> None:
    first = subscription("Started", "m-1", "2026-01-01T00:00:00Z", term_months=1, mrr=100)
    ahead = subscription(
        "Started", "m-2", "2026-01-20T00:00:00Z", term_start="2026-02-01", term_months=1, mrr=120
    )

    assert at("2026-01-25", first, ahead).mrr == 100
    assert at("2026-02-10", first, ahead).mrr == 120
    assert at("2026-02-10", first, ahead).since_ms == timestamp_ms("2026-01-01T00:00:00Z")
    assert at("2026-03-01", first, ahead).subscribed is False
    stored = fold_to_store([first, ahead], parse_as_of("2026-01-20"))
    assert at_instant(stored, parse_as_of("2026-01-31")).mrr == 100
    assert at_instant(stored, parse_as_of("2026-02-10")).mrr == 120
    assert at_instant(stored, parse_as_of("2026-02-10")).subscribed is True
    assert at_instant(stored, parse_as_of("2026-03-01")).subscribed is False


def test_what_is_stored_of_later_terms_stays_small_however_many_there_are() -> None:
    many = [
        subscription("Started", f"m-{i}", "2026-01-01T00:00:00Z", plan=f"p{i}", term_months=i + 1)
        for i in range(MAX_AHEAD_TERMS)
    ]

    stored = fold_to_store(many, parse_as_of("2026-01-02"))

    assert len(stored.terms) == MAX_AHEAD_TERMS
    assert sum(len(step.terms) for step in stored.ahead) <= MAX_AHEAD_TERMS


def test_a_change_keeps_what_it_does_not_name() -> None:
    started = subscription(
        "Started", "m-1", "2026-01-10T00:00:00Z", mrr=100, quantity=5, units="seats", term_months=12
    )
    grown = subscription("Changed", "m-2", "2026-03-01T00:00:00Z", mrr=300, quantity=9)

    profile = at("2026-03-02", started, grown)

    assert (profile.mrr, profile.seats, profile.renewal_date) == (300, 9, "2027-01-10")
    assert at("2026-02-28", started, grown).seats == 5


def test_a_change_to_another_plan_replaces_the_running_one_and_no_add_on() -> None:
    base = subscription("Started", "m-1", "2026-01-10T00:00:00Z", mrr=100, term_months=12)
    addon = subscription("Started", "m-2", "2026-01-10T00:00:00Z", plan="sms", mrr=10, addon=True)
    upgrade = subscription("Changed", "m-3", "2026-03-01T00:00:00Z", plan="enterprise", mrr=900)
    more_sms = subscription("Changed", "m-4", "2026-03-02T00:00:00Z", plan="sms", mrr=20)

    profile = at("2026-03-03", base, addon, upgrade, more_sms)

    assert [(term.plan, term.addon) for term in profile.terms] == [("enterprise", False), ("sms", True)]
    assert (profile.plan, profile.mrr, profile.renewal_date) == ("enterprise", 920, "2027-01-10")


def test_a_change_to_a_later_term_leaves_the_running_one_until_then() -> None:
    now = subscription("Started", "m-1", "2026-01-10T00:00:00Z", mrr=100, term_months=1)
    later = subscription("Changed", "m-2", "2026-01-20T00:00:00Z", mrr=120, term_start="2026-02-10")

    assert at("2026-02-08", now, later).mrr == 100
    assert at("2026-02-10", now, later).mrr == 120


def test_another_plans_price_is_not_that_of_the_plan_before() -> None:
    base = subscription("Started", "m-1", "2026-01-10T00:00:00Z", mrr=100, quantity=4, units="seats")
    upgrade = subscription("Changed", "m-2", "2026-03-01T00:00:00Z", plan="enterprise")

    profile = at("2026-03-02", base, upgrade)

    assert (profile.plan, profile.mrr, profile.seats) == ("enterprise", None, 4)


def test_of_two_running_plans_the_later_one_is_changed_into_another() -> None:
    facts = [
        subscription("Started", "m-1", "2026-01-10T00:00:00Z", plan="basic", term_months=12),
        subscription("Started", "m-2", "2026-02-10T00:00:00Z", plan="pro", term_months=6),
        subscription("Changed", "m-3", "2026-03-01T00:00:00Z", plan="enterprise"),
    ]

    profile = at("2026-03-02", *facts)

    assert [(term.plan, term.months) for term in profile.terms] == [("enterprise", 6)]
    assert profile.renewal_date == "2026-08-10"


def test_a_customer_is_one_since_a_plan_was_first_named() -> None:
    facts = [
        traits("m-1", "2026-01-01T00:00:00Z", name="Acme"),
        traits("m-2", "2026-01-05T00:00:00Z", plan="pro"),
        traits("m-3", "2026-02-05T00:00:00Z", plan="enterprise"),
    ]

    assert at("2026-01-02", *facts).since_ms is None
    assert at("2026-03-01", *facts).since_ms == timestamp_ms("2026-01-05T00:00:00Z")


def test_an_add_on_alone_makes_nobody_a_customer() -> None:
    addon = subscription("Started", "m-1", "2026-01-10T00:00:00Z", plan="sms", mrr=10, addon=True)

    assert at("2026-02-01", addon).subscribed is None
    assert at("2026-02-01", addon).mrr == 10


@pytest.mark.parametrize("number", range(8))
def test_an_end_and_a_start_of_the_same_moment_is_a_renewal_whatever_their_ids(number: int) -> None:
    facts = [
        subscription("Started", "m-1", "2026-01-01T00:00:00Z"),
        subscription("Started", f"m-2-{number}", "2026-02-01T00:00:00Z"),
        subscription("Ended", f"m-3-{number}", "2026-02-01T00:00:00Z"),
    ]

    assert at("2026-02-02", *facts).subscribed is True


@pytest.mark.parametrize(("days_ago", "expected"), [(0, True), (89, True), (90, False), (None, False)])
def test_without_a_word_of_a_plan_use_in_the_last_ninety_days_makes_a_customer(
    days_ago: int | None, expected: bool
) -> None:
    as_of_ms = parse_as_of("2026-06-30")
    last = None if days_ago is None else last_closed_day(as_of_ms) - days_ago

    assert is_customer(Profile(), last_active_day=last, as_of_ms=as_of_ms) is expected
    assert is_customer(Profile(subscribed=True), last_active_day=last, as_of_ms=as_of_ms) is True
    assert is_customer(Profile(subscribed=False), last_active_day=last, as_of_ms=as_of_ms) is False


def test_an_account_that_ended_may_come_back() -> None:
    facts = [
        subscription("Started", "m-1", "2026-01-01T00:00:00Z", mrr=100),
        subscription("Ended", "m-2", "2026-02-01T00:00:00Z", reason="too_expensive"),
        subscription("Started", "m-3", "2026-04-01T00:00:00Z", mrr=80),
    ]

    assert [at(day, *facts).subscribed for day in ("2026-01-15", "2026-03-01", "2026-04-01")] == [
        True,
        False,
        True,
    ]
    assert at("2026-05-01", *facts).since_ms == timestamp_ms("2026-01-01T00:00:00Z")
