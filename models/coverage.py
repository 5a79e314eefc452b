"""Whether the served 90 % intervals held on later time.

An interval is about the rate that accounts with such a probability have. Later time does not show that rate
but a sample of it, and a small sample strays: a true 3 % is seen as 0 in one of 21 samples of 100. Counting
a bin as missed because the later *sample* lies outside would blame the interval for the later sample's size;
counting it as held wherever the two intervals overlap would forgive nearly everything (two 90 % intervals
about one rate overlap in some 98 % of cases). What is right in 90 % of cases when the interval is, is the
*prediction* of the later sample from it:

1. The interval speaks for the beta distribution whose 5 % and 95 % quantiles are its ends.
2. Of n later rows as many as `n_eff = n / d` are independent. Snapshots of an account overlap, and tell the
   same outcome again: `d` is the design effect (Kish, 1965), the variance of the rates over accounts against
   that of independent rows, pooled over the bins as one bin has too few outcomes to tell.
3. The later count is then beta-binomial, and the bin is held where the observed one lies between its 5 % and
   95 % points, by the mid-distribution function P(K < k) + P(K = k) / 2 (Lancaster, 1961), linear in between:
   counts are whole numbers, and the plain tails would hold more than is promised.

The served interval itself is taken as it is: one that overlooks how few accounts it rests on is found out.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import beta, betabinom
from stemtide.features.view import Floats
from stemtide.scoring.manifest import Bin

from models.calibrate import LEVEL
from models.evidence import Coverage
from models.measures import Labels
from models.spread import design_effect

TAIL: Final = (1 - LEVEL) / 2
LEAST: Final = 1e-6
"""Ends of 0 and 1 are taken as this far inside: no beta distribution has a quantile there."""


def coverage(y: Labels, p: Floats, accounts: npt.NDArray[np.str_], bins: Sequence[Bin]) -> Coverage:
    """How many of the served bins with later rows held."""
    place = places_of(p, bins)
    effect = design_effect(y, place, accounts)
    held = [
        is_held(served, int((place == i).sum()), int(y[place == i].sum()), effect)
        for i, served in enumerate(bins)
        if (place == i).any()
    ]
    return Coverage(bins=len(held), covered=sum(held), share=sum(held) / len(held) if held else None)


def places_of(p: Floats, bins: Sequence[Bin]) -> npt.NDArray[np.int64]:
    """The bin of each probability, as `stemtide.scoring.confidence.bin_of` serves it."""
    found = np.searchsorted([served.upper for served in bins], p, side="right")
    return np.minimum(found, len(bins) - 1).astype(np.int64)


def is_held(served: Bin, rows: int, positives: int, effect: float) -> bool:
    """Whether a later sample is one that the served interval predicts."""
    a, b = belief(served.low, served.high)
    size = max(1, round(rows / effect))
    return TAIL <= _mid_distribution(size * positives / rows, size, a, b) <= 1 - TAIL


def belief(low: float, high: float) -> tuple[float, float]:
    """The beta distribution (a, b) with these 5 % and 95 % quantiles."""
    ends = np.clip([low, high], LEAST, 1 - LEAST)
    mean, spread = float(ends.mean()), float(ends[1] - ends[0]) / 3.29
    size = max(0.1, mean * (1 - mean) / max(spread, 1e-9) ** 2 - 1)

    def gap(logs: Floats) -> Floats:
        quantiles: Floats = beta.ppf([TAIL, 1 - TAIL], *np.exp(logs))
        return np.asarray(np.log(np.clip(quantiles, 1e-300, None)) - np.log(ends))

    found: Any = least_squares(gap, np.log([mean * size, (1 - mean) * size]))
    a, b = np.exp(found.x).tolist()
    return a, b


def _mid_distribution(count: float, size: int, a: float, b: float) -> float:
    """P(K < k) + P(K = k) / 2 of the beta-binomial, linear between whole numbers."""
    below = int(np.floor(count))
    at = [betabinom.cdf(k, size, a, b) - betabinom.pmf(k, size, a, b) / 2 for k in (below, below + 1)]
    return float(at[0] + (count - below) * (at[1] - at[0]))
