"""An account's feature vector as of an instant, with what is needed beside it to assess the account."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stemtide.as_of import last_closed_day
from stemtide.features.feature import Feature
from stemtide.features.history import AccountHistory
from stemtide.features.kernel import Row, compute
from stemtide.features.profile_columns import NO_BASIS, Basis
from stemtide.features.registry import registry
from stemtide.features.usage_at import UsageAt, usage_at
from stemtide.features.view import Floats
from stemtide.profile import Profile, Standing, is_customer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vector:
    """Feature values of one account, in the order of `features`.

    They are of the last closed day at `as_of_ms`; `profile` is what was known at `as_of_ms` itself.
    `first_day` and `last_active_day` are days since 1970-01-01; `completeness` is the share of known values.
    """

    account: str
    as_of_ms: int
    values: Floats
    features: tuple[Feature, ...]
    profile: Profile
    last_active_day: int | None
    first_day: int | None
    completeness: float

    @property
    def is_customer(self) -> bool:
        """Whether the account is scored at its instant, and is a peer of others then."""
        return is_customer(self.profile, last_active_day=self.last_active_day, as_of_ms=self.as_of_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of an account: its usage up to the last closed day, what facts said at that day's end
    (which the features see) and its profile now."""

    usage: UsageAt
    closed: Standing
    current: Profile


def known_of(history: AccountHistory, closed: Standing, current: Profile, as_of_ms: int) -> Known:
    """What a history says as of an instant."""
    return Known(usage=usage_at(history, last_closed_day(as_of_ms)), closed=closed, current=current)


def vectors_of(known: Sequence[Known], as_of_ms: int, *, basis: Basis = NO_BASIS) -> list[Vector]:
    """The vectors of accounts at one instant."""
    return vectors_at([(k, as_of_ms) for k in known], basis=basis)


def vectors_at(known: Sequence[tuple[Known, int]], *, basis: Basis = NO_BASIS) -> list[Vector]:
    """The vectors of accounts, each at an instant of its own (what is known must be of that instant)."""
    matrix = compute([Row(k.usage, k.closed, k.usage.day) for k, _ in known], basis=basis)
    features = registry(basis.shape).features
    return [
        _vector(k, values, as_of_ms, features) for (k, as_of_ms), values in zip(known, matrix, strict=True)
    ]


def _vector(known: Known, values: Floats, as_of_ms: int, features: tuple[Feature, ...]) -> Vector:
    return Vector(
        account=known.usage.account,
        as_of_ms=as_of_ms,
        values=values,
        features=features,
        profile=known.current,
        last_active_day=known.usage.last_active_day,
        first_day=known.usage.first_day,
        completeness=float(np.count_nonzero(~np.isnan(values))) / len(values),
    )
