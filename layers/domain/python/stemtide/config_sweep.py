"""The part of `stemtide.toml` that says what a nightly run must find right before it writes a score."""

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, field

from stemtide.config_detection import Section


class Severity(StrEnum):
    """What a check that is not met does to a night."""

    CRITICAL = "critical"
    WARNING = "warning"


class Check(StrEnum):
    """The checks of a night, by the names that the log, the scores and `--ignore-gate` call them."""

    EVENT_DATA_FRESHNESS = "event_data_freshness"
    RECENT_DAYS = "recent_days"
    FEATURE_COMPLETENESS = "feature_completeness"
    ACCOUNT_COUNT = "account_count"
    EXTRACTION_FAILURES = "extraction_failures"


ACCOUNT: Final = "account"
"""A key column besides the features: the account's id."""
_SEVERITY = Meta(
    description="`critical`: not met, the night is not scored at all and an alarm says so. `warning`: the "
    "run and each of its scores say so.",
    examples=["critical"],
)


class Freshness(Section, frozen=True):
    """How old the newest event may be at the end of the day that a night scores."""

    max_stale_minutes: Annotated[
        int,
        Meta(
            ge=1,
            le=10_080,
            description="Minutes that may lie between the newest event and the end of the UTC day that is "
            "scored, beyond what is usual at that hour of the week, and that the stream's consumers may be "
            "behind.",
            examples=[120],
        ),
    ] = 120
    severity: Annotated[Severity, _SEVERITY] = Severity.CRITICAL


class RecentDays(Section, frozen=True):
    """Whether the six days before that day are whole, by the same limit."""

    severity: Annotated[Severity, _SEVERITY] = Severity.WARNING


class Completeness(Section, frozen=True):
    """How many accounts may lack what every account should have."""

    columns: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            max_length=20,
            description="Key columns: `account` and names of features (docs/features.md).",
            examples=[["account", "avg_dau_7d", "features_adopted"]],
        ),
    ] = (ACCOUNT, "avg_dau_7d", "features_adopted")
    max_null_pct: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="Per cent of the customers that may have no value in a key column. Customers of less "
            "than 14 days who never used the product do not count.",
            examples=[5.0],
        ),
    ] = 5.0
    severity: Annotated[Severity, _SEVERITY] = Severity.WARNING


class AccountCount(Section, frozen=True):
    """How many customers a night must find, against the nights before it."""

    recent_nights: Annotated[
        int,
        Meta(
            ge=1,
            le=60,
            description="Scored nights before this one whose median is the usual number of customers. "
            "Without any every number passes.",
            examples=[7],
        ),
    ] = 7
    min_pct: Annotated[
        float,
        Meta(ge=0, le=100, description="Fewest customers, in per cent of the usual number.", examples=[85.0]),
    ] = 85.0
    max_pct: Annotated[
        float,
        Meta(
            ge=100,
            le=10_000,
            description="Most customers, in per cent of the usual number.",
            examples=[120.0],
        ),
    ] = 120.0
    few: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="A difference of so few customers passes whatever its share.",
            examples=[25],
        ),
    ] = 25
    severity: Annotated[Severity, _SEVERITY] = Severity.CRITICAL


class Failures(Section, frozen=True):
    """How many accounts a night may fail to read."""

    max_failed_pct: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="Per cent of the accounts that may be unreadable. Those are named and lack a score, "
            "the others are scored.",
            examples=[1.0],
        ),
    ] = 1.0
    few: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="So few unreadable accounts pass whatever their share.",
            examples=[5],
        ),
    ] = 5
    severity: Annotated[Severity, _SEVERITY] = Severity.CRITICAL


class Sweep(Section, frozen=True):
    """The quality gate of the nightly run."""

    event_data_freshness: Freshness = field(default_factory=Freshness)
    recent_days: RecentDays = field(default_factory=RecentDays)
    feature_completeness: Completeness = field(default_factory=Completeness)
    account_count: AccountCount = field(default_factory=AccountCount)
    extraction_failures: Failures = field(default_factory=Failures)

    def severity(self, check: Check) -> Severity:
        """What the check does to a night that does not meet it."""
        section: Freshness | RecentDays | Completeness | AccountCount | Failures = getattr(self, check.value)
        return section.severity
