"""The parts of `stemtide.toml` that say how mail is sent and how often a customer may be contacted."""

from typing import Annotated, Final

from msgspec import Meta, field

from stemtide.config_detection import Section

MOST_DAYS: Final = 90
"""Longest window of a cap, and so of what is remembered of an account's contacts."""
MOST_CONTACTS: Final = 50
ANY: Final = "any"
"""A cap of all contacts together."""
_HOUR: Final = "^([01][0-9]|2[0-3]):[0-5][0-9]$"


class QuietHours(Section, frozen=True):
    """When no mail is sent, in the customer's own time zone (unknown: that of `[company]`)."""

    start: Annotated[
        str,
        Meta(pattern=_HOUR, description="Local time, `HH:MM`, from which mails wait.", examples=["20:00"]),
    ] = "20:00"
    end: Annotated[
        str,
        Meta(
            pattern=_HOUR,
            description="Local time, `HH:MM`, until which they wait; before `start`: over midnight. The same "
            "as `start`: no hour is quiet.",
            examples=["08:00"],
        ),
    ] = "08:00"
    weekdays_only: Annotated[
        bool,
        Meta(description="Whether lifecycle mail waits over Saturday and Sunday, too.", examples=[True]),
    ] = True
    transactional: Annotated[
        bool,
        Meta(
            description="Whether transactional mail (a failed payment, a receipt) waits for the end of the "
            "quiet hours, too.",
            examples=[False],
        ),
    ] = False

    @property
    def start_minute(self) -> int:
        """Minutes since midnight."""
        return _minute(self.start)

    @property
    def end_minute(self) -> int:
        """Minutes since midnight."""
        return _minute(self.end)


class CampaignPause(Section, frozen=True):
    """When a campaign stops by itself until a person resumes it: well before SES would stop the account
    (review at 5 % bounces or 0.1 % complaints)."""

    bounce_pct: Annotated[
        float,
        Meta(ge=0.01, le=100, description="Bounces in per cent of the mails sent.", examples=[2.0]),
    ] = 2.0
    complaint_pct: Annotated[
        float,
        Meta(ge=0.001, le=100, description="Complaints in per cent of the mails sent.", examples=[0.05]),
    ] = 0.05
    min_bounces: Annotated[
        int,
        Meta(ge=1, le=1000, description="So many bounces at least: one of ten proves nothing.", examples=[5]),
    ] = 5
    min_complaints: Annotated[
        int, Meta(ge=1, le=1000, description="So many complaints at least.", examples=[2])
    ] = 2
    window_days: Annotated[
        int,
        Meta(ge=1, le=MOST_DAYS, description="Of the mails sent in so many UTC days.", examples=[30]),
    ] = 30


class Mail(Section, frozen=True):
    """Who writes, when, and when sending stops."""

    sender: Annotated[
        str,
        Meta(
            max_length=320,
            description="Who mails are from: an address, or `Name <address>`. Its domain (or itself) must be "
            "a verified identity of SES.",
            examples=["Acme <hello@acme.com>"],
        ),
    ] = field(default="Your SaaS <hello@example.com>", name="from")
    reply_to: Annotated[
        str,
        Meta(
            max_length=320,
            description="Address that answers go to; empty: the sender.",
            examples=["support@acme.com"],
        ),
    ] = ""
    postal_address: Annotated[
        str,
        Meta(
            max_length=300,
            description="Your postal address, one line: the law wants it in lifecycle mail.",
            examples=["Acme Inc., 1 Main Street, Springfield"],
        ),
    ] = "Your SaaS Inc., 1 Main Street, Springfield"
    default_locale: Annotated[
        str,
        Meta(
            pattern="^[a-z]{2,3}(-[A-Z]{2})?$",
            description="Language of mails to whom nothing else is known of.",
            examples=["en"],
        ),
    ] = "en"
    soft_bounces: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="So many transient bounces (mailbox full, an absence note that bounces) within "
            "`soft_bounce_days` stop an address as a permanent one does.",
            examples=[4],
        ),
    ] = 4
    soft_bounce_days: Annotated[
        int, Meta(ge=1, le=365, description="Days in which transient bounces are counted.", examples=[30])
    ] = 30
    quiet_hours: QuietHours = field(default_factory=QuietHours)
    pause: CampaignPause = field(default_factory=CampaignPause)


class Cap(Section, frozen=True):
    """At most so many contacts of an account within so many days (rolling, not by calendar)."""

    of: Annotated[
        str,
        Meta(
            pattern="^[a-z][a-z0-9_]{0,39}$",
            description="What is counted and limited: `lifecycle` or `transactional` contacts, those of one "
            'journey by its name ("upsell", "win_back", ...), or `any`: all are counted, transactional ones '
            "are not limited by it.",
            examples=["lifecycle"],
        ),
    ]
    most: Annotated[int, Meta(ge=0, le=MOST_CONTACTS, description="So many at most; 0: none.", examples=[2])]
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS, description="Within so many days.", examples=[7])]


class Contacts(Section, frozen=True):
    """How often an account may be contacted, over all journeys: mails and prompts alike."""

    min_gap_hours: Annotated[
        int,
        Meta(
            ge=0,
            le=720,
            description="Hours that must lie between any contact of an account and the next one that is not "
            "transactional.",
            examples=[20],
        ),
    ] = 20
    caps: Annotated[
        tuple[Cap, ...],
        Meta(max_length=20, description="All of them hold."),
    ] = (
        Cap(of="lifecycle", most=2, days=7),
        Cap(of="lifecycle", most=5, days=30),
        Cap(of=ANY, most=3, days=1),
        Cap(of="transactional", most=4, days=1),
    )


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
