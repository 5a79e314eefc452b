"""What a formula sees of many accounts at once: sums over windows, distinct counts, the profile.

Everything is exact: counters and weights are whole numbers whose sums stay below 2^53, so that no order of
adding and no batch changes a bit; a formula then divides once.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stemtide.features.history import Counter
from stemtide.limits import FEATURE_DAYS

Floats: TypeAlias = npt.NDArray[np.float64]

DAYS: Final = FEATURE_DAYS
"""Days of a block; the last column is the last closed day."""
WEEKS: Final = 12
"""Whole weeks of a block, the last included: each has every weekday once."""
SUMS: Final = (
    *((7, 7 * week) for week in range(WEEKS)),
    *((length, 0) for length in (14, 30, 60, 90)),
)
"""(length, days back) of the windows that counters are summed over."""
HALF_LIVES: Final = (14, 30)
"""Days after which a day counts half, of the weighted sums."""
WEIGHT_UNIT: Final = 1 << 20
"""Weights are multiples of 2^-20, held as whole numbers."""


class Distinct(IntEnum):
    """Distinct counts of a row; their windows are (length, days back) in `DISTINCT`."""

    USERS_30 = 0
    USERS_30_BEFORE = 1
    TYPES_30 = 2
    TYPES_30_BEFORE = 3
    TYPES_90 = 4


DISTINCT: Final = ((30, 0), (30, 30), (30, 0), (30, 30), (90, 0))


class Fact(IntEnum):
    """Columns of the profile; NaN where unknown."""

    SEATS = 0
    MRR = 1
    AGE_DAYS = 2
    TENURE_DAYS = 3
    DAYS_TO_RENEWAL = 4
    TERM_MONTHS = 5
    UPGRADES = 6
    DOWNGRADES = 7
    LAST_RENEWAL = 8
    HEADROOM = 9
    MRR_CHANGE = 10
    TERM_NUMBER = 11
    TICKETS_30 = 12
    URGENT_TICKETS_30 = 13
    CSAT_30 = 14
    NPS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of (account, day): `block` [rows, Counter, DAYS] of whole numbers, `known` days of history up to
    `DAYS`, `distinct` [rows, Distinct] and `facts` [rows, Fact]."""

    block: Floats
    known: Floats
    distinct: Floats
    facts: Floats


def weights(half_life: int) -> Floats:
    """Weights of a block's days in units of 2^-20, the last day having 2^20."""
    ages = np.arange(DAYS - 1, -1, -1)
    return np.array(
        [round(WEIGHT_UNIT * 2.0 ** (-age / half_life)) for age in ages.tolist()], dtype=np.float64
    )


@lru_cache(maxsize=1)
def _columns() -> Floats:
    """[DAYS, windows + half-lives]: what a block is multiplied by."""
    columns = np.zeros((DAYS, len(SUMS) + len(HALF_LIVES)))
    for index, (length, back) in enumerate(SUMS):
        columns[DAYS - back - length : DAYS - back, index] = 1
    for index, half_life in enumerate(HALF_LIVES):
        columns[:, len(SUMS) + index] = weights(half_life)
    return columns


@lru_cache(maxsize=8)
def _weight_of_known(half_life: int) -> Floats:
    """By number of known days (0 to DAYS): the weight of all of them."""
    return np.concatenate(([0.0], np.cumsum(weights(half_life)[::-1])))


class View:
    """A batch with its sums; every method returns one value per row."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        rows = len(batch.known)
        flat = batch.block.reshape(rows * len(Counter), DAYS)
        self._sums = (flat @ _columns()).reshape(rows, len(Counter), -1)

    @property
    def history(self) -> Floats:
        """Known days of history, at most `DAYS`."""
        return self.batch.known

    def total(self, counter: Counter, length: int, back: int = 0) -> Floats:
        """The sum of a counter over the `length` days that ended `back` days before the last closed day."""
        return self._sums[:, counter, SUMS.index((length, back))]

    def weighted(self, counter: Counter, half_life: int) -> Floats:
        """The sum of a counter in which each day weighs by its age, in units of 2^-20."""
        return self._sums[:, counter, len(SUMS) + HALF_LIVES.index(half_life)]

    def known_weight(self, half_life: int) -> Floats:
        """The weight of the known days, in units of 2^-20."""
        return _weight_of_known(half_life)[self.batch.known.astype(np.int64)]

    def known(self, length: int) -> Floats:
        """How many of the last `length` days are known."""
        return np.minimum(self.batch.known, length)

    def days(self, counter: Counter, length: int = DAYS) -> Floats:
        """[rows, length]: the last days of a counter."""
        return self.batch.block[:, counter, DAYS - length :]

    def distinct(self, which: Distinct) -> Floats:
        """Distinct things in a window."""
        return self.batch.distinct[:, which]

    def fact(self, which: Fact) -> Floats:
        """A column of the profile."""
        return self.batch.facts[:, which]
