"""The curves and tables of an evaluation: ROC, precision and recall, calibration, deciles, tiers."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from stemtide.features.view import Floats
from stemtide.scoring.assessment import Tier as TierName
from stemtide.scoring.assessment import tier_of
from stemtide.scoring.manifest import Knot
from stemtide.scoring.score_map import to_score

from models.calibrate import clopper_pearson
from models.evidence import Interval, Point, RateBin, Tier
from models.measures import ECE_BINS, Labels, precision_recall

MOST_POINTS: Final = 200
"""Of a curve: as many as a picture of the size of a card can show."""
PARTS: Final = 5
"""Bins of a feature: enough to see a shape, few enough to have positives each."""


def roc(y: Labels, score: Floats) -> tuple[Point, ...]:
    """The ROC curve from (0, 0) to (1, 1): x the false, y the true positive rate (Fawcett, 2006)."""
    if y.all() or not y.any():
        return ()
    values, place = np.unique(-score, return_inverse=True)
    hits = np.cumsum(np.bincount(place, weights=y, minlength=len(values)))
    false = np.cumsum(np.bincount(place, weights=~y, minlength=len(values)))
    return _points(np.append(0, false / (~y).sum()), np.append(0, hits / y.sum()))


def recall_precision(y: Labels, score: Floats) -> tuple[Point, ...]:
    """The curve of precision (y) over recall (x), at every distinct score from the highest."""
    if not y.any():
        return ()
    precision, recall = precision_recall(y, score)
    return _points(recall, precision)


def _points(x: Floats, y: Floats) -> tuple[Point, ...]:
    """Of a curve at most MOST_POINTS of its own points, evenly along its length, both ends included."""
    way = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    chosen = np.arange(len(x))
    if len(x) > MOST_POINTS:
        wanted = np.linspace(0.0, way[-1], MOST_POINTS)
        chosen = np.unique(np.append(way.searchsorted(wanted[:-1]), len(x) - 1))
    return tuple(Point(x=float(x[i]), y=float(y[i])) for i in chosen)


def calibration(y: Labels, p: Floats) -> tuple[RateBin, ...]:
    """Ten bins of equally many rows by rising probability, those that the calibration error is taken over;
    labels are the probabilities' range."""
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, ECE_BINS) if len(part)]
    return tuple(
        rate_bin(f"{_per_cent(p[part[0]])}-{_per_cent(p[part[-1]])} %", y[part], p[part]) for part in parts
    )


def deciles(y: Labels, p: Floats) -> tuple[RateBin, ...]:
    """Tenths of the rows from the highest probabilities (`1`) down to the lowest (`10`)."""
    order = np.argsort(-p, kind="stable")
    parts = [part for part in np.array_split(order, ECE_BINS) if len(part)]
    return tuple(rate_bin(str(place), y[part], p[part]) for place, part in enumerate(parts, 1))


def tiers(y: Labels, p: Floats, knots: Sequence[Knot]) -> tuple[Tier, ...]:
    """What came of the rows of each tier, as scores are served: from critical down to low."""
    names = np.array([tier_of(to_score(value, knots)).value for value in p.tolist()])
    found = []
    for tier in reversed(TierName):
        own = y[names == tier.value] if len(names) else y
        rows, positives = len(own), int(own.sum())
        found.append(
            Tier(
                name=tier.value,
                rows=rows,
                positives=positives,
                observed=positives / rows if rows else None,
                interval=rate_interval(positives, rows),
            )
        )
    return tuple(found)


def adoption(y: Labels, p: Floats, used: Floats, fitted: Floats) -> tuple[RateBin, ...]:
    """The rate by the number of features in use, in bins that the fit rows divide about evenly.

    Args:
        used: `features_adopted` of the rows, NaN unknown.
        fitted: that of the fit rows.
    """
    edges = whole_edges(fitted)
    found = []
    for first, end in zip([0, *edges], [*edges, None], strict=True):
        rows = used >= first if end is None else (used >= first) & (used < end)
        label = f"{first} or more" if end is None else _whole(first, end)
        if rows.any():
            found.append(rate_bin(label, y[rows], p[rows]))
    return tuple(found)


def _whole(first: int, end: int) -> str:
    """The whole numbers from `first` to before `end`."""
    if first == 0 and end > 1:
        return f"under {end}"
    return f"{first}" if end == first + 1 else f"{first}-{end - 1}"


def _per_cent(p: float) -> str:
    """Two significant digits, whole numbers from 10 % on."""
    share = 100 * float(p)
    return f"{share:.0f}" if share >= 9.95 else f"{share:.1f}" if share >= 0.995 else f"{share:.2f}"


def whole_edges(values: Floats) -> list[int]:
    """Whole numbers at which the next of PARTS bins begins; fewer where values repeat."""
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    cuts: npt.NDArray[np.float64] = np.quantile(known, np.arange(1, PARTS) / PARTS, method="higher")
    return sorted({int(cut) for cut in cuts} - {int(known.min()), 0})


def rate_bin(label: str, y: Labels, p: Floats) -> RateBin:
    """Rows that belong together."""
    rows, positives = len(y), int(y.sum())
    return RateBin(
        label=label,
        rows=rows,
        positives=positives,
        predicted=float(p.mean()) if rows else None,
        observed=positives / rows if rows else None,
        interval=rate_interval(positives, rows),
    )


def rate_interval(positives: int, rows: int) -> Interval:
    """The 90 % interval of a rate; None without rows."""
    return clopper_pearson(positives, rows) if rows else None
