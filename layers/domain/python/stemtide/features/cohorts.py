"""How the accounts of one day are used: what a place among those of the same age or among all is taken from.

Tables of quantiles, by age and of all, made of the customers of that day: no account sees what others do
after its own day. See `peers`.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

AGE_EDGES: Final = (90, 180, 360, 720)
"""Days of tenure at which the next cohort begins."""
QUANTILES: Final = 101
MIN_ACCOUNTS: Final = 20
"""That a cohort must have for its quantiles to be told."""
RANK_ERROR: Final = 0.021
"""How far a rank may lie from a direct count: a table has `QUANTILES` of the values, each at a rounded place.
Measured .0205 for 20 accounts, .005 for 100, .0098 for 10,000."""


class Cohorts(msgspec.Struct, frozen=True, kw_only=True):
    """Sorted values by feature, `QUANTILES` of each; empty where there were too few accounts."""

    values: dict[str, tuple[tuple[float, ...], ...]]
    """By cohort."""
    everyone: dict[str, tuple[float, ...]] = {}
    """Of all active customers of the day."""


def age_among_peers(age_days: Floats, known_days: Floats) -> Floats:
    """The age by which an account's cohort goes: if it is unknown, the days that are known of its use."""
    return np.where(np.isnan(age_days), known_days, age_days)


def cohort_of(age_days: Floats) -> npt.NDArray[np.int64]:
    """The cohort of each age; of an unknown age the last, which means nothing."""
    return np.searchsorted(AGE_EDGES, age_days, side="right")


def cohorts_of(
    age_days: Floats, by_age: dict[str, Floats], of_all: dict[str, Floats] | None = None
) -> Cohorts:
    """The tables of accounts: of some values by age, where that is known, and of some whatever the age."""
    groups = np.where(np.isnan(age_days), -1, cohort_of(age_days))
    return Cohorts(
        values={
            name: tuple(_quantiles(values[groups == group]) for group in range(len(AGE_EDGES) + 1))
            for name, values in by_age.items()
        },
        everyone={name: _quantiles(values) for name, values in (of_all or {}).items()},
    )


def rank(cohorts: Cohorts | None, feature: str, age_days: Floats, values: Floats) -> Floats:
    """The share of the cohort's quantiles that lie below each value, half of those that equal it; NaN where
    unknown. That is the share of its accounts but for `RANK_ERROR`."""
    ranks = np.full(len(values), np.nan)
    if cohorts is None:
        return ranks
    tables: Sequence[tuple[float, ...]] = cohorts.values.get(feature, ())
    groups = np.where(np.isnan(age_days) | np.isnan(values), -1, cohort_of(age_days))
    for group, table in enumerate(tables):
        rows = groups == group
        if table and rows.any():
            ranks[rows] = _place(table, values[rows])
    return ranks


def percentile(
    cohorts: Cohorts | None, feature: str, values: Floats, known_days: Floats, *, of_nothing: float
) -> Floats:
    """The same among the active customers of the day, whatever their age: a share, not of a hundred.

    Args:
        known_days: of each account's use; with none it has never been used, and has the place `of_nothing`.
    """
    table = () if cohorts is None else cohorts.everyone.get(feature, ())
    if not table:
        return np.full(len(values), np.nan)
    places = np.where(np.isnan(values), np.nan, _place(table, values))
    return np.where(known_days == 0, of_nothing, places)


def _place(table: Sequence[float], values: Floats) -> Floats:
    below, upto = np.searchsorted(table, values, "left"), np.searchsorted(table, values, "right")
    return np.asarray((below + upto) / (2 * len(table)))


def _quantiles(values: Floats) -> tuple[float, ...]:
    known = np.sort(values[~np.isnan(values)])
    if len(known) < MIN_ACCOUNTS:
        return ()
    places = np.linspace(0, len(known) - 1, QUANTILES).round().astype(np.int64)
    return tuple(known[places].tolist())
