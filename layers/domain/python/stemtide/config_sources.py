"""The part of `stemtide.toml` that says who tells of accounts, and what is made of support tickets."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, field

from stemtide.config_detection import Section


class Source(StrEnum):
    """Who tells of accounts."""

    STREAM = "stream"
    TICKETS = "tickets"
    CRM = "crm"
    BILLING = "billing"
    NPS = "nps"


class Sentiment(StrEnum):
    """How a ticket's text becomes a number."""

    LEXICON = "lexicon"
    OFF = "off"


def _minutes(what: str, example: int) -> Meta:
    return Meta(
        ge=1,
        le=527_040,
        description=f"Minutes after the newest {what} in which the source is fresh.",
        examples=[example],
    )


class FreshMinutes(Section, frozen=True):
    """How long after it was last heard of, from any account, a source is fresh."""

    stream: Annotated[int, _minutes("call that was counted", 120)] = 120
    tickets: Annotated[int, _minutes("`Support Ticket …` event", 15)] = 15
    crm: Annotated[int, _minutes("`group` call", 30)] = 30
    billing: Annotated[int, _minutes("`Subscription …` event", 60)] = 60
    nps: Annotated[int, _minutes("`NPS Submitted`", 1440)] = 1440


class Sources(Section, frozen=True):
    """Which systems besides the event stream tell of your accounts."""

    connected: Annotated[
        tuple[Source, ...],
        Meta(
            description="Systems whose events reach the stream; any that was ever heard of is connected. "
            "With `tickets`, an account that no ticket was ever heard of has none; without, that is unknown.",
            examples=[["tickets"]],
        ),
    ] = ()
    fresh_minutes: FreshMinutes = field(default_factory=FreshMinutes)


class Support(Section, frozen=True):
    """What is made of support tickets."""

    sentiment: Annotated[
        Sentiment,
        Meta(
            description="`lexicon`: a ticket's text, if it is English, becomes a number from -1 to 1. `off`: "
            "only what producers send as `sentiment` counts. The text is kept in neither case.",
            examples=["lexicon"],
        ),
    ] = Sentiment.LEXICON
