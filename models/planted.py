"""Anomalies planted into real histories: does the anomaly score find them?

The week (for the mix of events the month, which is what its feature looks at) before a snapshot is changed in
the raw history of an account that was in use then; everything else, and every other account, stays.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
from stemtide.as_of import end_of_day_ms
from stemtide.config_schema import Config
from stemtide.features.history import AccountHistory, Counter
from stemtide.features.occurrences import Ints
from stemtide.features.profile_columns import Basis
from stemtide.features.view import Floats
from stemtide.scoring.anomaly import UNUSUAL, UsualRange, score_of, shares_of

from models import measures
from models.anomaly import signals_of, usual_range
from models.dataset import Dataset
from models.histories import feature_matrix
from models.material import Material

WEEK: Final = 7
MONTH: Final = 30
ACCOUNTS: Final = 200
_SUMS: Final = tuple(counter for counter in Counter if counter not in (Counter.USERS, Counter.ACTIVE))


class Plant(StrEnum):
    """What is planted."""

    DROP = "drop"
    """A week with three tenths of its events."""
    SURGE = "surge"
    """A week with three times its events."""
    SHIFT = "shift"
    """A month in which each event type has the place of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How well the planted are told from the same accounts as they were, and which shares score UNUSUAL or
    more: of the planted, and of all later rows."""

    rows: int
    auc: float
    flagged: float
    flagged_unplanted: float


def trial(
    material: Material, fit: Dataset, test: Dataset, config: Config, *, seed: int
) -> dict[Plant, Found]:
    """Each anomaly planted into ACCOUNTS rows of later time, held against the usual range of the fit rows."""
    rng, usual = np.random.default_rng(seed), usual_range(fit)
    before = _scores(test, usual)
    is_used = test.x[:, test.names.index("avg_events_7d")] > 0
    in_use = np.flatnonzero(is_used & (before >= 0) & np.isin(test.accounts, list(material.histories)))
    chosen = np.sort(rng.choice(in_use, size=min(ACCOUNTS, len(in_use)), replace=False))
    found = {}
    for plant in Plant:
        x = np.array([_row(material, test, int(row), plant, config, rng) for row in chosen])
        after = _scores(replace(test, x=x), usual)
        found[plant] = Found(
            rows=len(chosen),
            auc=measures.auc_roc(np.arange(2 * len(chosen)) < len(chosen), np.append(after, before[chosen])),
            flagged=_flagged(after),
            flagged_unplanted=_flagged(before),
        )
    return found


def planted(history: AccountHistory, day: int, plant: Plant, rng: np.random.Generator) -> AccountHistory:
    """The history with an anomaly at the end of the day."""
    if plant is Plant.SHIFT:
        return _swapped(history, day)
    return _scaled(history, day, 0.3 if plant is Plant.DROP else 3.0, rng)


def _scaled(history: AccountHistory, day: int, factor: float, rng: np.random.Generator) -> AccountHistory:
    """Counts times the factor, rounded at random so that they keep it on average; nobody is there on a day
    without any."""

    def times(values: Ints) -> Ints:
        return np.asarray(np.floor(values * factor + rng.random(values.shape)), dtype=np.int64)

    days, rows = _within(history, day, WEEK)
    counters, counts = history.counters.copy(), history.counts.count.copy()
    for column in (*_SUMS, *range(len(Counter), counters.shape[1])):
        counters[days, column] = times(counters[days, column])
    emptied = (counters[:, Counter.EVENTS] == 0) & (history.counters[:, Counter.EVENTS] > 0)
    counters[emptied, Counter.ACTIVE] = counters[emptied, Counter.USERS] = 0
    counts[rows] = times(counts[rows])
    return replace(history, counters=counters, counts=replace(history.counts, count=counts))


def _swapped(history: AccountHistory, day: int) -> AccountHistory:
    """Every event type takes the place of the account's next one but a third of them."""
    _, rows = _within(history, day, MONTH)
    types = np.unique(history.counts.event)
    other = np.arange(int(types.max(initial=0)) + 1)
    other[types] = np.roll(types, 1 + len(types) // 3)
    event = history.counts.event.copy()
    event[rows] = other[event[rows]]
    return replace(history, counts=replace(history.counts, event=event))


def _within(history: AccountHistory, day: int, length: int) -> tuple[slice, Any]:
    """The counters' days and the counts' rows of the `length` days up to `day`."""
    days = slice(*history.days.searchsorted((day - length + 1, day + 1)))
    place = slice(*history.counts.days.searchsorted((day - length + 1, day + 1)))
    rows = (history.counts.place >= place.start) & (history.counts.place < place.stop)
    return days, rows


def _row(
    material: Material, test: Dataset, row: int, plant: Plant, config: Config, rng: np.random.Generator
) -> Floats:
    account, day = str(test.accounts[row]), int(test.day[row])
    changed = {account: planted(material.histories[account], day, plant, rng)}
    standing: Callable[..., Any] = material.standing_at
    pair = (account, end_of_day_ms(day))
    return np.asarray(feature_matrix(changed, standing, [pair], basis=Basis.of(config))[0])


def _scores(rows: Dataset, usual: UsualRange) -> Floats:
    """The rarity 1 - share, -1 where nothing is known."""
    return np.nan_to_num(1 - shares_of(signals_of(rows), usual), nan=-1.0)


def _flagged(rarity: Floats) -> float:
    return float(np.mean([score_of(1 - value) >= UNUSUAL for value in rarity.tolist() if value >= 0]))
