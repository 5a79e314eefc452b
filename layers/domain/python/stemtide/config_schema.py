"""What `stemtide.toml` may hold: every key with its type, bounds, default and meaning.

The reference in docs/configuration.md and the remedies in error messages come from here.
"""

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta, field

from stemtide import limits
from stemtide.calls import is_told
from stemtide.config_billing import Billing
from stemtide.config_detection import Detection, Section
from stemtide.config_dunning import Dunning
from stemtide.config_mail import Contacts, Mail
from stemtide.config_plans import Meter, Plan
from stemtide.config_plays import Offers, WinBack
from stemtide.config_retention import Retention
from stemtide.config_shadow import Shadow
from stemtide.config_sources import Sentiment, Source, Sources, Support
from stemtide.config_sweep import Sweep
from stemtide.config_training import Training
from stemtide.config_triggers import Triggers

__all__ = [
    "Billing",
    "Config",
    "Contacts",
    "Detection",
    "Dunning",
    "Mail",
    "Meter",
    "Offers",
    "Plan",
    "Retention",
    "Section",
    "Sentiment",
    "Source",
    "Sources",
    "Support",
    "Sweep",
    "Training",
    "Triggers",
    "WinBack",
]

DAYS_MAX = 3650
"""Ten years: a period longer than that is a typing error."""
_REMEMBERED_NAMES = 16384


class Signal(StrEnum):
    """What an event type tells about an account; one type may tell several things."""

    CORE_ACTION = "core_action"
    API_CALL = "api_call"
    LOGIN = "login"
    INVITE = "invite"
    COMMENT = "comment"


class Company(Section, frozen=True):
    """Who the deployment serves."""

    name: Annotated[
        str, Meta(min_length=1, max_length=100, description="Your company's name.", examples=["Acme"])
    ]
    time_zone: Annotated[
        str,
        Meta(
            description="IANA time zone of your business day: when nightly work runs and digests are "
            "written. Usage is always counted by UTC day.",
            examples=["Europe/Berlin"],
        ),
    ]
    currency: Annotated[
        str, Meta(description="ISO 4217 code of the currency you report revenue in.", examples=["EUR"])
    ]


class Ingest(Section, frozen=True):
    """How far back events are taken, and how long what came of them is kept."""

    max_lateness_days: Annotated[
        int,
        Meta(
            ge=1,
            le=DAYS_MAX,
            description="An event this many days older than its arrival is set aside as `too_late` "
            "(replay and backfill lift this).",
            examples=[180],
        ),
    ] = 180
    usage_retention_days: Annotated[
        int,
        Meta(
            ge=limits.FEATURE_DAYS + 1,
            le=DAYS_MAX,
            description="Days that usage per account and day is kept in the table, counted from arrival. "
            "Must exceed `max_lateness_days` by more than 7, the days the stream holds a record, and the "
            f"{limits.FEATURE_DAYS} days that most features look back; below {limits.LONG_DAYS} scores know "
            "less of half a year and more than a model learns from a longer log.",
            examples=[400],
        ),
    ] = 400
    quarantine_retention_days: Annotated[
        int,
        Meta(ge=1, le=DAYS_MAX, description="Days that a quarantined call is kept.", examples=[90]),
    ] = 90
    max_event_types: Annotated[
        int,
        Meta(
            ge=1,
            le=limits.MAX_EVENT_TYPES,
            description="Event types counted by name per account and day; further ones count in "
            f"`{limits.OTHER_EVENT}`.",
            examples=[limits.MAX_EVENT_TYPES],
        ),
    ] = limits.MAX_EVENT_TYPES


Pattern = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=limits.MAX_EVENT_NAME_CHARS,
        description="glob pattern",
        examples=["export_*"],
    ),
]


class Group(Section, frozen=True):
    """Events that stand for one part of your product, or are counted by one meter of your plans."""

    name: Annotated[
        str,
        Meta(
            pattern="^[a-z][a-z0-9_]{0,39}$",
            description="A name of small letters, digits and `_`; features are called by it.",
            examples=["reports"],
        ),
    ]
    events: Annotated[
        tuple[Pattern, ...],
        Meta(min_length=1, description="Its events.", examples=[["Report *"]]),
    ]


