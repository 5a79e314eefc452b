"""From margins to probabilities, and how sure one may be of them."""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import beta
from stemtide.features.view import Floats
from stemtide.scoring.manifest import Bin, Calibration

from models.level import SERVED_DAYS, STEADY, Level, level_of, stretches_of
from models.spread import Ints, Labels, design_effect

LEVEL: Final = 0.90
"""Of the intervals."""
MAX_BINS: Final = 10
MIN_POSITIVES: Final = 8
"""Of a bin: with fewer, an interval says little; such bins are merged with the next, but over no gap."""
GAP: Final = float(np.log(4.0))
"""Between the log odds of neighbours: probabilities of two sorts, which share no bin …"""
GAP_ROWS: Final = 200
"""… where so many rows lie on either side, however few positives they have."""
LEAST: Final = 1e-9
"""Ends of an interval are taken as this far inside: 0 and 1 have no log odds."""
MIN_SLOPE: Final = 0.01
"""A model that ranks no better than chance is flattened, never turned around."""


def platt(margins: Floats, y: Labels, weight: Floats | None = None) -> Calibration:
    """Logistic calibration by Platt (1999), with his smoothed targets; the slope is positive.

    Args:
        weight: what each row counts; None: all alike.
    """
    counts = np.ones(len(y)) if weight is None else weight
    positives, negatives = float(counts[y].sum()), float(counts[~y].sum())
    high, low = (positives + 1) / (positives + 2), 1 / (negatives + 2)
    goal = np.where(y, high, low)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[0] * margins + parameters[1]
        error = expit(z) - goal
        value = float(np.average(np.logaddexp(0.0, z) - goal * z, weights=weight))
        slope, intercept = (np.average(e, weights=weight) for e in (error * margins, error))
        return value, np.array([slope, intercept])

    start = np.array([1.0, 0.0])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(MIN_SLOPE, None), (None, None)])
    return Calibration(slope=float(found.x[0]), intercept=float(found.x[1]))


def is_flattened(calibration: Calibration) -> bool:
    """Whether the model ranks no better than chance, so that its slope lies at the bound."""
    return calibration.slope <= MIN_SLOPE


def probabilities(margins: Floats, calibration: Calibration) -> Floats:
    """Calibrated probabilities."""
    return np.asarray(expit(calibration.slope * margins + calibration.intercept))


def bins(
    probability: Floats,
    y: Labels,
    accounts: npt.NDArray[np.str_],
    *,
    moved: Level = STEADY,
    weight: Floats | None = None,
    level: float = LEVEL,
) -> tuple[Bin, ...]:
    """Bins of about equally many expected positives by rising probability, each with enough observed ones
    (see `MIN_POSITIVES`; all rows are one bin, and the rows beside a gap, however few positives they have).

    So the few rows at the top, which people act on, are told apart as well as the many at the bottom. Rows
    of the same probability share a bin; those on either side of a gap do not. A bin ends half way, in log
    odds, to the next one's least probability; the last one ends at 1 and includes it. An interval is to hold
    for accounts of later time: see `interval`.

    Args:
        probability: before the level has moved; the bins are of those after it.
        weight: what each row counts, 1 at most; None: all 1. Half a row is half a row everywhere: in the
            expected and the observed numbers, the design effect and the interval.
    """
    order = np.argsort(probability, kind="stable")
    p, happened = probability[order], y[order]
    counts = np.ones(len(p)) if weight is None else weight[order]
    starts = _starts(p, happened, counts)
    effect = design_effect(happened, _places(starts, len(p)), accounts[order], counts)
    found = []
    for start, end in pairwise([*starts, len(p)]):
        own = counts[start:end]
        positives, rows = float(own[happened[start:end]].sum()), float(own.sum())
        low, high = interval(positives, rows, effect=effect, moved=moved, level=level)
        upper = _after(moved, half_way(float(p[end - 1]), float(p[end]))) if end < len(p) else 1.0
        found.append(Bin(upper=upper, rows=round(rows), positives=round(positives), low=low, high=high))
    return tuple(found)


