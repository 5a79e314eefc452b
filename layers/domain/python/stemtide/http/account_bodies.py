"""The JSON bodies of the account routes."""

from datetime import date
from typing import Annotated, Any

from msgspec import Meta, field

from stemtide.http.bodies import Body
from stemtide.scoring.anomaly import Anomaly
from stemtide.scoring.assessment import (
    Basis,
    Confidence,
    Driver,
    FiredRule,
    Interval,
    KnownSource,
    ModelRole,
    Tier,
    Trigger,
)
from stemtide.scoring.moved import Moved

Percent = Annotated[int, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]
Instant = Annotated[str, Meta(description="ISO 8601, UTC", extra_json_schema={"format": "date-time"})]


class Term(Body, frozen=True):
    """A running subscription term: `mrr` in minor units, `end` null when it is open-ended."""

    plan: str
    start: Instant
    end: Instant | None
    months: int | None
    mrr: int | None
    quantity: float | None
    units: str | None
    addon: bool


class Profile(Body, frozen=True):
    """What is known of a customer; null is unknown. `mrr` in minor units of `currency`.

    `subscribed` is null when no plan was ever named. `plan`, `seats`, `mrr` and `renewal_date` follow the
    running `terms` where there are any. `since` is when the account is first known to have been a customer.
    """

    name: str | None
    plan: str | None
    seats: int | None
    limits: dict[str, int]
    mrr: int | None
    currency: str | None
    renewal_date: str | None
    csm: str | None
    time_zone: str | None
    employees: int | None
    created_at: str | None
    stripe_customer_id: str | None
    zendesk_organization_id: str | None
    do_not_contact: bool
    subscribed: bool | None
    since: Instant | None
    terms: list[Term]


class ProfileProblem(Body, frozen=True):
    """A trait or subscription property that could not be taken over, and what to send instead."""

    name: str
    detail: str
    at: Instant


class TrendPoint(Body, frozen=True):
    """The last score of a UTC day."""

    date: date
    score: Percent
    tier: Tier


class Score(Body, frozen=True, kw_only=True):
    """A score as of an instant; all null without one.

    `interval` is the 90 % interval of the observed rate among `accounts` like this one. `drivers` are the
    three features that moved the score most. `model_version` is null where rules scored. `completeness` is
    the share of the features that are known, `sources` the same by source. `confidence_lowered_by` names what
    speaks against the interval's grade: `incomplete`, `short_history`, `stale:` and the name of a source.
    `anomaly` is how unusual the account's use is against its own past: 90 is the rarest hundredth of
    account-days; null where unknown. `rules` are the rules that gave points, whoever scored, by falling
    points. `shadow` names what did not act on it: capabilities, `model`.
    """

    churn_risk_score: Percent | None = None
    churn_risk_tier: Tier | None = None
    churn_probability: Share | None = None
    horizon_days: int | None = None
    interval: Interval | None = None
    confidence: Confidence | None = None
    confidence_lowered_by: tuple[str, ...] = ()
    drivers: tuple[Driver, ...] = ()
    completeness: Share | None = None
    sources: tuple[KnownSource, ...] = ()
    anomaly: Anomaly | None = None
    rules: tuple[FiredRule, ...] = ()
    shadow: tuple[str, ...] = ()
    basis: Basis | None = None
    model_version: str | None = None
    at_risk: bool | None = None
    as_of: Instant | None = None
    scored_at: Instant | None = None
    trigger: Trigger | None = None


class _Standing(Score, frozen=True, kw_only=True):
    """What is said of an account, newest score first."""

    moved: Moved | None
    trend: list[TrendPoint] | None
    expansion: dict[str, Any] | None


class Account(_Standing, frozen=True):
    """The customer record: profile, newest score, and how it came there.

    `moved` says what changed since the score of the latest instant before (null: there is none). `trend` has
    the last score of each of the 30 days up to `as_of` (null in lists), `last_active_day` is the
    latest UTC day with a call of any kind, `expansion` is null until expansion is scored.
    """

    # Not keyword-only, which puts them before those that are: who it is comes before what is said of it.
    account: str
    profile: Profile
    profile_problems: list[ProfileProblem]
    last_active_day: date | None


class AccountList(Body, frozen=True):
    """Accounts by score, those without one last; `cursor` leads to the next page, null at the end."""

    accounts: list[Account]
    cursor: str | None


class AccountScores(Body, frozen=True):
    """The scores made for instants of the days `from` to `to`, both included, oldest first; by `role` the
    account's own, or what the challenger said beside."""

    account: str
    first: date = field(name="from")
    last: date = field(name="to")
    role: ModelRole
    scores: list[Score]
