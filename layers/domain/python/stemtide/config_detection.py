"""The part of `stemtide.toml` that says when an account's use counts as fallen, and what all parts share."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: immutable, and a misspelt key is an error instead of a silent default."""


class Measure(StrEnum):
    """What a detection rule compares."""

    EVENTS = "events"
    API_CALLS = "api_calls"
    CORE_ACTIONS = "core_actions"
    LOGINS = "logins"


class Against(StrEnum):
    """What a week is compared with."""

    WEEK_BEFORE = "week_before"
    USUAL = "usual"


class DetectionRule(Section, frozen=True):
    """A drop of use after which an account is scored at once: the last 7 closed UTC days against others."""

    name: Annotated[
        str,
        Meta(
            pattern="^[a-z][a-z0-9_]{0,39}$",
            description="Names the rule in drops and events: small letters, digits and `_`.",
            examples=["api_calls_down"],
        ),
    ]
    measure: Annotated[
        Measure,
        Meta(description="What is summed over the last 7 closed UTC days and the weeks before them."),
    ]
    against: Annotated[
        Against,
        Meta(
            description="`week_before`: the 7 days before. `usual`: the account's own weeks before, up to 8, "
            "at least 3, and where it is known the same season a year ago; whole weeks, so that no weekend "
            "is a drop.",
            examples=["usual"],
        ),
    ] = Against.WEEK_BEFORE
    drop: Annotated[
        float,
        Meta(
            gt=0,
            lt=1,
            description="Share by which the sum must have fallen, and by more than that: at 0.5 a fall by "
            "exactly half is none.",
            examples=[0.5],
        ),
    ] = 0.5
    min_before: Annotated[
        int,
        Meta(
            ge=1,
            le=10**9,
            description="Smallest sum of the week before, or of a usual week: below it a fall means little.",
            examples=[20],
        ),
    ] = 20
    min_active_days: Annotated[
        int,
        Meta(
            ge=1,
            le=7,
            description="Days of the week before, or on average of a usual week, that must have had some.",
            examples=[3],
        ),
    ] = 1
    deviations: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="With `usual`: how many times the usual variation from week to week the fall must "
            "exceed, besides `drop`.",
            examples=[2.0],
        ),
    ] = 2.0
    sustained_days: Annotated[
        int,
        Meta(
            ge=1,
            le=14,
            description="Closed days in a row, each with the 6 before it, that must all have fallen so.",
            examples=[3],
        ),
    ] = 1
    cooldown_days: Annotated[
        int,
        Meta(
            ge=0,
            le=365,
            description="Days after a drop of the rule in which it finds no other of the account.",
            examples=[14],
        ),
    ] = 0


class Detection(Section, frozen=True):
    """When an account's use counts as fallen."""

    rules: Annotated[
        tuple[DetectionRule, ...],
        Meta(description="Any one of them that is met makes a drop of its own."),
    ] = (
        DetectionRule(name="api_calls_down", measure=Measure.API_CALLS),
        DetectionRule(
            name="events_down",
            measure=Measure.EVENTS,
            against=Against.USUAL,
            min_before=5,
            deviations=1.0,
            sustained_days=3,
            cooldown_days=28,
        ),
    )
