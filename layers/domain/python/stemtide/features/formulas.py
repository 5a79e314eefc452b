"""The formulas of the features: whole numbers in, at most one division, NaN where the days are unknown.

An average or count is over the known days of its window. A comparison is unknown until both sides are
known in full, or, for a trend, until the long window has two weeks. What several features share is computed
for all counters at once.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from stemtide.features.cohorts import age_among_peers, percentile, rank
from stemtide.features.history import Counter
from stemtide.features.usage_at import DAYS, LONG, Distinct
from stemtide.features.view import LEVELS, WEEKS, WEIGHT_UNIT, Fact, Floats, View
from stemtide.limits import LONG_DAYS, SATURATED

Formula: TypeAlias = Callable[[View], Floats]

TREND_DAYS: Final = 14
"""Known days from which on the last week can be compared with the last month."""
SEASON_DAYS: Final = 60
"""Known days from which on the last month can be compared with the last quarter."""
HALF_YEAR_DAYS: Final = 180
"""Known days from which on the last quarter can be compared with the last year."""
YEAR_AGO: Final = LONG[-1]
FAR_DAYS: Final = 365
"""A limit that far ahead is of no interest today."""
USUAL_DAYS: Final = 28
"""Known days before the last week from which on they tell what is usual."""
USUAL_WEEKS: Final = 4
"""Known weeks before the last from which on they tell what is usual."""


def ratio(above: Floats, below: Floats) -> Floats:
    """above / below, NaN where that is nothing."""
    known = below > 0
    found: Floats = np.where(known, above, np.nan)
    np.divide(found, below, out=found, where=known)
    return found


def where(condition: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], values: Floats) -> Floats:
    """The values where the condition holds, else NaN."""
    return np.where(condition, values, np.nan)


def average(counter: int, length: int) -> Formula:
    """Per known day of the window."""

    def averages(view: View) -> Floats:
        return ratio(view.totals(length), view.known(length)[:, np.newaxis])

    return lambda view: view.once(("average", length), lambda: averages(view))[:, counter]


def compared(counter: int, recent: int, length: int, *, known_days: int) -> Formula:
    """The daily average of `recent` days over that of `length` days, from so many known days on."""

    def ratios(view: View) -> Floats:
        short, long = view.known(recent)[:, np.newaxis], view.known(length)[:, np.newaxis]
        found = ratio(view.totals(recent) * long, view.totals(length) * short)
        return where(view.has(known_days)[:, np.newaxis], found)

    return lambda view: view.once(("compared", recent, length), lambda: ratios(view))[:, counter]


def trend(counter: int) -> Formula:
    """The daily average of 7 days over that of 30 days."""
    return compared(counter, 7, 30, known_days=TREND_DAYS)


def quarterly(counter: int) -> Formula:
    """The daily average of 30 days over that of 90 days."""
    return compared(counter, 30, 90, known_days=SEASON_DAYS)


def yearly(counter: int) -> Formula:
    """The daily average of 90 days over that of 360 days."""
    return compared(counter, 90, 360, known_days=HALF_YEAR_DAYS)


def against_last_year(counter: int) -> Formula:
    """The last 28 days over the same 28 (four of every weekday) 52 weeks before."""

    def ratios(view: View) -> Floats:
        found = ratio(view.totals(28), view.totals(*YEAR_AGO))
        return where(view.has(LONG_DAYS)[:, np.newaxis], found)

    return lambda view: view.once("against last year", lambda: ratios(view))[:, counter]


def against_usual(counter: int) -> Formula:
    """The daily average of the last 7 days over that of the account's known days before them."""

    def ratios(view: View) -> Floats:
        before = (view.known(90) - 7)[:, np.newaxis]
        week, usual = view.totals(7), view.totals(90) - view.totals(7)
        return where(view.has(USUAL_DAYS + 7)[:, np.newaxis], ratio(week * before, usual * 7))

    return lambda view: view.once("against usual", lambda: ratios(view))[:, counter]


def deviation(counter: int) -> Formula:
    """The last week against the account's known weeks before it, up to eleven, in units of their usual
    variation: the root of their variance and, as counts vary by themselves, of their mean.

    Whole weeks are compared, so no weekend and no working day weighs more than in another.
    """
    return lambda view: view.once("deviation", lambda: _deviations(view))[:, counter]


