"""The one way from histories to feature values, for one account or for all of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from stemtide.features.history import AccountHistory, Counter
from stemtide.features.profile_columns import NO_BASIS, Basis, facts_of
from stemtide.features.registry import FEATURES
from stemtide.features.view import DAYS, DISTINCT, Batch, Distinct, Floats, View
from stemtide.profile import Standing

_WINDOWS: Final = tuple(
    (which in (Distinct.USERS_30, Distinct.USERS_30_BEFORE), *DISTINCT[which]) for which in Distinct
)
"""Of users or of event types, length, days back."""
CHUNK: Final = 2048
"""Rows at a time: a block of 9 MB stays in the cache's reach and bounds memory."""


class Row(NamedTuple):
    """One account at the end of one closed day (days since 1970-01-01)."""

    history: AccountHistory
    standing: Standing
    day: int


def compute(rows: Sequence[Row], *, basis: Basis = NO_BASIS) -> Floats:
    """Feature values [rows, FEATURES], float64, NaN where unknown; each row's bits depend on it alone."""
    values = np.empty((len(rows), len(FEATURES)))
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        values[start : start + len(chunk)] = evaluate(batch_of(chunk, basis))
    return values


def evaluate(batch: Batch) -> Floats:
    """Feature values of a batch."""
    view = View(batch)
    return np.column_stack([feature.formula(view) for feature in FEATURES])


def batch_of(rows: Sequence[Row], basis: Basis) -> Batch:
    """The rows side by side, each aligned so that its last column is its last closed day."""
    return Batch(
        block=_block(rows),
        known=np.array([min(DAYS, row.history.known_days(row.day)) for row in rows], dtype=np.float64),
        distinct=np.array([_distinct(row.history, row.day) for row in rows], dtype=np.float64),
        facts=np.array([facts_of(row.standing, row.day, basis) for row in rows]),
    )


def _block(rows: Sequence[Row]) -> Floats:
    """[rows, Counter, DAYS]: the days of all rows side by side, put into place at once."""
    places = [row.history.days.searchsorted((row.day - DAYS + 1, row.day + 1)).tolist() for row in rows]
    found = [row.history for row in rows]
    days = np.concatenate([h.days[start:end] for h, (start, end) in zip(found, places, strict=True)])
    counters = np.concatenate([h.counters[start:end] for h, (start, end) in zip(found, places, strict=True)])
    index = np.repeat(np.arange(len(rows)), [end - start for start, end in places])
    column = days - np.array([row.day - DAYS + 1 for row in rows], dtype=np.int64)[index]
    block = np.zeros((len(rows), len(Counter), DAYS))
    for counter in range(len(Counter)):
        block[index, counter, column] = counters[:, counter]
    return block


def _distinct(history: AccountHistory, day: int) -> list[int]:
    return [
        history.distinct_users(length, day - back) if users else history.types.distinct(length, day - back)
        for users, length, back in _WINDOWS
    ]
