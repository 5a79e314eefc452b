"""The one way from histories to feature values, for one account or for all of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from stemtide.features.configured_features import Shape
from stemtide.features.history import AccountHistory, Counter, Counts, Meanings, assemble, presence_of
from stemtide.features.profile_columns import NO_BASIS, Basis, facts_of
from stemtide.features.registry import Registry, registry
from stemtide.features.usage_at import UsageAt, usage_at
from stemtide.features.view import Batch, Floats, View
from stemtide.profile import Standing

CHUNK: Final = 512
"""Rows at a time: a block of 3 MB stays in the cache's reach and bounds memory."""


class Row(NamedTuple):
    """One account at the end of one closed day (days since 1970-01-01): its history, or its usage then."""

    usage: AccountHistory | UsageAt
    standing: Standing
    day: int


def compute(rows: Sequence[Row], *, basis: Basis = NO_BASIS) -> Floats:
    """Feature values [rows, features], float64, NaN where unknown; each row's bits depend on it alone."""
    known = registry(basis.shape)
    values = np.empty((len(rows), len(known.features)))
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        evaluate(batch_of(chunk, basis), known, basis, out=values[start : start + len(chunk)])
    return values


def no_history(shape: Shape) -> AccountHistory:
    """That of an account which was never seen."""
    nothing, events = np.zeros(0, dtype=np.int64), np.zeros((len(Counter) + shape.columns, 0), dtype=np.int64)
    return assemble(
        "",
        Counts(days=nothing, place=nothing, event=nothing, count=nothing),
        nothing,
        presence_of(nothing, ()),
        presence_of(nothing, ()),
        Meanings(events, nothing.reshape(-1, 2)),
        first_day=None,
    )


def evaluate(batch: Batch, known: Registry, basis: Basis, *, out: Floats) -> None:
    """Feature values of a batch, into `out` [rows, features]."""
    view = View(batch, basis.cohorts)
    for place, feature in enumerate(known.features):
        out[:, place] = feature.formula(view)


def batch_of(rows: Sequence[Row], basis: Basis) -> Batch:
    """The rows side by side, each aligned so that its last column is its last closed day."""
    usages = [row.usage if isinstance(row.usage, UsageAt) else usage_at(row.usage, row.day) for row in rows]
    return Batch(
        block=np.stack([usage.block for usage in usages], dtype=np.float64),
        long=np.stack([usage.long for usage in usages], dtype=np.float64),
        known=np.array([usage.known for usage in usages], dtype=np.float64),
        distinct=np.array([usage.distinct for usage in usages]),
        facts=np.array([facts_of(row.standing, row.day, basis) for row in rows]),
    )
