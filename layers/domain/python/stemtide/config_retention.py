"""The part of `stemtide.toml` that says what is done about customers who are about to leave."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from stemtide.config_detection import Section
from stemtide.config_plays import MAX_DAYS, MAX_STEPS, Hour, Link, Percent, StepDay, StepName


class Act(StrEnum):
    """What a step of a retention play does."""

    GUIDE = "guide"
    TRAINING = "training"
    CHECK_IN = "check_in"
    EXECUTIVE = "executive"
    OFFER = "offer"
    CSM_TASK = "csm_task"


class RetentionStep(Section, frozen=True):
    """Something that is done about an account at risk."""

    name: StepName
    act: Annotated[
        Act,
        Meta(
            description="`guide`: a mail about the part of the product that is used less, from the guides "
            "below; `training`: half an hour with a person; `check_in`: the CSM asks how things are going; "
            "`executive`: the executive writes; `offer`: a discount, if there is one to make; `csm_task`: "
            "the CSM gets a task with a briefing. What cannot be done (no guide fits, nobody to sign) is "
            "passed over, and the timeline says so.",
            examples=["guide"],
        ),
    ]
    after_days: Annotated[
        StepDay, Meta(description="Days after the account has come into the tier.", examples=[0])
    ]


class RetentionPlay(Section, frozen=True):
    """What is done about accounts of a risk tier."""

    tier: Annotated[
        Literal["high", "critical"], Meta(description="The tier that it is for.", examples=["high"])
    ]
    steps: Annotated[
        tuple[RetentionStep, ...],
        Meta(min_length=1, max_length=MAX_STEPS, description="What is done, by when it is due."),
    ]


class Guide(Section, frozen=True):
    """What helps with a part of the product: read by the driver of the score that speaks of it."""

    drivers: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
        Meta(
            min_length=1,
            description="Names of features, as patterns (docs/features.md).",
            examples=[["*reports*"]],
        ),
    ]
    feature: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=80,
            description="The part of the product, in your customers' words.",
            examples=["Reports"],
        ),
    ]
    tip: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=400,
            description="What to do with it, in a sentence or two.",
            examples=["A report can be sent to your whole team every Monday."],
        ),
    ]
    url: Annotated[
        Link,
        Meta(min_length=1, description="Where to read on.", examples=["https://help.acme.example/reports"]),
    ]


def _plays() -> tuple[RetentionPlay, ...]:
    return (
        RetentionPlay(
            tier="high",
            steps=(
                RetentionStep(name="guide", act=Act.GUIDE, after_days=0.0),
                RetentionStep(name="training", act=Act.TRAINING, after_days=5.0),
                RetentionStep(name="task", act=Act.CSM_TASK, after_days=10.0),
            ),
        ),
        RetentionPlay(
            tier="critical",
            steps=(
                RetentionStep(name="urgent_task", act=Act.CSM_TASK, after_days=0.0),
                RetentionStep(name="check_in", act=Act.CHECK_IN, after_days=1.0),
                RetentionStep(name="executive", act=Act.EXECUTIVE, after_days=4.0),
                RetentionStep(name="offer", act=Act.OFFER, after_days=8.0),
            ),
        ),
    )


class Retention(Section, frozen=True):
    """Accounts at risk are helped before they leave."""

    plays: Annotated[
        tuple[RetentionPlay, ...],
        Meta(max_length=2, description="One a tier; an account of a tier without a play is left alone."),
    ] = _plays()
    exit_margin: Annotated[
        int,
        Meta(
            ge=0,
            le=25,
            description="An account leaves its play when its score is more than so many points below where "
            "tier `high` begins: it does not flutter in and out.",
            examples=[5],
        ),
    ] = 5
    outcome_days: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_DAYS,
            description="Days after it came in at whose end an account that still subscribes counts as "
            "`saved`.",
            examples=[60],
        ),
    ] = 60
    again_after_days: Annotated[
        int,
        Meta(ge=1, le=3650, description="An account gets one play in so many days.", examples=[90]),
    ] = 90
    holdout_pct: Annotated[
        Percent,
        Meta(description="So many of a hundred, chosen at random, get nothing.", examples=[10]),
    ] = 10
    send_hour: Annotated[
        Hour, Meta(description="Hour of the customer's day from which on mails go.", examples=[10])
    ] = 10
    guides: Annotated[
        tuple[Guide, ...], Meta(max_length=100, description="The first guide that fits a driver is sent.")
    ] = ()
    training_url: Annotated[
        Link,
        Meta(
            description="Where a training is booked; empty: none is offered.",
            examples=["https://cal.acme.example/training"],
        ),
    ] = ""
    training_minutes: Annotated[int, Meta(ge=5, le=480, description="How long it takes.", examples=[30])] = 30
    executive: Annotated[
        str,
        Meta(
            max_length=60,
            description="Who writes to an account of tier `critical`; empty: nobody does.",
            examples=["Ada Okoye"],
        ),
    ] = ""
    offer_url: Annotated[
        Link,
        Meta(
            description="Where an account at risk takes its offer; empty: none is made.",
            examples=["https://app.acme.example/billing"],
        ),
    ] = ""
