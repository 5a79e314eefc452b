"""What plays achieve: how often they end well, beside those who were held out by lot.

Everybody counts in the group that the lot put it in, whatever was done then: whoever opted out before the
first mail is among the treated all the same, as nobody knows which of those held out would have done so.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import NormalDist
from typing import Final, NamedTuple, Protocol

from stemtide.plays.play import GOOD

Z: Final = NormalDist().inv_cdf(0.975)
"""Of a two-sided 95 % interval."""
POWER: Final = NormalDist().inv_cdf(0.8)
WORTH: Final = 0.1
"""A difference of so much is worth knowing of: with an interval that reaches further, n is too small."""


class Counted(Protocol):
    """What of a label counts: `plays.labels.Label`, or a label as the API shows it."""

    @property
    def journey(self) -> str: ...

    @property
    def policy(self) -> str: ...

    @property
    def entry_tier(self) -> str | None: ...

    @property
    def outcome(self) -> str: ...

    @property
    def held_out(self) -> bool: ...

    @property
    def cost(self) -> int: ...

    @property
    def currency(self) -> str | None: ...


class Interval(NamedTuple):
    """A 95 % interval, in shares."""

    low: float
    high: float


class Arm(NamedTuple):
    """One side of a comparison: `rate` is good / n, None without anybody."""

    n: int
    good: int

    @property
    def rate(self) -> float | None:
        return self.good / self.n if self.n else None

    @property
    def interval(self) -> Interval | None:
        return wilson(self.good, self.n) if self.n else None


class Verdict(StrEnum):
    """What a comparison shows."""

    HELPS = "helps"
    HARMS = "harms"
    NO_DIFFERENCE = "no_difference"
    TOO_FEW = "too_few"


class Rate(NamedTuple):
    """How often the plays of a journey and policy (retention: of the tier that accounts came in by) end well.

    `difference` is the rate of the treated less that of those held out, None without either. `needed` is how
    many accounts each side needs to tell a difference of `WORTH`, None where nobody is held out.
    `cost` is that of offers which were taken, in minor units by currency, `cost_per_good` the same over the
    good outcomes of the treated, None without any.
    """

    journey: str
    policy: str
    tier: str | None
    treated: Arm
    held_out: Arm
    difference: float | None
    interval: Interval | None
    verdict: Verdict
    needed: int | None
    cost: dict[str, int]
    cost_per_good: dict[str, int] | None


def rates(labels: Iterable[Counted]) -> list[Rate]:
    """The rates of all journeys, policies and tiers that labels tell of."""
    groups: dict[tuple[str, str, str], list[Counted]] = defaultdict(list)
    for one in labels:
        groups[str(one.journey), one.policy, str(one.entry_tier or "")].append(one)
    return [_rate(*key, groups[key]) for key in sorted(groups)]


def wilson(good: int, n: int) -> Interval:
    """Wilson's score interval of a proportion, without continuity correction.

    Source: Newcombe, Two-sided confidence intervals for the single proportion: comparison of seven methods,
    Statistics in Medicine 17 (1998), 857-872, method 3.
    """
    p, z2 = good / n, Z * Z
    centre, spread = p + z2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low, high = (centre - spread) / (1 + z2 / n), (centre + spread) / (1 + z2 / n)
    return Interval(0.0 if good == 0 else low, 1.0 if good == n else high)


def newcombe(ours: Arm, theirs: Arm) -> Interval:
    """The hybrid score interval of the difference of two independent proportions, both of somebody.

    Source: Newcombe, Interval estimation for the difference between independent proportions: comparison of
    eleven methods, Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    p, q = ours.good / ours.n, theirs.good / theirs.n
    (l1, u1), (l2, u2) = wilson(*_of(ours)), wilson(*_of(theirs))
    return Interval(p - q - math.hypot(p - l1, u2 - q), p - q + math.hypot(u1 - p, q - l2))


def needed(rate: float, difference: float = WORTH) -> int:
    """How many accounts each of two equal arms needs, so that a difference shows at 5 % with a power of 80 %.

    Args:
        rate: that of those held out; the other is taken on the side where there is room for it.

    Source: Fleiss, Levin, Paik, Statistical Methods for Rates and Proportions, 3rd ed., chapter 4.
    """
    other = rate + difference if rate + difference <= 1 else rate - difference
    mean = (rate + other) / 2
    root = Z * math.sqrt(2 * mean * (1 - mean))
    root += POWER * math.sqrt(rate * (1 - rate) + other * (1 - other))
    return math.ceil((root / difference) ** 2)


def _rate(journey: str, policy: str, tier: str, labels: Sequence[Counted]) -> Rate:
    treated = _arm(one for one in labels if not one.held_out)
    held_out = _arm(one for one in labels if one.held_out)
    cost: dict[str, int] = defaultdict(int)
    for one in labels:
        if one.currency is not None:
            cost[one.currency] += one.cost
    both = treated.n > 0 and held_out.n > 0
    interval = newcombe(treated, held_out) if both else None
    return Rate(
        journey=journey,
        policy=policy,
        tier=tier or None,
        treated=treated,
        held_out=held_out,
        difference=treated.good / treated.n - held_out.good / held_out.n if both else None,
        interval=interval,
        verdict=_verdict(interval),
        needed=needed(held_out.good / held_out.n) if held_out.n else None,
        cost=dict(cost),
        cost_per_good={name: _half_up(all_, treated.good) for name, all_ in cost.items()}
        if treated.good
        else None,
    )


def _arm(labels: Iterable[Counted]) -> Arm:
    outcomes = [one.outcome in GOOD for one in labels]
    return Arm(n=len(outcomes), good=sum(outcomes))


def _of(arm: Arm) -> tuple[int, int]:
    return arm.good, arm.n


def _verdict(interval: Interval | None) -> Verdict:
    """`too_few` where a difference worth knowing of may hide in the interval, either way."""
    if interval is None:
        return Verdict.TOO_FEW
    if interval.low > 0:
        return Verdict.HELPS
    if interval.high < 0:
        return Verdict.HARMS
    is_wide = interval.high > WORTH or interval.low < -WORTH
    return Verdict.TOO_FEW if is_wide else Verdict.NO_DIFFERENCE


def _half_up(amount: int, by: int) -> int:
    return (2 * amount + by) // (2 * by)
