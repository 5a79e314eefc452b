"""The documented score that stands in until a model is promoted: points that add up (see docs/scoring.md)."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from stemtide.features.registry import FEATURES
from stemtide.scoring.assessment import FiredRule

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """No points up to `start`, all `points` from `full` on, in proportion in between; unknown: none."""

    feature: str
    start: float
    full: float
    points: float
    reason: str


RULES: Final = (
    Rule(feature="days_since_last_event", start=3, full=21, points=30, reason="silence comes before leaving"),
    Rule(feature="events_change_7d", start=-0.2, full=-0.8, points=20, reason="use fell against last week"),
    Rule(feature="usage_trend_ratio_7d_30d", start=0.8, full=0.2, points=20, reason="fewer users than usual"),
    Rule(feature="api_change_7d", start=-0.3, full=-0.9, points=15, reason="the integration is taken out"),
    Rule(feature="active_days_30d", start=8, full=0, points=15, reason="no habit of using it"),
    Rule(feature="action_trend_ratio", start=0.8, full=0.2, points=10, reason="less of what brings value"),
    Rule(feature="days_since_last_login", start=7, full=30, points=10, reason="nobody looks any more"),
    Rule(feature="seat_utilization", start=0.5, full=0.1, points=10, reason="they pay for unused seats"),
    Rule(feature="users_change", start=-0.2, full=-0.7, points=10, reason="people stopped using it"),
    Rule(feature="features_adopted_change", start=0, full=-5, points=5, reason="use becomes narrower"),
    Rule(feature="days_to_renewal", start=30, full=10, points=10, reason="the decision is due"),
    Rule(feature="history_days", start=1, full=0, points=60, reason="a customer who never began"),
)
TOP: Final = 100
DECIMALS: Final = 6
"""Points are rounded, so that half of 20 is 10 and equal points are a tie."""
POINTS_PER_UNIT: Final = 25.0
"""Points per unit of a driver's contribution: a tier's width counts as one unit of log odds."""
_POSITIONS: Final = {feature.name: i for i, feature in enumerate(FEATURES)}
COLUMNS: Final = tuple(_POSITIONS[rule.feature] for rule in RULES)
NO_BASELINES: Final = (None,) * len(FEATURES)
_START: Final = np.array([rule.start for rule in RULES])
_WAY: Final = np.array([rule.full - rule.start for rule in RULES])
_POINTS: Final = np.array([rule.points for rule in RULES])


def points(x: Floats) -> Floats:
    """Points of each feature [N, F] for vectors [N, F] in the registry's order; NaN gives none."""
    share = np.clip((x[:, COLUMNS] - _START) / _WAY, 0.0, 1.0)
    result = np.zeros_like(x)
    result[:, COLUMNS] = np.round(np.where(np.isnan(share), 0.0, share) * _POINTS, DECIMALS)
    return result


def score(row: Floats) -> int:
    """An account's points added up, rounded down, 100 at most."""
    return min(TOP, math.floor(round(float(row.sum()), DECIMALS)))


def fired(row: Floats) -> tuple[FiredRule, ...]:
    """The rules that gave an account points, by falling points, ties by name."""
    given = row[list(COLUMNS)].tolist()
    found = [FiredRule(rule=rule.feature, points=own) for rule, own in zip(RULES, given, strict=True) if own]
    return tuple(sorted(found, key=lambda one: (-one.points, one.rule)))
