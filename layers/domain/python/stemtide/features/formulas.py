"""The formulas of the features: whole numbers in, at most one division, NaN where the days are unknown.

An average or count is over the known days of its window. A comparison is unknown until both sides are
known in full, or, for a trend, until the long window has two weeks.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from stemtide.features.history import Counter
from stemtide.features.view import DAYS, WEEKS, Distinct, Fact, Floats, View

Formula: TypeAlias = Callable[[View], Floats]

TREND_DAYS: Final = 14
"""Known days from which on the last week can be compared with the last month."""
SEASON_DAYS: Final = 60
"""Known days from which on the last month can be compared with the last quarter."""
USUAL_DAYS: Final = 28
"""Known days before the last week from which on they tell what is usual."""
USUAL_WEEKS: Final = 4
"""Known weeks before the last from which on they tell what is usual."""


def ratio(above: Floats, below: Floats) -> Floats:
    """above / below, NaN where that is nothing."""
    known = below > 0
    return np.where(known, above / np.where(known, below, 1), np.nan)


def where(condition: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], values: Floats) -> Floats:
    """The values where the condition holds, else NaN."""
    return np.where(condition, values, np.nan)


def average(counter: Counter, length: int) -> Formula:
    """Per known day of the window."""
    return lambda view: ratio(view.total(counter, length), view.known(length))


def trend(counter: Counter) -> Formula:
    """The daily average of 7 days over that of 30 days."""

    def formula(view: View) -> Floats:
        week = view.total(counter, 7) * view.known(30)
        return where(view.history >= TREND_DAYS, ratio(week, view.total(counter, 30) * view.known(7)))

    return formula


def quarterly(counter: Counter) -> Formula:
    """The daily average of 30 days over that of 90 days."""

    def formula(view: View) -> Floats:
        month = view.total(counter, 30) * view.known(90)
        return where(view.history >= SEASON_DAYS, ratio(month, view.total(counter, 90) * view.known(30)))

    return formula


def against_usual(counter: Counter) -> Formula:
    """The daily average of the last 7 days over that of the account's known days before them."""

    def formula(view: View) -> Floats:
        before = view.known(90) - 7
        week, usual = view.total(counter, 7), view.total(counter, 90) - view.total(counter, 7)
        return where(before >= USUAL_DAYS, ratio(week * before, usual * 7))

    return formula


