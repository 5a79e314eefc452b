"""How unusual an account's use is against its own past: a score of 0 to 100, a direction and reasons.

Each signal is a feature that already compares an account with itself. How rare its value is follows from the
values that accounts usually have, kept as quantiles with the model (`UsualRange`), since a deviation of '3'
is common where use is irregular by nature:

1. p of a signal is the share of usual values at least as far out on the same side, doubled for signals with
   two sides. Beyond the last quantile it falls with the square of the distance, as Chebyshev's bound does.
2. The p of an account is the harmonic mean of its known signals' (Wilson, 2019): it holds for signals that
   depend on each other, one very rare signal is enough, and it falls whenever any of them does.
3. What that mean amounts to is again looked up among usual accounts. The score is 100 (1 - sqrt(p)): 90 is
   the rarest hundredth of account-days, 68 the rarest tenth, 50 the rarest quarter.
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from stemtide.features.registry import BY_NAME

Floats = npt.NDArray[np.float64]

LEVELS: Final = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    *(0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995),
)
"""Shares of usual values that lie below the kept quantiles: dense where the rare ones are told apart."""
MIDDLE: Final = LEVELS.index(0.5)
LEAST: Final = 1e-9
UNUSUAL: Final = 90
"""From this score on, the rarest hundredth, an account is worth a look."""
REASONS: Final = 3


class Direction(StrEnum):
    """What sort of a deviation it is."""

    DROP = "drop"
    SURGE = "surge"
    SHIFT = "shift"
    """Use is another, not less or more."""


class Signal(NamedTuple):
    """A feature that compares an account with itself. A volume can be below or above what is usual, a mix
    only further from it."""

    feature: str
    is_volume: bool


SIGNALS: Final = (
    Signal("events_deviation", True),
    Signal("users_deviation", True),
    Signal("api_against_usual", True),
    Signal("logins_against_usual", True),
    Signal("action_trend_ratio", True),
    Signal("event_mix_shift", False),
)


class UsualRange(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual: quantiles at `LEVELS` of each signal that was known at all, and of the harmonic mean of
    their p."""

    signals: dict[str, tuple[float, ...]]
    combined: tuple[float, ...]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A deviation; `weight` is its share in the account's rarity, `text` a sentence."""

    feature: str
    label: str
    value: float
    weight: float
    direction: Direction
    text: str


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """`share` is that of usual account-days on which use is at least as unusual."""

    score: int
    share: float
    direction: Direction
    reasons: tuple[Reason, ...]

    @property
    def is_unusual(self) -> bool:
        """Whether it is worth a look."""
        return self.score >= UNUSUAL


def anomaly_of(values: Mapping[str, float], usual: UsualRange) -> Anomaly | None:
    """The anomaly of a feature vector by name; None where no signal is known: too young, or never used.

    Args:
        values: NaN or absent is unknown.
        usual: what the vector is held against.
    """
    [found] = anomalies(
        np.array([[values.get(signal.feature, math.nan) for signal in SIGNALS]], dtype=np.float64), usual
    )
    return found


def anomalies(rows: Floats, usual: UsualRange) -> list[Anomaly | None]:
    """The anomalies of signals [rows, SIGNALS]; see `anomaly_of`."""
    tails, below = tails_of(rows, usual)
    means = harmonic_means(tails)
    known = ~np.isnan(means)
    shares = np.where(known, _combined(np.where(known, means, 1.0), usual.combined), np.nan)
    return [
        _anomaly(*one) if is_known else None
        for is_known, one in zip(
            known.tolist(),
            zip(rows.tolist(), tails.tolist(), below.tolist(), shares.tolist(), strict=True),
            strict=True,
        )
    ]


def _anomaly(row: list[float], tails: list[float], below: list[bool], share: float) -> Anomaly:
    known = [place for place, tail in enumerate(tails) if not math.isnan(tail)]
    total = sum(1 / tails[place] for place in known)
    order = sorted(known, key=lambda place: (tails[place], place))
    weights = {place: 1 / tails[place] / total for place in order}
    toward = {place: _toward(place, is_below=below[place]) for place in order}
    of = dict.fromkeys(Direction, 0.0)
    for place in order:
        of[toward[place]] += weights[place]
    return Anomaly(
        score=score_of(share),
        share=share,
        direction=max(of, key=lambda direction: of[direction]),
        reasons=tuple(_reason(place, row[place], weights[place], toward[place]) for place in order[:REASONS]),
    )


