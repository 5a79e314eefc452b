"""Falls against the account's own usual weeks: weekends, variation, seasons, how long, how often."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace as replaced
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from stemtide.calls import DAY_MS, day_number
from stemtide.config_detection import Against, DetectionRule, Measure
from stemtide.config_schema import Events
from stemtide.detection import DayUse, find_drops, season_window, window, without_cooling
from stemtide.drops import Drop
from stemtide.usual import LEAST_WEEKS, MOST_WEEKS, SEASON_DAYS, usual_week, week_of, years_season

D = day_number("2026-03-16")
AS_OF = D * DAY_MS + 9 * 3_600_000
LAST = D - 1
RULE = DetectionRule(
    name="below_usual", measure=Measure.EVENTS, against=Against.USUAL, drop=0.4, deviations=2.0, min_before=20
)


def days(count: Callable[[int], int], ago: Iterable[int]) -> list[DayUse]:
    """Days so many days before the last closed one, with as many events as `count` says of the day."""
    found = [(LAST - one, count(LAST - one)) for one in ago]
    return [DayUse(day=day, events=events, by_event={"page": events}) for day, events in found if events]


def figures(known: list[DayUse], rule: DetectionRule = RULE, as_of_ms: int = AS_OF) -> list[dict[str, Any]]:
    found = find_drops("acme", known, as_of_ms=as_of_ms, rules=[rule], events=Events())
    return [drop.figures for drop in found]


def workdays(day: int) -> int:
    """20 a day from Monday to Friday: 1970-01-01 was a Thursday."""
    return 20 if (day + 3) % 7 < 5 else 0


def test_a_weekend_is_no_drop_on_any_day_of_the_week() -> None:
    for shift in range(7):
        known = [replaced(day, day=day.day + shift) for day in days(workdays, range(70))]
        assert figures(known, as_of_ms=AS_OF + shift * DAY_MS) == []


def test_a_fall_is_told_against_the_usual_week() -> None:
    known = days(lambda day: workdays(day) // (2 if day > LAST - 7 else 1), range(63))

    [told] = figures(known)

    assert told == {"measure": "events", "before": 100, "now": 50, "change": -0.5, "deviations": 5.0}


@pytest.mark.parametrize(("now", "drops"), [(61, 0), (60, 0), (59, 1), (0, 1)])
def test_the_share_must_be_exceeded(now: int, drops: int) -> None:
    known = days(workdays, range(7, 63)) + days(lambda day: now if day == LAST - 3 else 0, range(7))

    assert len(figures(known, replace(RULE, deviations=0.0))) == drops


@pytest.mark.parametrize(("deviations", "drops"), [(4.99, 1), (5.0, 0)])
def test_the_usual_variation_must_be_exceeded(deviations: float, drops: int) -> None:
    known = days(lambda day: workdays(day) // (2 if day > LAST - 7 else 1), range(63))

    assert len(figures(known, replace(RULE, deviations=deviations))) == drops


def test_an_account_whose_weeks_vary_much_falls_less_easily() -> None:
    def uneven(day: int) -> int:
        return workdays(day) * (0 if day > LAST - 7 else 1 + 3 * ((LAST - day) // 7 % 2))

    steady = days(lambda day: workdays(day) if day <= LAST - 7 else 4, range(63))

    assert len(figures(steady)) == 1
    assert figures(days(uneven, range(63))) == []


@pytest.mark.parametrize(("weeks", "drops"), [(LEAST_WEEKS - 1, 0), (LEAST_WEEKS, 1), (MOST_WEEKS, 1)])
def test_a_young_account_has_no_usual_week_yet(weeks: int, drops: int) -> None:
    assert len(figures(days(lambda day: 20, range(7, 7 + 7 * weeks)))) == drops


@pytest.mark.parametrize(("smallest", "active", "drops"), [(140, 7, 1), (141, 7, 0), (140, 6, 1)])
def test_a_small_usual_week_or_few_active_days_are_no_ground(smallest: int, active: int, drops: int) -> None:
    rule = replace(RULE, min_before=smallest, min_active_days=active)

    assert len(figures(days(lambda day: 20, range(7, 63)), rule)) == drops
    assert figures(days(workdays, range(7, 63)), replace(RULE, min_active_days=6)) == []


@pytest.mark.parametrize(("sustained", "drops"), [(1, 1), (3, 1), (4, 0)])
def test_a_fall_must_have_lasted(sustained: int, drops: int) -> None:
    """Nothing for five days: on the third of them, and since, a week has less than 60 of 140."""
    known = days(lambda day: 20, range(5, 70)) + days(lambda day: 0, range(5))
    rule = replace(RULE, sustained_days=sustained, deviations=0.0, drop=0.3)

    assert len(figures(known, rule)) == drops


def test_a_fall_that_comes_every_year_is_none() -> None:
    def holidays(day: int) -> int:
        return 2 if day > LAST - 7 or LAST - SEASON_DAYS - 9 < day <= LAST - SEASON_DAYS - 2 else 20

    recent, year_ago = days(holidays, range(70)), days(holidays, range(SEASON_DAYS - 3, SEASON_DAYS + 40))

    assert len(figures(recent)) == 1
    assert figures([*year_ago, *recent]) == []
    assert len(figures([*days(lambda day: 20, range(SEASON_DAYS - 3, SEASON_DAYS + 40)), *recent])) == 1


def test_what_is_read_covers_what_is_looked_at() -> None:
    rules = [RULE, replace(RULE, sustained_days=5)]

    assert window(AS_OF, rules) == (LAST - 66, LAST)
    assert season_window(AS_OF, rules) == (LAST - SEASON_DAYS - 38, LAST - SEASON_DAYS + 3)
    assert window(AS_OF, [replace(RULE, against=Against.WEEK_BEFORE)]) == (LAST - 13, LAST)

    def holidays(day: int) -> int:
        return 2 if day > LAST - 12 or LAST - SEASON_DAYS - 12 < day <= LAST - SEASON_DAYS else 20

    everything = days(holidays, range(SEASON_DAYS + 200))
    (first, last), (then, until) = window(AS_OF, rules), season_window(AS_OF, rules)
    read = [one for one in everything if first <= one.day <= last or then <= one.day <= until]
    for rule in rules:
        assert figures(read, rule) == figures(
            [d for d in everything if d.day > LAST - SEASON_DAYS - 60], rule
        )


def test_what_lies_outside_is_no_part_of_the_usual() -> None:
    recent = days(lambda day: 20, range(7, 63))
    before = days(lambda day: 10_000, range(63, 140))

    assert figures(recent) == figures(before + recent)


@pytest.mark.parametrize(("days_before", "kept"), [(0, True), (1, False), (14, False), (15, True)])
def test_a_rule_that_has_found_a_drop_rests(days_before: int, kept: bool) -> None:
    rules = [replace(RULE, cooldown_days=14)]
    found = Drop(account="acme", rule="below_usual", as_of_ms=AS_OF)
    before = [
        Drop(account="acme", rule="below_usual", as_of_ms=AS_OF - days_before * DAY_MS),
        Drop(account="acme", rule="other", as_of_ms=AS_OF - DAY_MS),
    ]

    assert without_cooling([found], before, rules) == ([found] if kept else [])


@given(
    totals=st.dictionaries(st.integers(900, 1000), st.integers(1, 50)),
    known_from=st.integers(880, 1000),
)
def test_the_usual_week_is_the_mean_of_its_whole_weeks(totals: dict[int, int], known_from: int) -> None:
    end = 1000
    weeks = []
    for back in range(1, MOST_WEEKS + 1):
        inside = range(end - 7 * back - 6, end - 7 * back + 1)
        if inside[0] >= known_from:
            weeks.append([totals.get(day, 0) for day in inside])

    found = usual_week(totals, end, known_from=known_from)

    if len(weeks) < LEAST_WEEKS:
        assert found is None
        return
    sums = [sum(week) for week in weeks]
    mean = sum(sums) / len(sums)
    variance = sum((one - mean) ** 2 for one in sums) / len(sums)
    assert found is not None
    assert found.total == Fraction(sum(sums), len(sums))
    assert found.active_days == Fraction(sum(count > 0 for week in weeks for count in week), len(weeks))
    assert math.isclose(found.variation, math.sqrt(variance + mean), abs_tol=1e-9)


def test_a_season_without_a_full_month_before_it_says_nothing() -> None:
    then = 1000 - SEASON_DAYS
    known = dict.fromkeys(range(then - 34, then - 6), 10) | dict.fromkeys(range(then - 6, then + 4), 5)

    assert years_season(known, 1000) == Fraction(1, 2)
    missing = {day: total for day, total in known.items() if not then - 14 < day <= then - 7}
    assert years_season(missing, 1000) == 1
    assert years_season({day: 30 if day > then - 10 else 10 for day in known}, 1000) == 1
    assert week_of(known, then) == (35, 7)
