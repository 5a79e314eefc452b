"""How far a probability can be trusted: the interval of its bin, and its grade."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from stemtide.scoring.assessment import Confidence, Interval, KnownSource
from stemtide.scoring.manifest import Bin

GRADES: Final = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)
HIGH_HALF_WIDTH: Final = 0.25
"""'9-14 %' is 11.5 % give or take a fifth: good enough to compare accounts by."""
HIGH_ROWS: Final = 200
MEDIUM_HALF_WIDTH: Final = 0.6
"""Beyond it the ends of the interval differ by a factor of four: different tiers."""
MEDIUM_ROWS: Final = 50
COMPLETE: Final = 0.75
"""Share of known features below which the sources are called missing."""
SHORT_HISTORY_DAYS: Final = 14
"""Two weeks: less has no week to compare with."""
INCOMPLETE: Final = "incomplete"
SHORT_HISTORY: Final = "short_history"
STALE: Final = "stale:"
"""Before the name of the source."""


def bin_of(probability: float, bins: Sequence[Bin]) -> Bin:
    """The bin a probability falls in; the last one takes what lies above it."""
    at = bisect_right([b.upper for b in bins], probability)
    return bins[min(at, len(bins) - 1)]


def interval_of(found: Bin) -> Interval:
    """The 90 % interval of the observed rate among the calibration rows of the bin."""
    return Interval(low=found.low, high=found.high, accounts=found.rows)


def lowered_by(sources: Iterable[KnownSource], *, completeness: float, history_days: int) -> tuple[str, ...]:
    """What speaks against a score: `incomplete`, `short_history`, and `stale:<source>` of each stale source.

    A source of which nobody knows whether it was fresh does not count.
    """
    found = [INCOMPLETE] * (completeness < COMPLETE) + [SHORT_HISTORY] * (history_days < SHORT_HISTORY_DAYS)
    return (*found, *(f"{STALE}{one.source}" for one in sources if one.fresh is False))


def confidence(interval: Interval, *, lowered_by: Collection[str] = ()) -> Confidence:
    """The grade of the interval, one lower for each kind of reason, however many sources are stale.

    The half width is taken relative to the centre: 1-3 % is no better known than 10-30 %.
    """
    centre = (interval.low + interval.high) / 2
    half_width = (interval.high - interval.low) / 2 / centre if centre > 0 else float("inf")
    if half_width <= HIGH_HALF_WIDTH and interval.accounts >= HIGH_ROWS:
        grade = 2
    else:
        grade = int(half_width <= MEDIUM_HALF_WIDTH and interval.accounts >= MEDIUM_ROWS)
    kinds = {reason.partition(":")[0] for reason in lowered_by}
    return GRADES[max(0, grade - len(kinds))]
