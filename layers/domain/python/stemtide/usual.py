"""An account's usual week, by its own weeks before: what a fall of its use is measured against.

Weeks are whole, so each has every weekday once. What comes every year, holidays above all, is taken out by
the same weeks a year ago, where they are known.
"""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, NamedTuple

WEEK_DAYS: Final = 7
MOST_WEEKS: Final = 8
"""Weeks before that tell what is usual: long enough for a steady mean, short enough to follow growth."""
LEAST_WEEKS: Final = 3
SEASON_DAYS: Final = 52 * WEEK_DAYS
"""A year back on the same weekday."""
SEASON_WEEKS: Final = 4
SHIFT_DAYS: Final = 3


class Week(NamedTuple):
    """Seven days: their sum, and how many of them had some."""

    total: int
    active_days: int


class Usual(NamedTuple):
    """The mean of some weeks: sum, active days, and the root of the sums' variance and, as counts vary by
    themselves, of their mean."""

    total: Fraction
    active_days: Fraction
    variation: float


def week_of(totals: Mapping[int, int], end: int) -> Week:
    """The seven days up to `end`."""
    found = [totals[day] for day in range(end - WEEK_DAYS + 1, end + 1) if totals.get(day)]
    return Week(sum(found), len(found))


def usual_week(totals: Mapping[int, int], end: int, *, known_from: int) -> Usual | None:
    """What is usual before the week that ends on `end`; None when too few whole weeks are known.

    Args:
        totals: by day (since 1970-01-01), days without any left out.
        known_from: the first day of which usage is known.
    """
    number = min(MOST_WEEKS, (end - WEEK_DAYS + 1 - known_from) // WEEK_DAYS)
    if number < LEAST_WEEKS:
        return None
    weeks = [week_of(totals, end - WEEK_DAYS * back) for back in range(1, number + 1)]
    mean = Fraction(sum(week.total for week in weeks), number)
    variance = Fraction(sum(week.total**2 for week in weeks), number) - mean**2
    return Usual(
        total=mean,
        active_days=Fraction(sum(week.active_days for week in weeks), number),
        variation=math.sqrt(variance + mean),
    )


def years_season(totals: Mapping[int, int], end: int) -> Fraction:
    """How the same week a year ago was below the four before it: at most 1, and 1 where that is not known.

    The lowest of the weeks around it counts: holidays move by some days.
    """
    then = end - SEASON_DAYS
    before = [week_of(totals, then - WEEK_DAYS * back).total for back in range(1, SEASON_WEEKS + 1)]
    if not all(before):
        return Fraction(1)
    lowest = min(week_of(totals, then + shift).total for shift in range(-SHIFT_DAYS, SHIFT_DAYS + 1))
    return min(Fraction(1), Fraction(lowest * SEASON_WEEKS, sum(before)))
