"""Where the log odds stand by now, and how far they may move while a model is served.

Rates are not the same in every season and from one year to the next, and the latest ones tell most of what
comes. How many left in each stretch of time, against what was predicted, is taken for a level that walks at
random and is seen with noise (the local level model: Harvey, Forecasting, Structural Time Series Models and
the Kalman Filter, 1989). How far it walks and how much seasons stray is not known of so few stretches, so all
that could be are weighed by how well they explain what was seen (Bayesian model averaging), half of the
weight beforehand being on neither.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq
from scipy.special import expit, logit, logsumexp, ndtri
from stemtide.features.view import Floats

from models.spread import Ints, Labels

MIN_VARIANCE: Final = 5.0
"""Of a stretch's number of positives (where they are rare: that number itself); of less it tells nothing."""
MIN_STRETCHES: Final = 3
"""With fewer nothing is known of how rates move."""
MOST_STRETCHES: Final = 60
"""The latest ones: what was before tells nothing of now."""
LEAST: Final = 1e-12
"""Probabilities are taken as this far inside: 0 and 1 have no log odds …"""
FARTHEST: Final = 60.0
"""… and no shift is larger than this."""
FAR: Final = 1.0
"""Standard deviation of a level before anything was seen of it, in log odds: a rate 2.7 times as high."""
SERVED_DAYS: Final = 60
"""After the last outcome that is known: the day of which the level is foretold, the middle of some months of
service."""
WALKS: Final = (0.0, *np.geomspace(1e-5, 2e-2, 16).tolist())
"""Variances of a day's walk."""
SEASONS: Final = (0.0, *np.geomspace(3e-3, 2.0, 14).tolist())
"""Variances of a stretch around its level."""


class Stretch(NamedTuple):
    """A time no shorter than a horizon, so that most of its outcomes are its own; but for the last, as the
    latest outcomes tell most."""

    day: float
    """Where its middle is."""
    shift: float
    """Of the log odds, against the predicted ones."""
    variance: float
    """Of that shift, by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """By how much log odds have moved away from what was predicted, and how uncertain that is later on."""

    shift: float
    deviation: float

    def reach(self, level: float) -> float:
        """How far log odds may lie from the shift, either way, in so much of all cases."""
        return float(ndtri((1 + level) / 2)) * self.deviation


STEADY: Final = Level(shift=0.0, deviation=0.0)
"""Nothing is known of a move."""


def level_of(stretches: list[Stretch], *, ahead_days: float = SERVED_DAYS) -> Level:
    """The level some days after the last stretch; `STEADY` of fewer than `MIN_STRETCHES`."""
    if len(stretches) < MIN_STRETCHES:
        return STEADY
    found = list(_foretold(stretches[-MOST_STRETCHES:], ahead_days))
    logs, means, variances = np.array(found).T
    weight = np.exp(logs - logsumexp(logs))
    mean = float(weight @ means)
    return Level(shift=mean, deviation=float(np.sqrt(weight @ (variances + (means - mean) ** 2))))


def stretches_of(
    y: Labels,
    probability: Floats,
    day: Ints,
    *,
    horizon_days: int,
    effect: float,
    counts: Floats | None = None,
) -> list[Stretch]:
    """The time of the rows, cut where a stretch is long enough and tells enough.

    To first order a shift of the log odds changes a number of positives by its binomial variance, which over
    the design effect is what a stretch weighs. None where every probability is 0 or 1.

    Args:
        effect: see `models.spread.design_effect`.
        counts: what each row counts, 1 at most; None: all 1.
    """
    counts = np.ones(len(y)) if counts is None else counts
    days, place = np.unique(day, return_inverse=True)
    variances = np.bincount(place, weights=counts * probability * (1 - probability))
    if not variances.sum():
        return []
    found = []
    for own in _cut(days, np.asarray(variances, dtype=np.float64), horizon_days):
        rows = (place >= own.start) & (place < own.stop)
        variance = float(variances[own].sum())
        middle = float(days[own] @ variances[own]) / variance
        shift = _shift(probability[rows], y[rows], counts[rows], effect)
        found.append(Stretch(day=middle, shift=shift, variance=effect / variance))
    return found


def _shift(probability: Floats, y: Labels, counts: Floats, effect: float) -> float:
    """The shift of all log odds by which as many positives are expected as there were: of independent rows
    half a positive and half a negative more, so it is finite, and right on average where few happened."""
    rows = float(counts.sum())
    goal = (float(counts @ y) / effect + 0.5) / (rows / effect + 1) * rows
    odds = logit(np.clip(probability, LEAST, 1 - LEAST))
    return float(brentq(lambda shift: float(counts @ expit(odds + shift)) - goal, -FARTHEST, FARTHEST))


def _cut(days: Ints, variance: Floats, horizon_days: int) -> Iterator[slice]:
    """The days of each stretch; what is left over at the end and tells too little belongs to the last one."""
    starts = [0]
    for at in range(len(days)):
        if days[at] - days[starts[-1]] >= horizon_days and variance[starts[-1] : at].sum() >= MIN_VARIANCE:
            starts.append(at)
    if len(starts) > 1 and variance[starts[-1] :].sum() < MIN_VARIANCE:
        starts.pop()
    for start, end in pairwise([*starts, len(days)]):
        yield slice(start, end)


def _foretold(stretches: list[Stretch], ahead_days: float) -> Iterator[tuple[float, float, float]]:
    """(log of the weight, mean, variance) of a later stretch for each walk and each season's variance: those
    of a normal vector, given the part of it that was seen."""
    day, shift, chance = np.array(stretches).T
    since = day - day[0]
    later = since[-1] + ahead_days
    walked = np.minimum.outer(since, since)
    for walk in WALKS:
        known, future = FAR**2 + walk * walked, FAR**2 + walk * since
        for season in SEASONS:
            factor: Any = cho_factor(known + np.diag(chance + season))
            told = cho_solve(factor, shift)
            fit = -float(shift @ told) / 2 - float(np.log(np.diag(factor[0])).sum())
            variance = FAR**2 + walk * later + season - float(future @ cho_solve(factor, future))
            weight = fit + _beforehand(walk, WALKS) + _beforehand(season, SEASONS)
            yield weight, float(future @ told), variance


def _beforehand(value: float, among: tuple[float, ...]) -> float:
    """The log of the weight before anything was seen: half for none, the rest for the others alike."""
    return float(np.log(0.5 if value == 0 else 0.5 / (len(among) - 1)))