def _deviations(view: View) -> Floats:
    """[rows, Counter.EVENTS and USERS]."""
    number = np.minimum((view.history - 7) // 7, WEEKS - 1)[:, np.newaxis]
    sums = view.weeks()[:, : Counter.USERS + 1]
    weeks = np.where(number[:, :, np.newaxis] >= np.arange(1, WEEKS), sums[:, :, 1:], 0.0)
    usual, squares = weeks.sum(axis=2), (weeks * weeks).sum(axis=2)
    known = (number >= USUAL_WEEKS) & (usual > 0)
    enough = np.where(known, number, 1)
    mean = usual / enough
    spread = np.sqrt(np.maximum(squares / enough - mean * mean, 0) + mean)
    return where(known, (sums[:, :, 0] - mean) / np.where(known, spread, 1))


def weekly_change(counter: int) -> Formula:
    """(this week - the week before) / the week before."""

    def changes(view: View) -> Floats:
        before = view.totals(7, 7)
        return where(view.has(14)[:, np.newaxis], ratio(view.totals(7) - before, before))

    return lambda view: view.once("weekly change", lambda: changes(view))[:, counter]


def count(counter: int, length: int) -> Formula:
    """The sum over the known days of the window."""

    def counts(view: View) -> Floats:
        return where(view.has(1)[:, np.newaxis], view.totals(length))

    return lambda view: view.once(("count", length), lambda: counts(view))[:, counter]


def long_count(counter: int, length: int) -> Formula:
    """The sum over a window of which at least half must be known."""
    return lambda view: where(view.has(length // 2), view.total(counter, length))


def long_average(counter: int, length: int) -> Formula:
    """Per known day of a window of which at least half must be known."""
    short = average(counter, length)
    return lambda view: where(view.has(length // 2), short(view))


def saturating(counter: int) -> Formula:
    """The sum over 360 days, up to where more says nothing."""

    def totals(view: View) -> Floats:
        return where(view.has(1)[:, np.newaxis], np.minimum(view.totals(360), SATURATED))

    return lambda view: view.once("saturating", lambda: totals(view))[:, counter]


def share(counter: int) -> Formula:
    """Of the events of 30 days."""
    return lambda view: ratio(view.total(counter, 30), view.total(Counter.EVENTS, 30))


def weighted_share(half_life: int) -> Formula:
    """The share of active days in which a day weighs half after `half_life` days."""
    return lambda view: ratio(view.weighted(Counter.ACTIVE, half_life), view.known_weight(half_life))


def activity(half_life: int) -> Formula:
    """Events by their logarithm, a day weighing half after `half_life` days: not a share, but a stock that
    an account builds up by use and that silence wears away."""
    scale = 1 / (LEVELS * WEIGHT_UNIT)
    return lambda view: where(view.has(1), view.activity(Counter.EVENTS, half_life) * scale)


def distinct(which: Distinct) -> Formula:
    """Distinct things in the window's known days."""
    return lambda view: view.all_distinct()[:, which]


def distinct_change(now: Distinct, before: Distinct, *, relative: bool) -> Formula:
    """Distinct things in 30 days against those in the 30 days before."""

    def formula(view: View) -> Floats:
        more = view.distinct(now) - view.distinct(before)
        return where(view.has(60), ratio(more, view.distinct(before)) if relative else more)

    return formula


def seat_utilization(view: View) -> Floats:
    """Distinct users of 30 days over the seats."""
    return ratio(view.all_distinct()[:, Distinct.USERS_30], view.fact(Fact.SEATS))


def seat_utilization_change(view: View) -> Floats:
    """Seats in use in 30 days less those of the 30 days before, over the seats."""
    more = view.distinct(Distinct.USERS_30) - view.distinct(Distinct.USERS_30_BEFORE)
    return where(view.has(60), ratio(more, view.fact(Fact.SEATS)))


def top_user_share(view: View) -> Floats:
    """The days on which the top user of 30 days came, over the days on which anybody did, each counted."""
    return ratio(view.distinct(Distinct.TOP_USER_DAYS_30), view.total(Counter.USERS, 30))


def limit_use(use: Formula, limit: int) -> Formula:
    """What was used over the plan's limit."""
    return lambda view: ratio(use(view), view.fact(limit))


def days_to_limit(now: Formula, before: Formula, limit: int) -> Formula:
    """Days until the use of 30 days reaches the limit if it goes on growing as against the 30 days before:
    0 when it has, at most a year."""

    def formula(view: View) -> Floats:
        used, growth = now(view), now(view) - before(view)
        left = np.maximum(view.fact(limit) - used, 0)
        days = np.full(left.shape, float(FAR_DAYS))
        np.divide(left * 30, growth, out=days, where=growth > 0)
        days = np.minimum(np.ceil(days), FAR_DAYS) * (left != 0) + left * 0  # unknown stays unknown
        return where(view.has(60), days)

    return formula


def cohort_rank(feature: str, of: Formula) -> Formula:
    """The place of a value among those of accounts of the same age; see `cohorts`."""

    def formula(view: View) -> Floats:
        age = age_among_peers(view.fact(Fact.AGE_DAYS), view.history)
        return rank(view.cohorts, feature, age, of(view))

    return formula


def place_among_all(feature: str, of: Formula, *, of_nothing: float) -> Formula:
    """The place of a value among those of all active customers of the day; see `cohorts`."""
    return lambda view: percentile(view.cohorts, feature, of(view), view.history, of_nothing=of_nothing)


def when_logins_are_sent(formula: Formula) -> Formula:
    """The formula, NaN for an account that is used without ever logging in: it does not send logins."""

    def unknown(view: View) -> Floats:
        sent = (view.total(Counter.LOGINS, DAYS) > 0) | (view.total(Counter.EVENTS, DAYS) == 0)
        return np.where(sent, 0.0, np.nan)

    return lambda view: formula(view) + view.once("without logins", lambda: unknown(view))


def days_since(counter: int) -> Formula:
    """Days since the latest one with the counter (0: the last closed day); all known days without one."""

    def formula(view: View) -> Floats:
        happened = view.days(counter)[:, ::-1] > 0
        since = np.where(happened.any(axis=1), happened.argmax(axis=1), view.history)
        return where(view.has(1), since.astype(np.float64))

    return formula


def longest_gap(view: View) -> Floats:
    """The longest run of days without events among the known of the last 30."""
    places = np.arange(1, 31)
    known = view.known(30)[:, np.newaxis]
    ends_run = (view.days(Counter.ACTIVE, 30) > 0) | (places <= 30 - known)
    since = places - np.maximum.accumulate(np.where(ends_run, places, 0), axis=1)
    return where(known[:, 0] > 0, since.max(axis=1).astype(np.float64))


def _gaps(view: View) -> Floats:
    """[3, rows]: the number of gaps between the active days of 90, their sum, that of their squares."""
    return view.once("gaps", lambda: _made_gaps(view))


def _made_gaps(view: View) -> Floats:
    row, day = np.nonzero(view.days(Counter.ACTIVE))
    within = row[1:] == row[:-1]
    row, gap = row[1:][within], np.diff(day)[within].astype(np.float64)
    size = len(view.history)
    return np.array(
        [np.bincount(row, weights=w, minlength=size) for w in (np.ones_like(gap), gap, gap * gap)]
    )


def usual_gap(view: View) -> Floats:
    """Days from one active day to the next, on average over 90 days."""
    number, total, _ = _gaps(view)
    return ratio(total, number)


def gap_variation(view: View) -> Floats:
    """The standard deviation of the gaps over their mean. Gaps are small whole numbers: where all are equal
    their variance is exactly 0, never a little less."""
    number, total, squares = _gaps(view)
    enough = np.maximum(number, 1)
    mean = total / enough
    return where(number >= 2, ratio(np.sqrt(squares / enough - mean * mean), mean))


def recency(view: View) -> Floats:
    """Days since the last active day over the usual gap."""
    number, total, _ = _gaps(view)
    return ratio(days_since(Counter.ACTIVE)(view) * number, total)


def repertoire(view: View) -> Floats:
    """Features in use in 30 days over those of 90."""
    used = ratio(view.distinct(Distinct.TYPES_30), view.distinct(Distinct.TYPES_90))
    return where(view.has(SEASON_DAYS), used)


def fact(which: int) -> Formula:
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
