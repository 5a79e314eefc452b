"""What a formula sees of many accounts at once: sums over windows, distinct counts, the profile.

Everything is exact: counters and weights are whole numbers whose sums stay below 2^53, so that no order of
adding and no batch changes a bit; a formula then divides once.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stemtide.features.cohorts import Cohorts
from stemtide.features.usage_at import DAYS, LONG, Distinct

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

WEEKS: Final = 12
"""Whole weeks of a block, the last included: each has every weekday once."""
SUMS: Final = (
    *((7, 7 * week) for week in range(WEEKS)),
    *((length, 0) for length in (14, 28, 30, 60, 90)),
    (30, 30),
    *LONG,
)
"""(length, days back) of the windows that counters are summed over."""
PLACES: Final = {window: place for place, window in enumerate(SUMS)}
HALF_LIVES: Final = (14, 30)
"""Days after which a day counts half, of the weighted sums."""
ACTIVITY_HALF_LIVES: Final = (14, 30, 60)
"""The same of the weighted activity."""
LEVELS: Final = 16
"""Levels of activity that one more doubling of events is told by."""
WEIGHT_UNIT: Final = 1 << 20
"""Weights are multiples of 2^-20, held as whole numbers."""


class Fact(IntEnum):
    """Columns of the profile; NaN where unknown. Behind them come (limit, of each configured meter)."""

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
    PRICE_STEP = 10
    MRR_CHANGE = 11
    TERM_NUMBER = 12
    TICKETS_30 = 13
    URGENT_TICKETS_30 = 14
    CSAT_30 = 15
    SENTIMENT_30 = 16
    SENTIMENT_TREND = 17
    NPS = 18
    DISCOUNT = 19
    SEATS_LIMIT = 20
    API_LIMIT = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of (account, day): `block` [rows, columns, DAYS] and `long` [rows, columns, LONG] of whole
    numbers, `known` days of history up to `LONG_DAYS`, `distinct` [rows, Distinct],
    `facts` [rows, Fact and meters]."""

    block: Floats
    long: Floats
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
def _activity_weights() -> Floats:
    """[DAYS, ACTIVITY_HALF_LIVES]."""
    return np.column_stack([weights(half_life) for half_life in ACTIVITY_HALF_LIVES])


@lru_cache(maxsize=1)
def _columns() -> Floats:
    """[DAYS, windows within a block + half-lives]: what a block is multiplied by."""
    within = SUMS[: -len(LONG)]
    columns = np.zeros((DAYS, len(within) + len(HALF_LIVES)))
    for index, (length, back) in enumerate(within):
        columns[DAYS - back - length : DAYS - back, index] = 1
    for index, half_life in enumerate(HALF_LIVES):
        columns[:, len(within) + index] = weights(half_life)
    return columns


@lru_cache(maxsize=8)
def _weight_of_known(half_life: int) -> Floats:
    """By number of known days (0 to DAYS): the weight of all of them."""
    return np.concatenate(([0.0], np.cumsum(weights(half_life)[::-1])))


class View:
    """A batch with its sums; every method returns one value per row unless it says otherwise."""

    def __init__(self, batch: Batch, cohorts: Cohorts | None = None) -> None:
        self.batch, self.cohorts = batch, cohorts
        rows, columns = batch.block.shape[:2]
        sums = (batch.block.reshape(rows * columns, DAYS) @ _columns()).reshape(rows, columns, -1)
        within = len(SUMS) - len(LONG)
        self._sums = np.concatenate((sums[:, :, :within], batch.long), axis=2)
        self._weighted = sums[:, :, within:]
        self._once: dict[Hashable, Floats] = {}
        self._has: dict[int, Flags] = {}
        self.history: Floats = np.minimum(batch.known, DAYS)
        """Known days of history, at most `DAYS`."""

    def once(self, key: Hashable, make: Callable[[], Floats]) -> Floats:
        """What several formulas share, made when the first asks for it."""
        found = self._once.get(key)
        if found is None:
            found = self._once[key] = make()
        return found

    def totals(self, length: int, back: int = 0) -> Floats:
        """[rows, columns]: the sums of all counters over the `length` days that ended `back` days before the
        last closed day."""
        return self._sums[:, :, PLACES[length, back]]

    def total(self, counter: int, length: int, back: int = 0) -> Floats:
        """The sum of a counter; see `totals`."""
        return self._sums[:, counter, PLACES[length, back]]

    def weighted(self, counter: int, half_life: int) -> Floats:
        """The sum of a counter in which each day weighs by its age, in units of 2^-20."""
        return self._weighted[:, counter, HALF_LIVES.index(half_life)]

    def activity(self, events: int, half_life: int) -> Floats:
        """The sum over days of log2(1 + a counter), in 16ths, each weighing by its age; in units of 2^-20.

        A day with one event counts 1, with three 2, with a thousand 10: a busy day is worth more than a quiet
        one, but no single day outweighs a month.
        """

        def sums() -> Floats:
            levels = np.rint(LEVELS * np.log2(1 + self.batch.block[:, events]))
            found: Floats = levels @ _activity_weights()
            return found

        return self.once(("activity", events), sums)[:, ACTIVITY_HALF_LIVES.index(half_life)]

    def known_weight(self, half_life: int) -> Floats:
        """The weight of the known days of a block, in units of 2^-20."""
        return _weight_of_known(half_life)[self.history.astype(np.int64)]

    def known(self, length: int) -> Floats:
        """How many of the last `length` days are known."""
        return self.once(("known", length), lambda: np.minimum(self.batch.known, length))

    def has(self, days: int) -> Flags:
        """Whether so many days of history are known."""
        found = self._has.get(days)
        if found is None:
            found = self._has[days] = self.batch.known >= days
        return found

    def weeks(self) -> Floats:
        """[rows, columns, WEEKS]: the sums of whole weeks, the latest first."""
        return self._sums[:, :, :WEEKS]

    def all_distinct(self) -> Floats:
        """[rows, Distinct]: what no sums of days can tell; unknown of an account without history."""
        return self.once(
            "distinct", lambda: np.where(self.has(1)[:, np.newaxis], self.batch.distinct, np.nan)
        )

    def days(self, counter: int, length: int = DAYS) -> Floats:
        """[rows, length]: the last days of a counter."""
        return self.batch.block[:, counter, DAYS - length :]

    def distinct(self, which: Distinct) -> Floats:
        """What no sums of days can tell."""
        return self.batch.distinct[:, which]

    def fact(self, which: int) -> Floats:
        """A column of the profile, or the limit of a configured meter behind them."""
        return self.batch.facts[:, which]
