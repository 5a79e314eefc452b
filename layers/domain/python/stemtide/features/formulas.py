"""The formulas of the features: whole numbers in, at most one division, NaN where the days are unknown.

An average or count is over the known days of its window. A comparison is unknown until both sides are
known in full, or, for a trend, until the long window has two weeks.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from stemtide.features.history import Counter
from stemtide.features.view import DAYS, Distinct, Fact, Floats, View

Formula: TypeAlias = Callable[[View], Floats]

TREND_DAYS: Final = 14
"""Known days from which on the last week can be compared with the last month."""


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


def fact(which: Fact) -> Formula:
    """A column of the profile."""
    return lambda view: view.fact(which)


def history_days(view: View) -> Floats:
    """Known days, at most 90; never unknown."""
    return view.history
