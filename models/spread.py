"""By how much rates vary beyond what independent rows would: over accounts, and from one time to another.

An interval of a rate that is to hold on later time must know both. Snapshots of an account overlap and tell
the same outcome again, so n rows are worth fewer; and what share leaves is not the same in every season.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from stemtide.features.view import Floats

Labels = np.ndarray[Any, np.dtype[np.bool_]]
Ints = npt.NDArray[np.int64]

MIN_EXPECTED: Final = 5.0
"""Positives that a stretch of time must expect: a ratio of fewer says nothing."""
MAX_STRETCHES: Final = 8


def design_effect(y: Labels, place: Ints, accounts: npt.NDArray[np.str_]) -> float:
    """By how much the rates' variance exceeds that of independent rows, at least 1 (Kish, 1965).

    The sum over bins and accounts of (positives - rate x rows)^2, the linearised variance of a ratio, over
    what independent rows would give: the sum of rows x rate x (1 - rate); pooled over the bins, as one has
    too few outcomes to tell. Where every rate is 0 or 1 nothing can be seen of it, and an account's rows
    count as one row, the most cautious.
    """
    observed = expected = 0.0
    for bin_ in np.unique(place):
        rows = place == bin_
        _, account = np.unique(accounts[rows], return_inverse=True)
        own = y[rows]
        rate, count = float(own.mean()), np.bincount(account)
        observed += float(((np.bincount(account, weights=own) - rate * count) ** 2).sum())
        expected += rate * (1 - rate) * len(own)
    if not expected:
        return len(accounts) / max(1, len(np.unique(accounts)))
    return max(1.0, observed / expected)


def drift(y: Labels, probability: Floats, day: Ints, effect: float) -> float:
    """The standard deviation, between stretches of time, of the log of observed over expected positives.

    The variance between stretches of a random-effects meta-analysis (DerSimonian and Laird, 1986), each
    stretch's own variance being that of a count with the design effect. 0 where time tells nothing.
    """
    count = int(min(MAX_STRETCHES, probability.sum() // MIN_EXPECTED))
    if count < 2:
        return 0.0
    edges = np.quantile(day, np.linspace(0, 1, count + 1)[1:-1])
    stretch = np.searchsorted(edges, day, side="left")
    expected = np.bincount(stretch, weights=probability, minlength=count)
    observed = np.bincount(stretch, weights=y, minlength=count)
    known = expected >= MIN_EXPECTED
    if known.sum() < 2:
        return 0.0
    log_ratio = np.log((observed[known] + 0.5) / (expected[known] + 0.5))
    weight = (expected[known] + 0.5) / effect
    mean = float((weight * log_ratio).sum() / weight.sum())
    excess = float((weight * (log_ratio - mean) ** 2).sum()) - (len(weight) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    return float(np.sqrt(max(0.0, excess / scale))) if scale > 0 else 0.0