def _toward(place: int, *, is_below: bool) -> Direction:
    if not SIGNALS[place].is_volume:
        return Direction.SHIFT
    return Direction.DROP if is_below else Direction.SURGE


def score_of(share: float) -> int:
    """The score of a share of usual account-days, rounded down."""
    return math.floor(100 * (1 - math.sqrt(share)) + 1e-9)


def shares_of(rows: Floats, usual: UsualRange) -> Floats:
    """For signals [rows, SIGNALS] the share of usual account-days at least as unusual; NaN: none known."""
    means = harmonic_means(tails_of(rows, usual)[0])
    return np.where(np.isnan(means), np.nan, _combined(means, usual.combined))


def tails_of(rows: Floats, usual: UsualRange) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """p of each signal [rows, SIGNALS], NaN unknown, and whether it is below the usual middle."""
    tails, below = np.full(rows.shape, np.nan), np.zeros(rows.shape, dtype=np.bool_)
    for place, signal in enumerate(SIGNALS):
        quantiles = usual.signals.get(signal.feature)
        is_known = np.isfinite(rows[:, place])
        if quantiles is None or not is_known.any():
            continue
        own = rows[is_known, place]
        up = _at_least(own, quantiles)
        tails[is_known, place] = up
        if signal.is_volume:
            down = _at_least(-own, tuple(-value for value in reversed(quantiles)))
            tails[is_known, place] = np.minimum(1.0, 2 * np.minimum(up, down))
            below[is_known, place] = down < up
    return tails, below


def harmonic_means(tails: Floats) -> Floats:
    """Of the known p of each row; NaN where none is."""
    known = ~np.isnan(tails)
    inverse = np.where(known, 1 / np.where(known, tails, 1.0), 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, count / np.where(count > 0, inverse, 1.0), np.nan)


def quantiles_of(values: Floats) -> tuple[float, ...]:
    """The quantiles at `LEVELS` of the known values; empty without any."""
    known = values[np.isfinite(values)]
    return tuple(np.quantile(known, LEVELS).tolist()) if len(known) else ()


def _at_least(values: Floats, quantiles: tuple[float, ...]) -> Floats:
    """The share of usual values that are as high or higher."""
    points, first = np.unique(quantiles, return_index=True)
    shares: Floats = 1 - np.interp(values, points, np.asarray(LEVELS)[first])
    reach = points[-1] - quantiles[MIDDLE]
    beyond = values > points[-1]
    edge = 1 - LEVELS[first[-1]]
    distance = np.where(beyond, values - quantiles[MIDDLE], 1.0)
    falling = edge * (reach / distance) ** 2 if reach > 0 else edge * np.ones(len(values))
    shares[beyond] = falling[beyond]
    shares[values < points[0]] = 1.0
    found: Floats = np.maximum(shares, LEAST)
    return found


def _combined(means: Floats, quantiles: tuple[float, ...]) -> Floats:
    """The share of usual harmonic means as low or lower; below the last quantile in proportion. Without any
    the means stand for themselves."""
    if not quantiles:
        return means
    points, first = np.unique(quantiles[::-1], return_index=True)
    levels = np.asarray(LEVELS[::-1])[first]
    shares = np.interp(means, points, levels)
    under = means < points[0]
    shares[under] = levels[0] * means[under] / points[0]
    shares[means > points[-1]] = 1.0
    found: Floats = np.clip(shares, LEAST, 1.0)
    return found


def _reason(place: int, value: float, weight: float, direction: Direction) -> Reason:
    feature = BY_NAME[SIGNALS[place].feature]
    return Reason(
        feature=feature.name,
        label=feature.label,
        value=value,
        weight=weight,
        direction=direction,
        text=feature.sentence(value),
    )
