"""An account's usage as it stands at the end of one closed day: all that the features see of it.

Small and without names or users, so it is what the accounts table keeps for scoring.
"""

from enum import IntEnum
from math import nan
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stemtide.features.history import AccountHistory, Counter
from stemtide.limits import FEATURE_DAYS, LONG_DAYS

DAYS: Final = FEATURE_DAYS
"""Days that are known one by one; the last is the closed day itself."""
LONG: Final = ((180, 0), (360, 0), (28, LONG_DAYS - 28))
"""(length, days back) of the windows of which only sums are known; the last is a year ago."""


class Distinct(IntEnum):
    """What no sums of days can tell. Distinct users, parts of the product and commenters of a window; the
    days of the user who came on the most of 30; the days since the one who came on the most of 90 was there;
    how much use is one event type's; and how far its shares are from those of the 60 days before."""

    USERS_30 = 0
    USERS_30_BEFORE = 1
    TYPES_30 = 2
    TYPES_30_BEFORE = 3
    TYPES_90 = 4
    COMMENTERS_30 = 5
    TOP_USER_DAYS_30 = 6
    CHAMPION_AWAY = 7
    CONCENTRATION_30 = 8
    MIX_SHIFT = 9


class UsageAt(NamedTuple):
    """Usage up to `day`, the last closed one (days since 1970-01-01, as are `first_day` and
    `last_active_day`).

    `block` [columns, DAYS] and `long` [columns, LONG] are whole numbers, `known` is the number of days of
    history up to `LONG_DAYS`, `distinct` has the values of `Distinct`, NaN where unknown.
    """

    account: str
    day: int
    block: npt.NDArray[np.int64]
    long: npt.NDArray[np.int64]
    known: int
    distinct: tuple[float, ...]
    first_day: int | None
    last_active_day: int | None


def usage_at(history: AccountHistory, day: int) -> UsageAt:
    """The usage of an account at the end of a day."""
    first = history.first_day
    return UsageAt(
        account=history.account,
        day=day,
        block=_block(history, day),
        long=np.stack([_sum(history, length, day - back) for length, back in LONG], axis=1),
        known=min(LONG_DAYS, history.known_days(day)),
        distinct=_distinct(history, day),
        first_day=first if first is not None and first <= day else None,
        last_active_day=last_active_day(history, day),
    )


def _block(history: AccountHistory, day: int) -> npt.NDArray[np.int64]:
    block = np.zeros((history.counters.shape[1], DAYS), dtype=np.int64)
    start, end = history.days.searchsorted((day - DAYS + 1, day + 1))
    block[:, history.days[start:end] - (day - DAYS + 1)] = history.counters[start:end].T
    return block


def _sum(history: AccountHistory, length: int, last: int) -> npt.NDArray[np.int64]:
    start, end = history.days.searchsorted((last - length + 1, last + 1))
    total: npt.NDArray[np.int64] = history.counters[start:end].sum(axis=0)
    return total


def last_active_day(history: AccountHistory, day: int) -> int | None:
    """The latest day with usage up to a day, of those that are known one by one or in sums."""
    start, end = history.days.searchsorted((day - LONG_DAYS + 1, day + 1)).tolist()
    active = np.flatnonzero(history.counters[start:end, Counter.ACTIVE])
    return int(history.days[start + active[-1]]) if len(active) else None


def _distinct(history: AccountHistory, day: int) -> tuple[float, ...]:
    users, types = history.users, history.types
    return (
        float(users.distinct(30, day)),
        float(users.distinct(30, day - 30)),
        float(types.distinct(30, day)),
        float(types.distinct(30, day - 30)),
        float(types.distinct(90, day)),
        float(history.commenters.distinct(30, day)),
        *_leaders(history, day),
        *_mix(history, day),
    )


def _leaders(history: AccountHistory, day: int) -> tuple[float, float]:
    """Days of the top user of 30, and days since the one of 90 was there."""
    top, champion = history.users.most_frequent(30, day), history.users.most_frequent(DAYS, day)
    return (nan if top is None else float(top[0])), (nan if champion is None else float(day - champion[1]))


def _mix(history: AccountHistory, day: int) -> tuple[float, float]:
    """The sum of the squared shares of event types in 30 days; and half the sum of the absolute differences
    of their shares from those of the 60 days before (total variation). Python's whole numbers are exact."""
    now, before = history.counts.by_event(30, day), history.counts.by_event(60, day - 30)
    here, there = sum(now.values()), sum(before.values())
    if not here:
        return nan, nan
    concentration = sum(n * n for n in now.values()) / (here * here)
    if not there:
        return concentration, nan
    apart = sum(abs(now.get(event, 0) * there - before.get(event, 0) * here) for event in now.keys() | before)
    return concentration, apart / (2 * here * there)
