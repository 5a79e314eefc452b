"""By how much rates vary beyond what independent rows would: over accounts, and from one time to another.

An interval of a rate that is to hold on later time must know both. Snapshots of an account overlap and tell
the same outcome again, so n rows are worth fewer; and what share leaves is not the same in every season.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit
from stemtide.features.view import Floats

Labels = np.ndarray[Any, np.dtype[np.bool_]]
Ints = npt.NDArray[np.int64]

MIN_VARIANCE: Final = 5.0
"""Of a stretch's number of positives (where they are rare: that number itself); of less it tells nothing."""
MIN_STRETCHES: Final = 4
"""How far fewer than these lie apart is mostly luck."""
MAX_STRETCHES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far log odds move from one time to another, and of how many stretches of time that is known."""

    spread: float
    """The standard deviation between stretches."""
    stretches: int

    def reach(self, level: float) -> float:
        """How far the log odds of a new stretch may lie from the known ones' mean: half the prediction
        interval of a random-effects meta-analysis (Higgins, Thompson and Spiegelhalter, 2009), of Student's t
        since the spread itself is known of so few."""
        tail = float(stdtrit(self.stretches - 1, (1 + level) / 2))
        return tail * self.spread * float(np.sqrt(1 + 1 / self.stretches))


STEADY: Final = Drift(spread=0.0, stretches=MIN_STRETCHES)
"""No drift that is known of."""


def design_effect(
    y: Labels, place: Ints, accounts: npt.NDArray[np.str_], weight: Floats | None = None
) -> float:
    """By how much the rates' variance exceeds that of independent rows, at least 1 (Kish, 1965).

    The sum over bins and accounts of (positives - rate x rows)^2, the linearised variance of a ratio, over
    what independent rows would give: the sum of rows x rate x (1 - rate); pooled over the bins, as one has
    too few outcomes to tell. Where every rate is 0 or 1 nothing can be seen of it, and an account's rows
    count as one row, the most cautious.

    Args:
        weight: what each row counts in all of these, 1 at most; None: all 1.
    """
    counts = np.ones(len(y)) if weight is None else weight
    observed = expected = 0.0
    for bin_ in np.unique(place):
        rows = place == bin_
        _, account = np.unique(accounts[rows], return_inverse=True)
        own, own_counts = y[rows], counts[rows]
        rate, count = float(np.average(own, weights=own_counts)), np.bincount(account, weights=own_counts)
        positives = np.bincount(account, weights=own_counts * own)
        observed += float(((positives - rate * count) ** 2).sum())
        expected += rate * (1 - rate) * float(own_counts.sum())
    if not expected:
        return max(1.0, float(counts.sum()) / max(1, len(np.unique(accounts))))
    return max(1.0, observed / expected)


def drift(y: Labels, probability: Floats, day: Ints, effect: float, counts: Floats | None = None) -> Drift:
    """How far the log odds of later times stray from the predicted ones; none where time tells nothing.

    The variance between stretches in a random-effects meta-analysis (DerSimonian and Laird, 1986). To first
    order a shift of the log odds changes a count by its binomial variance, so that is what the logs of
    observed over expected positives are scaled by; over the design effect it is a stretch's weight.

    Args:
        counts: what each row counts, 1 at most; None: all 1.
    """
    counts = np.ones(len(y)) if counts is None else counts
    variance = counts * probability * (1 - probability)
    count = int(min(MAX_STRETCHES, variance.sum() // MIN_VARIANCE))
    if count < MIN_STRETCHES:
        return STEADY
    edges = np.quantile(day, np.linspace(0, 1, count + 1)[1:-1])
    stretch = np.searchsorted(edges, day, side="left")
    sums = np.array(
        [
            np.bincount(stretch, weights=each, minlength=count)
            for each in (counts * y, counts * probability, variance)
        ]
    )
    observed, expected, per_shift = sums[:, sums[2] >= MIN_VARIANCE]
    if len(observed) < MIN_STRETCHES:
        return STEADY
    shift = np.log((observed + 0.5) / (expected + 0.5)) * expected / per_shift
    weight = per_shift / effect
    mean = float((weight * shift).sum() / weight.sum())
    excess = float((weight * (shift - mean) ** 2).sum()) - (len(weight) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    return Drift(spread=float(np.sqrt(max(0.0, excess / scale))), stretches=len(weight))
