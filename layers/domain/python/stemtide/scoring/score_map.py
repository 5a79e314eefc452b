"""From a probability to a score of 0 to 100 whose tier cuts mean multiples of the base rate.

A calibrated churn probability is often a few per cent, so cuts on the probability itself would never fire.
The map sends the probability whose *odds* are 1.5, 3 and 6 times those of the base rate (`[scoring]
tier_multiples`) to 25, 50 and 75: 'critical' means six times the usual odds, whatever they are. Odds, because
a multiple of a probability could exceed one.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from stemtide.scoring.manifest import Knot

TIER_SCORES: Final = (25, 50, 75)
TOP: Final = 100


def score_map(base_rate: float, multiples: Sequence[float]) -> tuple[Knot, ...]:
    """The knots of the map, from (0, 0) to (1, 100).

    Args:
        base_rate: share of calibration rows with the event, between 0 and 1.
        multiples: of the base rate's odds, rising, one per tier cut.

    Raises:
        ValueError: the map would not rise strictly.
    """
    if not 0 < base_rate < 1:
        raise ValueError(f"a base rate of {base_rate} has no odds")
    odds = base_rate / (1 - base_rate)
    cuts = [multiple * odds / (1 + multiple * odds) for multiple in multiples]
    probabilities = [0.0, *cuts, 1.0]
    if len(cuts) != len(TIER_SCORES) or not all(a < b for a, b in pairwise(probabilities)):
        raise ValueError(
            f"the multiples {list(multiples)} of the base rate {base_rate} do not rise from 0 to 1"
        )
    scores = (0, *TIER_SCORES, TOP)
    return tuple(Knot(p, float(s)) for p, s in zip(probabilities, scores, strict=True))


def to_score(probability: float, knots: Sequence[Knot]) -> int:
    """The score: linear between the knots, rounded down, so a tier begins exactly at its knot.

    Raises:
        ValueError: `probability` is not between 0 and 1.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"{probability} is no probability")
    above = bisect_right([knot.probability for knot in knots], probability)
    if above == len(knots):
        return int(knots[-1].score)
    low, high = knots[above - 1], knots[above]
    share = (probability - low.probability) / (high.probability - low.probability)
    score = math.floor(low.score + share * (high.score - low.score))
    return min(score, int(high.score) - 1)  # rounding must not reach the next tier below its knot
