"""The sections of a mapping that make a log training material: who paid, who is scored, what is predicted."""

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar, Final, Protocol

import msgspec
from msgspec import Meta
from stemtide.config_training import GRACE_DAYS, Treated

Columns = str | list[str]
Days = Annotated[int, Meta(ge=1, le=3650)]
Tier = str | list[str]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections: a misspelt key is an error."""


class _OfAccounts(_Section, frozen=True, kw_only=True):
    """A file with the account in each row."""

    file: str
    """Relative to the log's folder, found like that of [events]."""
    account: Columns
    account_separator: str = ":"

    @property
    def account_columns(self) -> tuple[str, ...]:
        return (self.account,) if isinstance(self.account, str) else tuple(self.account)


class Subscriptions(_OfAccounts, frozen=True, kw_only=True):
    """One row per product and term. A stored end is never read: it is hindsight."""

    plan: str
    """The column of the product."""
    start: str
    """The column of the term's first day."""
    months: str | None = None
    """The column of the bill period in months: the term runs out so much after its start."""
    mrr: str | None = None
    quantity: str | None = None
    units: str | None = None
    """The column of what the quantity limits."""
    discount: str | None = None
    """The column of the share (0 to below 1) by which `mrr` lies below the list price: with it, what a log's
    plans cost is told from its terms where the configuration does not name them."""
    currency: str | None = None
    """ISO 4217 code of `mrr`, which the file holds in major units."""
    addons: list[str] = []
    """Globs of products that are sold beside a plan: they make nobody a customer."""
    tiers: list[Tier] = []
    """The plans' tiers from low to high, each a glob or a list of globs."""

    def is_addon(self, plan: str) -> bool:
        return any(fnmatchcase(plan, glob) for glob in self.addons)

    def tier_of(self, plan: str) -> int | None:
        """The place of a plan among the tiers, None where no glob fits."""
        for place, tier in enumerate(self.tiers):
            if any(fnmatchcase(plan, glob) for glob in ([tier] if isinstance(tier, str) else tier)):
                return place
        return None


class Accounts(_OfAccounts, frozen=True, kw_only=True):
    """One row per account; columns that no trait names are ignored."""

    traits: dict[str, str] = {}
    """Trait to column."""


class Enrolments(_OfAccounts, frozen=True, kw_only=True):
    """One row per account that was enrolled: dates, or days since day zero where [events.day] is used."""

    registered: str
    left: str
    """The column of the day of leaving; empty for those who stayed."""


class PlayOutcomes(_OfAccounts, frozen=True, kw_only=True):
    """One row for each thing that became known of a win-back or retention play, its beginning included."""

    at: str
    """The column of the instant at which it became known."""
    outcome: str
    """The column of its name."""


class Treatments(_OfAccounts, frozen=True, kw_only=True):
    """One row for each time that somebody meant to change what an account does."""

    start: str
    """The column of the instant at which it began."""
    end: str | None = None
    """The column of its last instant; empty: it goes on. Without the key it is the day of its start."""
    treated: Treated = Treated.EXCLUDE
    weight: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Of a treated row, with `treated = "weight"`."""


class Snapshots(_Section, frozen=True, kw_only=True):
    """The days at whose end accounts are looked at."""

    every_days: Days
    first_day: Annotated[int, Meta(ge=0, le=3650)] = 0
    """Days after the log's first day, or after day zero of each course where [events.day] is used."""


class Population(_Section, frozen=True, kw_only=True):
    """Who is looked at; everything that is set must hold at the snapshot."""

    subscribed: bool = False
    """Has a current term that is no add-on."""
    enrolled: bool = False
    min_tenure_days: Annotated[int, Meta(ge=0, le=3650)] = 0
    """Since the start of the first term that is no add-on."""
    active_within_days: Days | None = None
    min_active_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    min_active_days_within: Days | None = None


class Kind(StrEnum):
    """What may happen within the horizon."""

    SUBSCRIPTION_ENDED = "subscription_ended"
    """The last term that is no add-on runs out."""
    UPGRADED = "upgraded"
    """A plan of a higher tier starts."""
    SILENT = "silent"
    """No event."""
    WITHDRAWN = "withdrawn"
    """Leaves, by [enrolments]."""
    NOT_RENEWED = "not_renewed"
    """The running term, which runs out within the horizon, is followed by no other in time."""
    OUTCOME = "outcome"
    """A play comes to an outcome, by [outcomes]."""


OF_TERMS: Final = (Kind.SUBSCRIPTION_ENDED, Kind.NOT_RENEWED, Kind.UPGRADED)
"""The kinds that [subscriptions] tells of."""
ENDS: Final = (Kind.SUBSCRIPTION_ENDED, Kind.NOT_RENEWED)
"""Those that need to know when a term runs out."""


