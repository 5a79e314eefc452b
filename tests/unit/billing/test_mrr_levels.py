"""What an account pays as a function of time: terms, add-ons, renewals and billing days."""

import pytest
from stemtide.as_of import parse_as_of
from stemtide.billing.mrr import levels, settled
from stemtide.calls import timestamp_ms

from tests.customer_facts import subscription
from tests.mrr_levels import change, raw, term, told


def test_a_term_that_runs_out_ends_by_itself() -> None:
    assert raw(term(1, "2026-01-10")) == [("2026-01-10", 100), ("2026-02-10", None)]
    assert raw(term(1, "2026-01-10"), as_of="2026-02-09") == [("2026-01-10", 100)]
    assert raw(term(1, "2026-01-10", months=None)) == [("2026-01-10", 100)]


def test_what_happens_at_the_instant_itself_counts() -> None:
    fact = term(1, "2026-01-10")
    ends_ms = timestamp_ms("2026-02-10T00:00:00Z")

    assert told(levels([fact], ends_ms, currency="USD"))[1:] == [("2026-02-10", None)]
    assert told(levels([fact], ends_ms - 1, currency="USD"))[1:] == []


def test_what_was_not_known_yet_does_not_count() -> None:
    late = subscription("Ended", "e", "2026-03-05T00:00:00Z", "2026-04-02T00:00:00Z")
    facts = (term(1, "2026-01-10", months=None), late)

    assert raw(*facts, as_of="2026-04-01") == [("2026-01-10", 100)]
    assert raw(*facts, as_of="2026-04-02") == [("2026-01-10", 100), ("2026-03-05", None)]


def test_a_renewal_without_a_gap_is_nothing_and_add_ons_are_added() -> None:
    facts = (
        term(1, "2026-01-10"),
        term(2, "2026-02-10"),
        term(3, "2026-01-20", mrr=30, months=None, plan="sms", addon=True),
    )

    assert raw(*facts) == [("2026-01-10", 100), ("2026-01-20", 130), ("2026-03-10", 30)]


def test_two_plans_beside_each_other_are_added() -> None:
    facts = (term(1, "2026-01-10", months=12), term(2, "2026-01-12", mrr=50, months=12, plan="other"))

    assert raw(*facts, as_of="2026-06-30") == [("2026-01-10", 100), ("2026-01-12", 150)]


@pytest.mark.parametrize(
    ("starts", "last"),
    [
        (("2026-01-31", "2026-02-28"), "2026-03-31"),
        (("2026-01-30", "2026-02-28", "2026-03-30"), "2026-04-30"),
        (("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"), "2026-05-31"),
        (("2024-01-29", "2024-02-29"), "2024-03-29"),
        (("2024-01-31", "2024-02-29"), "2024-03-31"),
        (("2026-02-28",), "2026-03-28"),
        (("2026-01-28", "2026-02-28"), "2026-03-28"),
        (("2026-04-29", "2026-05-29"), "2026-06-29"),
    ],
)
def test_the_billing_day_is_that_of_the_terms_before_where_a_month_was_too_short(
    starts: tuple[str, ...], last: str
) -> None:
    facts = [term(number, start) for number, start in enumerate(starts)]

    assert raw(*facts) == [(starts[0], 100), (last, None)]


def test_a_term_that_followed_nothing_of_its_product_has_its_own_billing_day() -> None:
    facts = (
        term(1, "2026-01-31"),
        term(2, "2026-03-31"),
        term(3, "2026-04-30", mrr=30, plan="sms", addon=True),
    )

    assert raw(*facts) == [
        ("2026-01-31", 100),
        ("2026-02-28", None),
        ("2026-03-31", 100),
        ("2026-04-30", 30),
        ("2026-05-30", None),
    ]


def test_a_longer_term_keeps_the_billing_day_and_what_is_said_ends_it_before() -> None:
    facts = (term(1, "2026-01-31"), term(2, "2026-02-28", months=6))
    ended = subscription("Ended", "e", "2026-08-30T00:00:00Z")

    assert raw(*facts)[-1] == ("2026-08-31", None)
    assert raw(*facts, ended)[-1] == ("2026-08-30", None)


def test_plans_hand_their_billing_day_on_to_one_another_and_add_ons_to_themselves() -> None:
    plans = (term(1, "2026-01-31"), term(2, "2026-02-28", plan="other"))
    add_ons = (
        term(1, "2026-01-31", plan="sms", addon=True),
        term(2, "2026-02-28", plan="mail", addon=True),
    )
    beside = (term(1, "2026-01-31"), term(2, "2026-02-28", plan="sms", addon=True))

    assert raw(*plans)[-1] == ("2026-03-31", None)
    assert raw(*add_ons)[-1] == ("2026-03-28", None)
    assert raw(*beside)[-1] == ("2026-03-28", None)


def test_a_change_after_the_end_that_it_gives_the_term_ends_it() -> None:
    facts = (
        term(1, "2026-01-01", months=None),
        change(1, "2026-02-10T00:00:00Z", 70, term_months=1),
    )

    assert raw(*facts) == [("2026-01-01", 100), ("2026-02-10", None)]


def test_another_plan_of_the_same_price_is_no_change() -> None:
    facts = (term(1, "2026-01-10", months=12), change(1, "2026-03-01T00:00:00Z", 100, plan="other"))

    assert raw(*facts, as_of="2026-06-30") == [("2026-01-10", 100)]


def test_a_plan_without_a_price_counts_nothing_and_is_counted() -> None:
    facts = (
        term(1, "2026-01-10", mrr=None, months=12),
        term(2, "2026-02-10", mrr=30, months=12, plan="sms", addon=True),
    )

    found = settled(levels(facts, parse_as_of("2026-06-30"), currency="USD"))

    assert [(one.mrr, one.subscribed, one.unknown) for one in found] == [(0, True, 1), (30, True, 1)]
