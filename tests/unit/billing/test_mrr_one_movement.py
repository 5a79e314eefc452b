"""What counts of what an account pays: short absences, changes within an hour, trials."""

import pytest
from stemtide.as_of import parse_as_of
from stemtide.billing.mrr import levels, settled

from tests.customer_facts import subscription
from tests.mrr_levels import Told, change, counted, raw, term

END = parse_as_of("2027-12-31")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-02-10T01:00:00.000Z", [("2026-01-10", 100)]),
        (
            "2026-02-10T01:00:00.001Z",
            [("2026-01-10", 100), ("2026-02-10", None), ("2026-02-10T01:00:00.001", 100)],
        ),
    ],
)
def test_an_absence_of_an_hour_is_none_and_a_longer_one_is(at: str, expected: Told) -> None:
    again = subscription("Started", "t-2", at, mrr=100)

    assert counted(term(1, "2026-01-10"), again) == expected


@pytest.mark.parametrize("at", ["2026-02-10T00:30:00Z", "2026-02-10T01:00:00Z"])
def test_an_absence_is_none_whatever_changed_shortly_before(at: str) -> None:
    facts = (
        term(1, "2026-01-10"),
        change(1, "2026-02-09T23:20:00Z", 150),
        subscription("Started", "t-2", at, mrr=150),
    )

    assert counted(*facts) == [("2026-01-10", 100), ("2026-02-09T23:20", 150)]


def test_a_late_renewal_that_changed_nothing_takes_no_part_in_what_comes_after_it() -> None:
    facts = (
        term(1, "2026-01-10"),
        subscription("Started", "t-2", "2026-02-10T00:30:00Z", mrr=100),
        change(1, "2026-02-10T01:20:00Z", 150),
        change(2, "2026-02-10T02:10:00Z", 200),
    )

    assert counted(*facts) == [("2026-01-10", 100), ("2026-02-10T01:20", 200)]


def test_an_absence_at_the_end_of_what_is_told_is_one() -> None:
    facts = (term(1, "2026-01-10", months=None), subscription("Ended", "e", "2026-02-01T12:00:00Z"))

    assert counted(*facts, as_of="2026-02-01T12:00:00Z") == [("2026-01-10", 100), ("2026-02-01T12:00", None)]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("2026-02-01T13:00:00.000Z", [("2026-01-10", 100), ("2026-02-01T12:00", 300)]),
        (
            "2026-02-01T13:00:00.001Z",
            [("2026-01-10", 100), ("2026-02-01T12:00", 200), ("2026-02-01T13:00:00.001", 300)],
        ),
    ],
)
def test_changes_within_an_hour_of_the_first_are_one_at_its_instant(second: str, expected: Told) -> None:
    facts = (
        term(1, "2026-01-10", months=None),
        change(1, "2026-02-01T12:00:00Z", 200),
        change(2, second, 300),
    )

    assert counted(*facts) == expected


def test_the_hour_begins_with_the_first_change_and_not_anew_with_each() -> None:
    facts = (
        term(1, "2026-01-10", months=None),
        *(change(n, f"2026-02-01T{12 + n * 40 // 60}:{n * 40 % 60:02}:00Z", 200 + n) for n in range(4)),
    )

    assert counted(*facts) == [
        ("2026-01-10", 100),
        ("2026-02-01T12:00", 201),
        ("2026-02-01T13:20", 203),
    ]


def test_what_is_taken_back_within_an_hour_never_happened() -> None:
    back = (
        term(1, "2026-01-10", months=None),
        change(1, "2026-02-01T12:00:00Z", 900),
        change(2, "2026-02-01T12:59:00Z", 100),
    )
    gone = (
        subscription("Started", "s", "2026-02-01T12:00:00Z", mrr=100),
        subscription("Ended", "e", "2026-02-01T12:30:00Z"),
    )

    assert counted(*back) == [("2026-01-10", 100)]
    assert counted(*gone) == []


def test_a_trial_counts_from_when_it_is_paid_for_and_a_free_plan_after_it_still_does() -> None:
    facts = (
        term(1, "2026-01-01", mrr=0, months=None),
        change(1, "2026-01-15T00:00:00Z", 100),
        change(2, "2026-03-01T00:00:00Z", 0),
        subscription("Ended", "e", "2026-05-01T00:00:00Z"),
        subscription("Started", "t-2", "2026-06-01T00:00:00Z", mrr=0),
    )

    assert raw(*facts)[0] == ("2026-01-01", 0)
    assert counted(*facts) == [("2026-01-15", 100), ("2026-03-01", 0), ("2026-05-01", None)]


def test_an_absence_pays_nothing() -> None:
    facts = (
        term(1, "2026-01-01", mrr=0, months=1),
        term(2, "2026-03-01", mrr=1),
        term(3, "2026-03-01", mrr=None, plan="sms", addon=True),
    )

    for found in (levels(facts, END, currency="USD"), settled(levels(facts, END, currency="USD"))):
        assert [(one.mrr, one.unknown) for one in found if not one.subscribed] == [(0, 0)] * (len(found) // 2)
    assert counted(*facts) == [("2026-03-01", 1), ("2026-04-01", None)]
