"""By how much rates vary over accounts beyond what independent rows would.

An interval of a rate must know it: snapshots of an account overlap and tell the same outcome again, so n rows
are worth fewer. How rates move with time: `models.level`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from stemtide.features.view import Floats

Labels = np.ndarray[Any, np.dtype[np.bool_]]
Ints = npt.NDArray[np.int64]


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
