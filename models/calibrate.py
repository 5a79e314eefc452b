"""From margins to probabilities, and how sure one may be of them."""

from typing import Any, Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import beta
from stemtide.features.view import Floats
from stemtide.scoring.manifest import Bin, Calibration

Labels = np.ndarray[Any, np.dtype[np.bool_]]

LEVEL: Final = 0.90
"""Of the intervals."""
MAX_BINS: Final = 10
MIN_POSITIVES: Final = 8
"""Of a bin: with fewer, an interval says little; such bins are merged with the next."""
MIN_SLOPE: Final = 0.01
"""A model that ranks no better than chance is flattened, never turned around."""


def platt(margins: Floats, y: Labels, weight: Floats | None = None) -> Calibration:
    """Logistic calibration by Platt (1999), with his smoothed targets; the slope is positive.

    Args:
        weight: what each row counts; None: all alike.
    """
    positives = int(y.sum())
    high, low = (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2)
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


def probabilities(margins: Floats, calibration: Calibration) -> Floats:
    """Calibrated probabilities."""
    return np.asarray(expit(calibration.slope * margins + calibration.intercept))


def bins(probability: Floats, y: Labels) -> tuple[Bin, ...]:
    """Bins of about equally many expected positives by rising probability, each with enough observed ones.

    So the few rows at the top, which people act on, are told apart as well as the many at the bottom. Rows
    of the same probability share a bin. The last bin ends at 1 and includes it.
    """
    order = np.argsort(probability, kind="stable")
    p, happened = probability[order], y[order]
    count = int(np.clip(happened.sum() // MIN_POSITIVES, 1, MAX_BINS))
    expected = np.cumsum(p)
    edges = expected.searchsorted(expected[-1] * np.linspace(0, 1, count + 1)[1:-1]).tolist()
    starts = sorted({int(p.searchsorted(p[edge])) for edge in edges} - {0})
    groups = [0, *starts, len(p)]
    merged = [groups[0]]
    for end in groups[1:-1]:
        if happened[merged[-1] : end].sum() >= MIN_POSITIVES:
            merged.append(end)
    if len(merged) > 1 and happened[merged[-1] :].sum() < MIN_POSITIVES:
        merged.pop()
    ends = [*merged[1:], len(p)]
    return tuple(
        _bin(float(p[end]) if end < len(p) else 1.0, end - start, int(happened[start:end].sum()))
        for start, end in zip(merged, ends, strict=True)
    )


def clopper_pearson(positives: int, rows: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a rate (Clopper and Pearson, 1934)."""
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, positives, rows - positives + 1)) if positives else 0.0
    high = float(beta.ppf(1 - tail, positives + 1, rows - positives)) if positives < rows else 1.0
    return low, high


def _bin(upper: float, rows: int, positives: int) -> Bin:
    low, high = clopper_pearson(positives, rows)
    return Bin(upper=upper, rows=rows, positives=positives, low=low, high=high)