def moved_by_now(
    probability: Floats,
    y: Labels,
    accounts: npt.NDArray[np.str_],
    day: Ints,
    *,
    horizon_days: int,
    weight: Floats | None = None,
) -> Level:
    """How far log odds have moved away from what these probabilities say, by now: see `models.level`."""
    order = np.argsort(probability, kind="stable")
    counts = np.ones(len(y)) if weight is None else weight
    p, happened = probability[order], y[order]
    place = _places(_starts(p, happened, counts[order]), len(p))
    effect = design_effect(happened, place, accounts[order], counts[order])
    found = stretches_of(y, probability, day, horizon_days=horizon_days, effect=effect, counts=counts)
    ahead = float(day.max()) + horizon_days + SERVED_DAYS - found[-1].day if found else 0.0
    return level_of(found, ahead_days=ahead)


def moved_calibration(calibration: Calibration, moved: Level) -> Calibration:
    """The calibration at the level of now."""
    return Calibration(slope=calibration.slope, intercept=calibration.intercept + moved.shift)


def half_way(below: float, above: float) -> float:
    """The probability in the middle of two, by log odds: what lies between is nearer to one of them."""
    middle = float(expit(logit(np.clip([below, above], LEAST, 1 - LEAST)).mean()))
    return middle if below < middle < above else above


def interval(
    positives: float, rows: float, *, effect: float = 1.0, moved: Level = STEADY, level: float = LEVEL
) -> tuple[float, float]:
    """The interval of a rate: Clopper and Pearson's exact one (1934) of as many rows as the design effect
    leaves, moved to the level of now and widened by how uncertain that is (the log odds' distances add up in
    squares; those of 0 and 1 are infinite, so these ends stay).
    """
    low, high = clopper_pearson(positives / effect, rows / effect, level)
    if moved == STEADY:
        return low, high
    middle, reach = logit((positives / effect + 0.5) / (rows / effect + 1)), moved.reach(level)
    below, above = middle - logit(low), logit(high) - middle
    return (
        float(expit(middle + moved.shift - np.hypot(below, reach))),
        float(expit(middle + moved.shift + np.hypot(above, reach))),
    )


def clopper_pearson(positives: float, rows: float, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a rate; numbers of independent rows need not be whole."""
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, positives, rows - positives + 1)) if positives else 0.0
    high = float(beta.ppf(1 - tail, positives + 1, rows - positives)) if positives < rows else 1.0
    return low, high


def _after(moved: Level, probability: float) -> float:
    return float(expit(logit(probability) + moved.shift)) if moved.shift else probability


def _places(starts: list[int], rows: int) -> Ints:
    """The bin of each row, counted from 1, of rows by rising probability."""
    return np.searchsorted(starts, np.arange(rows), side="right")


def _starts(p: Floats, happened: Labels, counts: Floats) -> list[int]:
    """The first row of each bin, of rows by rising probability; none reaches over a gap."""
    expected, observed, found = p * counts, happened * counts, []
    total = float(expected.sum())
    for first, end in pairwise([0, *_gaps(p, counts), len(p)]):
        own = slice(first, end)
        most = round(MAX_BINS * float(expected[own].sum()) / total)
        starts = _starts_between_gaps(p[own], expected[own], observed[own], most=most)
        found += [first + start for start in starts]
    return found


def _gaps(p: Floats, counts: Floats) -> list[int]:
    """The rows after a gap, e.g. that of a renewal gate: one rate for both sides would be true of neither."""
    odds = logit(np.clip(p, LEAST, 1 - LEAST))
    after = np.flatnonzero(np.diff(odds) >= GAP) + 1
    before = np.concatenate([[0.0], np.cumsum(counts)])
    found = [0]
    for row in after.tolist():
        if min(before[row] - before[found[-1]], before[-1] - before[row]) >= GAP_ROWS:
            found.append(row)
    return found[1:]


def _starts_between_gaps(p: Floats, expected: Floats, observed: Floats, *, most: int) -> list[int]:
    """The first row of each bin, one of them at least."""
    count = int(min(observed.sum() // MIN_POSITIVES, most))
    upto = np.cumsum(expected)
    edges = upto.searchsorted(upto[-1] * np.linspace(0, 1, count + 1)[1:-1]).tolist()
    merged = [0]
    for start in sorted({int(p.searchsorted(p[edge])) for edge in edges}):
        if observed[merged[-1] : start].sum() >= MIN_POSITIVES:
            merged.append(start)
    if len(merged) > 1 and observed[merged[-1] :].sum() < MIN_POSITIVES:
        merged.pop()
    return merged