class Events(Section, frozen=True):
    """What your event names mean. Patterns are globs (`*`, `?`, `[ab]`) and ignore case."""

    core_actions: Annotated[
        tuple[Pattern, ...],
        Meta(description="Events in which users get your product's value.", examples=[["Report Created"]]),
    ] = (
        *("* Created", "* Completed", "* Sent", "* Shared", "* Exported", "* Published", "* Uploaded"),
        *("create_*", "add_*", "edit_*", "win_*", "send_*", "share_*", "export_*"),
    )
    api_calls: Annotated[
        tuple[Pattern, ...],
        Meta(description="Events that stand for calls of your API.", examples=[["API Call"]]),
    ] = ("API Call", "API Request", "api_*")
    logins: Annotated[
        tuple[Pattern, ...],
        Meta(description="Events that stand for a login.", examples=[["Signed In"]]),
    ] = ("Signed In", "Logged In", "login", "user_login", "session_start*")
    invites: Annotated[
        tuple[Pattern, ...],
        Meta(description="Events in which a user invites another.", examples=[["Invite Sent"]]),
    ] = ("Invite Sent", "User Invited", "Member Invited", "invite_*", "*_invite", "*_invite_sent")

    comments: Annotated[
        tuple[Pattern, ...],
        Meta(
            description="Events in which a user comments: their users are told apart from those who only "
            "look. Takes effect for what arrives from then on.",
            examples=[["Comment Added"]],
        ),
    ] = ("Comment Added", "Comment Created", "* Commented", "comment_*", "*_comment")

    features: Annotated[
        tuple[Group, ...],
        Meta(
            max_length=limits.MAX_FEATURE_GROUPS,
            description="The parts of your product, for adoption and for how use is spread over them. "
            "Without any, every event type is a part of its own. Changing their "
            "names asks for a new training.",
        ),
    ] = ()
    meters: Annotated[
        tuple[Group, ...],
        Meta(
            max_length=limits.MAX_METER_GROUPS,
            description="What your plans' `limits` count besides `seats` and `api_calls`: events of 30 days. "
            "Changing their names asks for a new training.",
        ),
    ] = ()

    def classify(self, name: str) -> frozenset[Signal]:
        """The signals of an event type (a `by_event` key); empty when no pattern matches, and for the events
        that systems tell of customers, whatever their names look like."""
        return frozenset() if is_told(name) else _classify(name, self)

    def parts(self, name: str) -> tuple[int, ...]:
        """The places in `features` of those that an event type belongs to; none for what systems tell."""
        return () if is_told(name) else _groups(name, self.features)

    def metered(self, name: str) -> tuple[int, ...]:
        """The places in `meters` of those that count an event type; none for what systems tell."""
        return () if is_told(name) else _groups(name, self.meters)

    def commenting(self) -> Callable[[str], bool]:
        """Whether an event type is a comment, as in `classify`: a plain look-up, as each call makes one."""
        return _Matched(self.comments).__getitem__

    def logging_in(self) -> Callable[[str], bool]:
        """Whether an event type is a login, as in `classify`: a plain look-up, too."""
        return _Matched(self.logins).__getitem__


class _Matched(dict[str, bool]):
    """Whether an event type matches patterns; forgets all when there are too many."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = patterns

    def __missing__(self, name: str) -> bool:
        if len(self) >= _REMEMBERED_NAMES:
            self.clear()
        may_be = self._patterns and not is_told(name)
        found = self[name] = bool(may_be and _compiled(self._patterns).match(name.casefold()))
        return found


class Access(Section, frozen=True):
    """Who sees what."""

    csm_scope: Annotated[
        Literal["all", "own"],
        Meta(
            description="The accounts a `csm` may read: `all`, or only those whose profile names the csm's "
            "e-mail address in `csm` (`own`).",
            examples=["own"],
        ),
    ] = "all"


Multiple = Annotated[float, Meta(gt=0, lt=1000, examples=[1.5])]


class Scoring(Section, frozen=True):
    """What a score of a model means."""

    tier_multiples: Annotated[
        tuple[Multiple, ...],
        Meta(
            min_length=3,
            max_length=3,
            description="How many times the usual odds of leaving an account's odds are where the tiers "
            "medium, high and critical begin (scores 25, 50, 75). Rising; takes effect with the next export, "
            "which makes another version.",
            examples=[[1.5, 3.0, 6.0]],
        ),
    ] = (1.5, 3.0, 6.0)
    least_history_days: Annotated[
        int,
        Meta(
            ge=0,
            le=limits.FEATURE_DAYS,
            description="Closed days since an account's first use from which on a model scores it; before, "
            "rules do. A model that was trained on older accounts only asks for more by itself.",
            examples=[14],
        ),
    ] = 14


class Config(Section, frozen=True):
    """All of `stemtide.toml`."""

    company: Company
    ingest: Ingest = field(default_factory=Ingest)
    events: Events = field(default_factory=Events)
    sources: Sources = field(default_factory=Sources)
    support: Support = field(default_factory=Support)
    access: Access = field(default_factory=Access)
    detection: Detection = field(default_factory=Detection)
    triggers: Triggers = field(default_factory=Triggers)
    scoring: Scoring = field(default_factory=Scoring)
    shadow: Shadow = field(default_factory=Shadow)
    sweep: Sweep = field(default_factory=Sweep)
    training: Training = field(default_factory=Training)
    billing: Billing = field(default_factory=Billing)
    dunning: Dunning = field(default_factory=Dunning)
    win_back: WinBack = field(default_factory=WinBack)
    offers: Offers = field(default_factory=Offers)
    retention: Retention = field(default_factory=Retention)
    mail: Mail = field(default_factory=Mail)
    contacts: Contacts = field(default_factory=Contacts)
    plans: tuple[Plan, ...] = ()


@lru_cache(maxsize=_REMEMBERED_NAMES)
def _classify(name: str, events: Events) -> frozenset[Signal]:
    kinds = {
        Signal.CORE_ACTION: events.core_actions,
        Signal.API_CALL: events.api_calls,
        Signal.LOGIN: events.logins,
        Signal.INVITE: events.invites,
        Signal.COMMENT: events.comments,
    }
    return frozenset(
        s for s, patterns in kinds.items() if patterns and _compiled(patterns).match(name.casefold())
    )


@lru_cache(maxsize=_REMEMBERED_NAMES)
def _groups(name: str, groups: tuple[Group, ...]) -> tuple[int, ...]:
    found = name.casefold()
    return tuple(place for place, group in enumerate(groups) if _compiled(group.events).match(found))


@lru_cache(maxsize=256)
def _compiled(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern.casefold()) for pattern in patterns))
