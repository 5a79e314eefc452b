"""What is said of an account: probability, score and tier are three things (see `score_map`)."""

from enum import StrEnum
from typing import Final

import msgspec

from stemtide.config_sources import Source
from stemtide.scoring.anomaly import Anomaly

AT_RISK: Final = 65
"""An account with this score or more is 'at risk'."""
CHURN: Final = "churn"
"""The name of the model whose score a record shows."""
RULES_VERSION: Final = "rules"
"""Stands where a model's version would: no model was asked."""


class Tier(StrEnum):
    """A pure function of the score: cuts at 25, 50 and 75."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Basis(StrEnum):
    """What a score rests on."""

    MODEL = "model"
    RULES = "rules"
    NOT_ENOUGH_DATA = "not_enough_data"


class Trigger(StrEnum):
    """Why an account was scored."""

    SCHEDULE = "schedule"
    USAGE_DROP = "usage_drop"
    LOGIN = "login"
    MANUAL = "manual"


class ModelRole(StrEnum):
    """Whose score it is: the account's, or that of a model that is tried beside."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class Confidence(StrEnum):
    """Grade of the interval, lowered by missing or stale sources."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """One of the three features that moved the score most.

    `contribution` is to the model's margin (log odds), positive towards what it foretells; `value` and
    `baseline` are in `unit`, null where unknown.
    """

    feature: str
    label: str
    value: float | None
    unit: str
    baseline: float | None
    contribution: float
    text: str


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """The 90 % interval of the observed rate among the `accounts` calibration rows of the same score bin.

    A row is an account on a day: one account may be several of them.
    """

    low: float
    high: float
    accounts: int


class KnownSource(msgspec.Struct, frozen=True, kw_only=True):
    """Who tells of the account: the share of its features that are known (null: it has none), and whether it
    was fresh as of the score (null: never connected, or nothing is on record of then)."""

    source: Source
    completeness: float | None
    fresh: bool | None


class FiredRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of `scoring.rules` that gave points: its feature names it."""

    rule: str
    points: float


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """The score part of a customer record; without enough data only `basis` and what is known say something.

    `completeness` is the share of the features that are known (0-1), `sources` the same by source.
    `anomaly` is how unusual its use is against its own past, whatever comes of it; null where unknown.
    `confidence_lowered_by` has what speaks against the interval's grade: see `confidence.lowered_by`.
    `rules` are those that gave points, whoever scored, by falling points, ties by name.
    `shadow` names what did not act on it when it was given: see `stemtide.shadow.stamp`.
    """

    basis: Basis
    completeness: float
    score: int | None = None
    tier: Tier | None = None
    probability: float | None = None
    horizon_days: int | None = None
    interval: Interval | None = None
    confidence: Confidence | None = None
    confidence_lowered_by: tuple[str, ...] = ()
    drivers: tuple[Driver, ...] = ()
    model_version: str | None = None
    sources: tuple[KnownSource, ...] = ()
    anomaly: Anomaly | None = None
    rules: tuple[FiredRule, ...] = ()
    shadow: tuple[str, ...] = ()


def is_at_risk(score: int) -> bool:
    """Whether a score counts as 'at risk': a word for people, no tier."""
    return score >= AT_RISK


def tier_of(score: int) -> Tier:
    """The tier of a score from 0 to 100."""
    if score >= 75:
        return Tier.CRITICAL
    if score >= 50:
        return Tier.HIGH
    return Tier.MEDIUM if score >= 25 else Tier.LOW
