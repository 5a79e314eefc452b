"""The part of `stemtide.toml` that says what models learn from what the deployed stack itself knows."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta

from stemtide.config_detection import Section

GRACE_DAYS: Final = 14
"""A term that begins so many days after the last one's end is usually its renewal, too."""


class ChurnIs(StrEnum):
    """What counts as churn within the horizon."""

    SUBSCRIPTION_ENDED = "subscription_ended"
    NOT_RENEWED = "not_renewed"
    SILENT = "silent"


class Treated(StrEnum):
    """What becomes of a fit row whose horizon overlaps a treatment."""

    EXCLUDE = "exclude"
    """Left out: its outcome is not what would have happened."""
    WEIGHT = "weight"
    """Counts less."""
    KEEP = "keep"


class Reactivated(StrEnum):
    """What a customer counts as whose subscription ended and who came back within the time of its play."""

    STAYED = "stayed"
    LEFT = "left"


def _days(low: int, high: int, description: str, example: int) -> Meta:
    return Meta(ge=low, le=high, description=description, examples=[example])


class Training(Section, frozen=True):
    """Who is looked at when, and what is predicted, where no mapping of a log says so."""

    every_days: Annotated[
        int, _days(1, 365, "Days between two days at whose end accounts are looked at for training.", 7)
    ] = 7
    first_day: Annotated[
        int, _days(0, 3650, "The first of them, in days after the first day with usage.", 30)
    ] = 30
    horizon_days: Annotated[int, _days(1, 365, "What is predicted happens within so many days.", 30)] = 30
    churn: Annotated[
        ChurnIs,
        Meta(
            description="What a churn model predicts: `subscription_ended` (the last term of a plan ends), "
            "`not_renewed` (the running term, which runs out within the horizon, is followed by no other) or "
            "`silent` (no event).",
            examples=["subscription_ended"],
        ),
    ] = ChurnIs.SUBSCRIPTION_ENDED
    upsell: Annotated[
        Literal["upgraded"],
        Meta(
            description="What an upsell model predicts: a plan of a higher `rank` starts.",
            examples=["upgraded"],
        ),
    ] = "upgraded"
    subscribed: Annotated[
        bool,
        Meta(
            description="Only accounts with a running term of a plan are looked at, by what was known then.",
            examples=[True],
        ),
    ] = True
    min_tenure_days: Annotated[
        int, _days(0, 3650, "Only accounts whose first term began at least so many days ago.", 30)
    ] = 0
    active_within_days: Annotated[
        int, _days(1, 365, "For `silent`: only accounts with an event in the last so many days.", 30)
    ] = 30
    grace_days: Annotated[
        int,
        _days(
            0,
            365,
            "A term that begins up to so many days after the end is a renewal, too: for `not_renewed`, and "
            "before a retention play takes a term that ran out for the end, where no payment provider tells.",
            GRACE_DAYS,
        ),
    ] = GRACE_DAYS
    treated: Annotated[
        Treated,
        Meta(
            description="What becomes of a row to fit whose outcome a play may have changed before it was "
            "known: `exclude` (left out), `weight` (counts `treated_weight`) or `keep`. See docs/labels.md.",
            examples=["exclude"],
        ),
    ] = Treated.EXCLUDE
    treated_weight: Annotated[
        float, Meta(gt=0, le=1, description="What such a row counts with `weight`.", examples=[0.5])
    ] = 0.5
    reactivated: Annotated[
        Reactivated,
        Meta(
            description="What a customer counts as whose subscription had ended and who came back within the "
            "time of its win-back play: `stayed` (no churn: a card that is replaced within weeks is not what "
            "a model is to warn of) or `left` (churn: every end counts). Who did not come back is churn "
            "either way, whatever follows later.",
            examples=["stayed"],
        ),
    ] = Reactivated.STAYED
