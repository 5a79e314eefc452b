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
            "For `not_renewed`: a term that begins up to so many days after the end is a renewal, too.",
            GRACE_DAYS,
        ),
    ] = GRACE_DAYS