class Target(_Section, frozen=True, kw_only=True):
    """One thing to predict; the population conditions here come on top of [population]'s."""

    kind: Kind
    horizon_days: Days
    or_withdrawn: bool = False
    """For `silent`: leaving counts as silence."""
    min_tenure_days: Annotated[int, Meta(ge=0, le=3650)] = 0
    active_within_days: Days | None = None
    grace_days: Annotated[int, Meta(ge=0, le=365)] | None = None
    """For `not_renewed`: a term that begins so many days after the end is a renewal, too."""
    outcome: str | None = None
    """For `outcome`: its name."""

    @property
    def grace(self) -> int:
        """Days after a term's end within which a renewal may begin."""
        return GRACE_DAYS if self.grace_days is None else self.grace_days


class Handling(Protocol):
    """What becomes of rows whose outcome somebody meant to change."""

    @property
    def treated(self) -> Treated: ...

    @property
    def weight(self) -> float: ...


class Questions(Protocol):
    """Who is looked at when, and what is predicted: a mapping, or what is asked of a deployed stack."""

    called: ClassVar[str]

    @property
    def snapshots(self) -> Snapshots | None:
        """When."""

    @property
    def population(self) -> Population:
        """Who."""

    @property
    def targets(self) -> dict[str, Target]:
        """What; the first of a sort is the default."""

    @property
    def treatments(self) -> Handling | None:
        """What becomes of what was meddled with; None: nobody is known to have."""


def problems(
    *,
    subscriptions: Subscriptions | None,
    enrolments: Enrolments | None,
    outcomes: PlayOutcomes | None,
    population: Population,
    snapshots: Snapshots | None,
    targets: dict[str, Target],
) -> list[tuple[str, str]]:
    """What of these sections does not fit together: (fact, remedy)."""
    found: list[tuple[str, str]] = []
    if targets and snapshots is None:
        found.append(
            ("there are targets but no [snapshots]", "say `every_days`, and `first_day` of the first")
        )
    if (population.min_active_days is None) != (population.min_active_days_within is None):
        found.append(
            (
                "[population] min_active_days and min_active_days_within belong together",
                "give both: so many active days within so many days",
            )
        )
    if subscriptions is None and (population.subscribed or population.min_tenure_days):
        found.append(("[population] asks for a subscription", "add [subscriptions], or drop that condition"))
    if enrolments is None and population.enrolled:
        found.append(("[population] asks for an enrolment", "add [enrolments], or drop `enrolled`"))
    if subscriptions is not None and subscriptions.mrr is not None and subscriptions.currency is None:
        found.append(("[subscriptions] mrr has no currency", 'name it, like `currency = "USD"`'))
    for name, target in targets.items():
        where = f"[targets.{name}]"
        found += _of_target(where, target, subscriptions, enrolments) + _of_plays(where, target, outcomes)
    return found


def _of_target(
    where: str, target: Target, subscriptions: Subscriptions | None, enrolments: Enrolments | None
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if (target.kind in OF_TERMS or target.min_tenure_days) and subscriptions is None:
        found.append((f"{where} needs subscriptions", "add [subscriptions] with the file of terms"))
    elif target.kind in ENDS and subscriptions and subscriptions.months is None:
        found.append(
            (f"{where} needs to know when a term runs out", "name the column in [subscriptions] months")
        )
    elif target.kind is Kind.UPGRADED and subscriptions and len(subscriptions.tiers) < 2:
        found.append((f"{where} needs tiers", "list [subscriptions] tiers from low to high"))
    if (target.kind is Kind.WITHDRAWN or target.or_withdrawn) and enrolments is None:
        found.append((f"{where} needs enrolments", "add [enrolments] with the file of who left when"))
    if target.or_withdrawn and target.kind is not Kind.SILENT:
        found.append((f"{where} or_withdrawn is for the kind `silent`", "drop it"))
    return found


def _of_plays(where: str, target: Target, outcomes: PlayOutcomes | None) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if target.grace_days is not None and target.kind is not Kind.NOT_RENEWED:
        found.append((f"{where} grace_days is for the kind `not_renewed`", "drop it"))
    if (target.outcome is not None) != (target.kind is Kind.OUTCOME):
        found.append(
            (
                f"{where} `outcome` and the kind `outcome` belong together",
                'name the outcome, like `outcome = "reactivated"`, or drop it',
            )
        )
    if target.kind is Kind.OUTCOME and outcomes is None:
        found.append(
            (f"{where} needs outcomes of plays", "add [outcomes] with the file of what came of them")
        )
    return found
