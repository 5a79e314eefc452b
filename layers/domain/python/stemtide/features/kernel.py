"""The one way from histories to feature values, for one account or for all of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from stemtide.config_schema import Plan
from stemtide.features.history import AccountHistory, Counter
from stemtide.features.profile_columns import facts_of
from stemtide.features.registry import FEATURES
from stemtide.features.view import DAYS, DISTINCT, Batch, Distinct, Fact, Floats, View
from stemtide.profile import Profile

USERS: Final = frozenset({Distinct.USERS_30, Distinct.USERS_30_BEFORE})

CHUNK: Final = 2048
"""Rows at a time: a block of 9 MB stays in the cache's reach and bounds memory."""


class Row(NamedTuple):
    """One account at the end of one closed day (days since 1970-01-01)."""

    history: AccountHistory
    profile: Profile
    day: int


def compute(rows: Sequence[Row], *, plans: Sequence[Plan] = ()) -> Floats:
    """Feature values [rows, FEATURES], float64, NaN where unknown; each row's bits depend on it alone."""
    values = np.empty((len(rows), len(FEATURES)))
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        values[start : start + len(chunk)] = evaluate(batch_of(chunk, plans=plans))
    return values


def evaluate(batch: Batch) -> Floats:
    """Feature values of a batch."""
    view = View(batch)
    return np.column_stack([feature.formula(view) for feature in FEATURES])


def batch_of(rows: Sequence[Row], *, plans: Sequence[Plan] = ()) -> Batch:
    """The rows side by side, each aligned so that its last column is its last closed day."""
    block = np.zeros((len(rows), len(Counter), DAYS))
    known = np.empty(len(rows))
    distinct = np.empty((len(rows), len(Distinct)))
    facts = np.empty((len(rows), len(Fact)))
    for index, (history, profile, day) in enumerate(rows):
        first = day - DAYS + 1
        start, end = history.days.searchsorted((first, day + 1))
        block[index][:, history.days[start:end] - first] = history.counters[start:end].T
        known[index] = min(DAYS, history.known_days(day))
        distinct[index] = _distinct(history, day)
        facts[index] = facts_of(profile, day, plans)
    return Batch(block=block, known=known, distinct=distinct, facts=facts)


def _distinct(history: AccountHistory, day: int) -> list[int]:
    return [
        (history.distinct_users if which in USERS else history.types.distinct)(length, day - back)
        for which, (length, back) in zip(Distinct, DISTINCT, strict=True)
    ]