def deviation(counter: Counter) -> Formula:
    """The last week against the account's known weeks before it, up to eleven, in units of their usual
    variation: the root of their variance and, as counts vary by themselves, of their mean.

    Whole weeks are compared, so no weekend and no working day weighs more than in another.
    """

    def formula(view: View) -> Floats:
        number = np.minimum((view.history - 7) // 7, WEEKS - 1)
        usual, squares = np.zeros_like(number), np.zeros_like(number)
        for week in range(1, WEEKS):
            total = np.where(number >= week, view.total(counter, 7, 7 * week), 0.0)
            usual += total
            squares += total * total
        known = (number >= USUAL_WEEKS) & (usual > 0)
        enough = np.where(known, number, 1)
        mean = usual / enough
        spread = np.sqrt(np.maximum(squares / enough - mean * mean, 0) + mean)
        return where(known, (view.total(counter, 7) - mean) / np.where(known, spread, 1))

    return formula


def weekly_change(counter: Counter) -> Formula:
    """(this week - the week before) / the week before."""

    def formula(view: View) -> Floats:
        before = view.total(counter, 7, 7)
        return where(view.history >= 14, ratio(view.total(counter, 7) - before, before))

    return formula


def count(counter: Counter, length: int) -> Formula:
    """The sum over the known days of the window."""
    return lambda view: where(view.history > 0, view.total(counter, length))


def weighted_share(half_life: int) -> Formula:
    """The share of active days in which a day weighs half after `half_life` days."""
    return lambda view: ratio(view.weighted(Counter.ACTIVE, half_life), view.known_weight(half_life))


def distinct(which: Distinct) -> Formula:
    """Distinct things in the window's known days."""
    return lambda view: where(view.history > 0, view.distinct(which))


def distinct_change(now: Distinct, before: Distinct, *, relative: bool) -> Formula:
    """Distinct things in 30 days against those in the 30 days before."""

    def formula(view: View) -> Floats:
        more = view.distinct(now) - view.distinct(before)
        return where(view.history >= 60, ratio(more, view.distinct(before)) if relative else more)

    return formula


def core_action_share(view: View) -> Floats:
    """Core actions of 30 days over all events."""
    return ratio(view.total(Counter.CORE_ACTIONS, 30), view.total(Counter.EVENTS, 30))


def seat_utilization(view: View) -> Floats:
    """Distinct users of 30 days over the seats."""
    users = where(view.history > 0, view.distinct(Distinct.USERS_30))
    return ratio(users, view.fact(Fact.SEATS))


def when_logins_are_sent(formula: Formula) -> Formula:
    """The formula, NaN for an account that is used without ever logging in: it does not send logins."""

    def guarded(view: View) -> Floats:
        silent = view.total(Counter.EVENTS, DAYS) == 0
        return where((view.total(Counter.LOGINS, DAYS) > 0) | silent, formula(view))

    return guarded


def days_since(counter: Counter) -> Formula:
    """Days since the latest one with the counter (0: the last closed day); all known days without one."""

    def formula(view: View) -> Floats:
        happened = view.days(counter)[:, ::-1] > 0
        since = np.where(happened.any(axis=1), happened.argmax(axis=1), view.history)
        return where(view.history > 0, since.astype(np.float64))

    return formula


def longest_gap(view: View) -> Floats:
    """The longest run of days without events among the known of the last 30."""
    places = np.arange(1, 31)
    known = view.known(30)[:, np.newaxis]
    ends_run = (view.days(Counter.ACTIVE, 30) > 0) | (places <= 30 - known)
    since = places - np.maximum.accumulate(np.where(ends_run, places, 0), axis=1)
    return where(known[:, 0] > 0, since.max(axis=1).astype(np.float64))


def _gaps(view: View) -> tuple[Floats, Floats, Floats]:
    """Of the active days of 90: how many gaps lie between them, their sum and the sum of their squares."""
    active = view.days(Counter.ACTIVE) > 0
    places = np.arange(1, DAYS + 1)
    latest = np.maximum.accumulate(np.where(active, places, 0), axis=1)
    before = np.concatenate((np.zeros((len(active), 1), dtype=latest.dtype), latest[:, :-1]), axis=1)
    gap = np.where(active & (before > 0), places - before, 0).astype(np.float64)
    return (gap > 0).sum(axis=1).astype(np.float64), gap.sum(axis=1), (gap * gap).sum(axis=1)


def usual_gap(view: View) -> Floats:
    """Days from one active day to the next, on average over 90 days."""
    number, total, _ = _gaps(view)
    return ratio(total, number)


def gap_variation(view: View) -> Floats:
    """The standard deviation of the gaps over their mean."""
    number, total, squares = _gaps(view)
    enough = np.maximum(number, 1)
    mean = total / enough
    return where(number >= 2, ratio(np.sqrt(np.maximum(squares / enough - mean * mean, 0)), mean))


def recency(view: View) -> Floats:
    """Days since the last active day over the usual gap."""
    number, total, _ = _gaps(view)
    return ratio(days_since(Counter.ACTIVE)(view) * number, total)


def repertoire(view: View) -> Floats:
    """Features in use in 30 days over those of 90."""
    used = ratio(view.distinct(Distinct.TYPES_30), view.distinct(Distinct.TYPES_90))
    return where(view.history >= SEASON_DAYS, used)


def fact(which: Fact) -> Formula:
    """A column of the profile."""
    return lambda view: view.fact(which)


def rose(which: Fact) -> Formula:
    """Whether a column of the profile is above nothing."""
    return lambda view: where(~np.isnan(view.fact(which)), (view.fact(which) > 0).astype(np.float64))


def fell(which: Fact) -> Formula:
    """Whether a column of the profile is below nothing."""
    return lambda view: where(~np.isnan(view.fact(which)), (view.fact(which) < 0).astype(np.float64))


def history_days(view: View) -> Floats:
    """Known days, at most 90; never unknown."""
    return view.history
