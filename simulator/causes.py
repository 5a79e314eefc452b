"""Why an account does what it does: the hidden causes, and the levels of activity that follow from each."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

Levels = np.ndarray
"""float64, one value per day; 1.0 is the account's ordinary activity."""


class Cause(StrEnum):
    """The hidden cause of one account (`truth.json`)."""

    HEALTHY = "healthy"
    GROWING = "growing"
    SEASONAL = "seasonal"
    DECLINING = "declining"
    ONE_CHAMPION = "one_champion"
    SILENT = "silent"
    API_DROP = "api_drop"
    FAILING_PAYMENT = "failing_payment"


SHARES: Final = {
    Cause.HEALTHY: 0.34,
    Cause.GROWING: 0.12,
    Cause.SEASONAL: 0.10,
    Cause.DECLINING: 0.14,
    Cause.ONE_CHAMPION: 0.07,
    Cause.SILENT: 0.08,
    Cause.API_DROP: 0.09,
    Cause.FAILING_PAYMENT: 0.06,
}
"""How much of the customer base each cause has."""
LATE_DAYS: Final = {Cause.API_DROP: (7, 11), Cause.SILENT: (7, 12), Cause.DECLINING: (25, 60)}
"""Half of these accounts change so many days before the end of the log, so that a base always shows some
whose story has just begun."""
QUIET_START_DAYS: Final = 21
"""An account behaves ordinarily for so long before anything happens to it."""
WITHOUT_CHAMPION: Final = 0.3
"""What is left of an account whose only enthusiast has gone."""
SEASON_DAYS: Final = 91


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A cause, the index of the day it sets in (None: nothing happens), and the levels by day.

    `people` scales what users do, `machines` the API volume.
    """

    cause: Cause
    onset: int | None
    people: Levels
    machines: Levels

    @property
    def engagement(self) -> Levels:
        """One level for the whole account: what its satisfaction follows."""
        level = 0.7 * self.people + 0.3 * self.machines
        if self.cause is Cause.SEASONAL:
            return np.ones_like(level)  # nobody leaves for the season's sake
        if self.cause is Cause.ONE_CHAMPION and self.onset is not None:
            level[self.onset :] *= WITHOUT_CHAMPION
        return level


def draw_cause(rng: np.random.Generator) -> Cause:
    return list(SHARES)[int(rng.choice(len(SHARES), p=list(SHARES.values())))]


def tell(rng: np.random.Generator, cause: Cause, days: int) -> Story:
    """The story of an account over `days` days of the log."""
    onset = _onset(rng, cause, days)
    since = np.arange(days) - (days if onset is None else onset)
    after = np.clip(since, 0, None)
    ordinary = _wandering(rng, days)
    people, machines = _levels(rng, cause, since, after, days)
    return Story(cause=cause, onset=onset, people=ordinary * people, machines=ordinary * machines)


def _onset(rng: np.random.Generator, cause: Cause, days: int) -> int | None:
    late, when = rng.random(), rng.random()
    if cause in (Cause.HEALTHY, Cause.GROWING, Cause.SEASONAL) or days <= QUIET_START_DAYS:
        return None
    if cause in LATE_DAYS and late < 0.5:
        low, high = LATE_DAYS[cause]
        return max(QUIET_START_DAYS, days - low - int(when * (high - low + 1)))
    return QUIET_START_DAYS + int(when * (days - QUIET_START_DAYS))


def _wandering(rng: np.random.Generator, days: int) -> Levels:
    """A slow random walk around 1 that returns to it within weeks."""
    steps = rng.normal(0.0, 0.05, days)
    level = np.empty(days)
    at = rng.normal(0.0, 0.12)
    for day, step in enumerate(steps):
        at = 0.93 * at + step
        level[day] = at
    return np.exp(level)


def _levels(
    rng: np.random.Generator, cause: Cause, since: np.ndarray, after: np.ndarray, days: int
) -> tuple[Levels, Levels]:
    one = np.ones(days)
    begun = since >= 0
    pace, depth, phase = rng.random(), rng.random(), rng.random()
    match cause:
        case Cause.GROWING:
            level = np.exp((0.6 + 0.9 * pace) * np.arange(days) / 365)
            return level, level
        case Cause.SEASONAL:
            wave = np.sin(2 * np.pi * (np.arange(days) / SEASON_DAYS + phase))
            level = 1 + (0.35 + 0.25 * depth) * wave
            return level, level
        case Cause.DECLINING:
            level = np.maximum(0.06, np.exp(-after / (18 + 35 * pace)))
            return level, np.sqrt(level)
        case Cause.ONE_CHAMPION:
            return np.where(begun, np.exp(-after / 120), one), np.where(begun, 0.7, one)
        case Cause.SILENT:
            return np.where(begun, 0.0, one), np.where(begun, 0.0, one)
        case Cause.API_DROP:
            people = np.maximum(0.3, np.exp(-after / (40 + 60 * pace)))
            return people, np.where(begun, 0.08 + 0.14 * depth, one)
        case _:
            return one, one
