"""What a run found, as data (`report.json`); every figure was read from the running stack."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

TIERS: Final = ("critical", "high", "medium", "low")
BALANCE: Final = ("applied", "duplicate", "quarantined", "forwarded", "dead")
RISKIEST: Final = 5
DRIVERS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The promoted model and how it did on accounts and days held out from its training base."""

    version: str
    auc: float
    auc_low: float
    auc_high: float
    positives: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One account at risk, as its customer record says."""

    account: str
    name: str
    score: int
    tier: str
    probability: float
    horizon_days: int | None
    low: float | None
    high: float | None
    confidence: str | None
    trigger: str
    drivers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drops:
    """How soon accounts were scored whose API volume had fallen: seconds from their record to the score."""

    fallen: int
    rescored: int
    p50_s: float | None
    p95_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Of the customers whose renewal failed: how many paid in the end, and what it took. Money in minor
    units."""

    customers: int
    recovered: int
    due: int
    collected: int
    currency: str
    retries: int
    mails: int
    win_back_mails: int
    labels: Mapping[str, int]
    """Outcomes that the next training knows, by how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the story of a customer whose renewal failed ended; `cost` is the offer's, in minor units."""

    name: str
    story: str
    dunning: str
    tries: int
    mails: int
    win_back: str | None
    stopped: str | None
    percent: int | None
    months: int | None
    cost: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was done about the accounts at risk: plays by tier, how many of them are held out, mails, tasks of
    CSMs, and what was passed over by reason."""

    by_tier: Mapping[str, int]
    held_out: int
    mails: int
    tasks: int
    withheld: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A line of a timeline, by the model clock."""

    at: str
    kind: str
    about: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run of the demo."""

    seed: int
    accounts: int
    days: int
    rows: int
    events: int
    counters: Mapping[str, int]
    tiers: Mapping[str, int]
    unscored: int
    model: Model
    riskiest: Sequence[Risk]
    drops: Drops
    silent: Sequence[str]
    collected: Collected
    endings: Sequence[Ending]
    kept: Kept
    story: Sequence[Told]
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By stage."""
    titles: Mapping[str, str] = field(default_factory=dict)
    total_seconds: float = 0.0

    @property
    def balanced(self) -> bool:
        """Whether everything that came in is accounted for."""
        return self.counters["in"] == sum(self.counters[name] for name in BALANCE)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"balanced": self.balanced}


def risk_of(record: Mapping[str, Any]) -> Risk:
    """A customer record of the API, as the report shows it."""
    interval = record.get("interval") or {}
    return Risk(
        account=record["account"],
        name=(record.get("profile") or {}).get("name") or record["account"],
        score=record["churn_risk_score"],
        tier=record["churn_risk_tier"],
        probability=record["churn_probability"],
        horizon_days=record.get("horizon_days"),
        low=interval.get("low"),
        high=interval.get("high"),
        confidence=record.get("confidence"),
        trigger=record["trigger"],
        drivers=tuple(driver["text"] for driver in record["drivers"][:DRIVERS]),
    )


def tiers_of(records: Sequence[Mapping[str, Any]]) -> tuple[dict[str, int], int]:
    """How many accounts each tier has, and how many have no score (they are no customers any more, or too
    little is known)."""
    found = dict.fromkeys(TIERS, 0)
    for record in records:
        if (tier := record.get("churn_risk_tier")) is not None:
            found[tier] += 1
    return found, len(records) - sum(found.values())
