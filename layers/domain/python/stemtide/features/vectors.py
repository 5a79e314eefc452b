"""An account's feature vector as of an instant, with what is needed beside it to assess the account."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stemtide.as_of import last_closed_day
from stemtide.features.history import AccountHistory
from stemtide.features.kernel import Row, compute
from stemtide.features.profile_columns import NO_BASIS, Basis
from stemtide.features.view import Floats
from stemtide.profile import Profile, Standing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vector:
    """Feature values [FEATURES] of one account.

    They are of the last closed day at `as_of_ms`; `profile` is what was known at `as_of_ms` itself.
    `first_day` and `last_active_day` are days since 1970-01-01; `completeness` is the share of known values.
    """

    account: str
    as_of_ms: int
    values: Floats
    profile: Profile
    last_active_day: int | None
    first_day: int | None
    completeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of an account: its history, what facts said at the end of the last closed day (which
    the features see) and its profile now."""

    history: AccountHistory
    closed: Standing
    current: Profile


def vectors_of(known: Sequence[Known], as_of_ms: int, *, basis: Basis = NO_BASIS) -> list[Vector]:
    """The vectors of accounts at one instant."""
    return vectors_at([(k, as_of_ms) for k in known], basis=basis)


def vectors_at(known: Sequence[tuple[Known, int]], *, basis: Basis = NO_BASIS) -> list[Vector]:
    """The vectors of accounts, each at an instant of its own (what is known must be of that instant)."""
    days = [last_closed_day(as_of_ms) for _, as_of_ms in known]
    matrix = compute(
        [Row(k.history, k.closed, day) for (k, _), day in zip(known, days, strict=True)], basis=basis
    )
    return [
        _vector(k, values, as_of_ms, day)
        for (k, as_of_ms), day, values in zip(known, days, matrix, strict=True)
    ]


def _vector(known: Known, values: Floats, as_of_ms: int, day: int) -> Vector:
    first_day = known.history.first_day
    return Vector(
        account=known.history.account,
        as_of_ms=as_of_ms,
        values=values,
        profile=known.current,
        last_active_day=known.history.last_active_day(day),
        first_day=first_day if first_day is not None and first_day <= day else None,
        completeness=float(np.count_nonzero(~np.isnan(values))) / len(values),
    )
