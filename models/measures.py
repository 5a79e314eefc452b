"""How well probabilities tell who: the figures of an evaluation, all of labels and scores alone."""

from typing import Any, Final

import numpy as np
from stemtide.features.view import Floats

Labels = np.ndarray[Any, np.dtype[np.bool_]]

ECE_BINS: Final = 10


def auc_roc(y: Labels, score: Floats, weight: Floats | None = None) -> float:
    """The probability that a positive row scores above a negative one, ties count half; NaN without both."""
    weight = np.ones(len(y)) if weight is None else weight
    _, place = np.unique(score, return_inverse=True)
    size = int(place.max()) + 1 if len(place) else 0
    above = np.bincount(place, weights=weight * y, minlength=size)
    below = np.bincount(place, weights=weight * ~y, minlength=size)
    pairs = above.sum() * below.sum()
    if not pairs:
        return float("nan")
    return float((above * (np.cumsum(below) - below / 2)).sum() / pairs)


def precision_recall(y: Labels, score: Floats) -> tuple[Floats, Floats]:
    """Precision and recall at every distinct score, from the highest."""
    values, place = np.unique(-score, return_inverse=True)
    hits = np.cumsum(np.bincount(place, weights=y, minlength=len(values)))
    rows = np.cumsum(np.bincount(place, minlength=len(values)))
    return hits / rows, hits / max(1, int(y.sum()))


def auc_pr(y: Labels, score: Floats) -> float:
    """Average precision: the mean of the precision over the steps of recall; NaN without positives."""
    if not y.any():
        return float("nan")
    precision, recall = precision_recall(y, score)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def precision_at_recall(y: Labels, score: Floats, wanted: float = 0.8) -> float:
    """The best precision at which at least so much of the positives is found."""
    if not y.any():
        return float("nan")
    precision, recall = precision_recall(y, score)
    return float(precision[recall >= wanted - 1e-12].max())


def calibration_error(y: Labels, probability: Floats) -> float:
    """Expected calibration error over bins of equally many rows."""
    if not len(y):
        return float("nan")
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, ECE_BINS) if len(part)]
    gaps = [abs(float(y[part].mean() - probability[part].mean())) * len(part) for part in parts]
    return sum(gaps) / len(y)


def calibration_error_by_chance(probability: Floats, *, seed: int, draws: int = 100) -> float:
    """The calibration error that these probabilities would show on as many rows if they were all true.

    With few rows a bin's rate strays by itself: an error below this one is no sign of bad calibration.
    """
    if not len(probability):
        return float("nan")
    rng = np.random.default_rng(seed)
    errors = [
        calibration_error(rng.random(len(probability)) < probability, probability) for _ in range(draws)
    ]
    return float(np.mean(errors))


def lift_top_decile(y: Labels, score: Floats) -> float:
    """How many times the average rate the tenth with the highest scores has (ties in the order of rows)."""
    if not y.any():
        return float("nan")
    top = np.argsort(-score, kind="stable")[: max(1, round(len(y) / 10))]
    return float(y[top].mean() / y.mean())
