"""The parts of `stemtide.toml` that say how customers are won back, and what they are offered."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta

from stemtide.config_detection import Section

MAX_STEPS: Final = 12
MAX_DAYS: Final = 180

StepName = Annotated[
    str,
    Meta(pattern="^[a-z][a-z0-9_]{0,29}$", description="Name of the step.", examples=["hello"]),
]
StepDay = Annotated[float, Meta(ge=0, le=MAX_DAYS)]
Percent = Annotated[int, Meta(ge=0, le=50)]
Hour = Annotated[int, Meta(ge=0, le=23)]
Link = Annotated[str, Meta(pattern="^$|^https://|^http://(127[.]0[.]0[.]1|localhost)[:/]")]


class Cause(StrEnum):
    """Why a subscription ended: it was not paid, or what its owner told the provider (Stripe's words)."""

    UNPAID = "unpaid"
    CUSTOMER_SERVICE = "customer_service"
    LOW_QUALITY = "low_quality"
    MISSING_FEATURES = "missing_features"
    SWITCHED_SERVICE = "switched_service"
    TOO_COMPLEX = "too_complex"
    TOO_EXPENSIVE = "too_expensive"
    UNUSED = "unused"
    OTHER = "other"
    NOT_TOLD = "not_told"


class WinBackStep(Section, frozen=True):
    """A mail to a customer who left."""

    name: StepName
    template: Annotated[
        Literal["win_back_hello", "win_back_offer", "win_back_last"],
        Meta(
            description="The letter; `win_back_offer` is written only if there is an offer to make, "
            "`win_back_last` tells of it while it runs.",
            examples=["win_back_hello"],
        ),
    ]
    after_days: Annotated[StepDay, Meta(description="Days after the end of the subscription.", examples=[2])]


class WinBackPolicy(Section, frozen=True):
    """How customers who left for certain causes are asked back."""

    name: Annotated[
        str, Meta(pattern="^[a-z][a-z0-9_-]{0,39}$", description="Name of the policy.", examples=["unpaid"])
    ]
    causes: Annotated[
        tuple[Cause, ...],
        Meta(
            min_length=1,
            description="Why they left: `unpaid`, or what they told the provider when they canceled.",
            examples=[["unpaid"]],
        ),
    ]
    steps: Annotated[
        tuple[WinBackStep, ...],
        Meta(min_length=1, max_length=MAX_STEPS, description="The mails, by when they are due."),
    ]
    min_mrr: Annotated[
        int,
        Meta(ge=0, le=2**53, description="Only who paid so much a month, in minor units.", examples=[0]),
    ] = 0
    outcome_days: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_DAYS,
            description="Days after the end of the subscription within which a return counts as "
            "`reactivated`; then the customer is `lost`.",
            examples=[60],
        ),
    ] = 60


def _unpaid() -> tuple[WinBackStep, ...]:
    return (
        WinBackStep(name="hello", template="win_back_hello", after_days=2.0),
        WinBackStep(name="offer", template="win_back_offer", after_days=10.0),
        WinBackStep(name="last", template="win_back_last", after_days=21.0),
    )


class WinBack(Section, frozen=True):
    """Customers who left are asked back."""

    policies: Annotated[
        tuple[WinBackPolicy, ...],
        Meta(description="The first policy that fits holds; who fits none is left alone."),
    ] = (WinBackPolicy(name="unpaid", causes=(Cause.UNPAID,), steps=_unpaid()),)
    send_hour: Annotated[
        Hour, Meta(description="Hour of the customer's day from which on mails go.", examples=[10])
    ] = 10
    holdout_pct: Annotated[
        Percent,
        Meta(
            description="So many of a hundred, chosen at random, get nothing: what the mails bring is told "
            "by comparing with them.",
            examples=[10],
        ),
    ] = 10
    again_after_days: Annotated[
        int,
        Meta(ge=1, le=3650, description="A customer is asked back once in so many days.", examples=[180]),
    ] = 180
    return_url: Annotated[
        Link,
        Meta(
            description="Where an account is opened again; empty: no win-back mail is sent.",
            examples=["https://app.acme.example/welcome-back"],
        ),
    ] = ""


class Offers(Section, frozen=True):
    """Personal discounts: how large, for whom, how often. One depends on what is known of the customer only,
    never on chance, but for those who are held out."""

    percents: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=90)], ...],
        Meta(
            min_length=1,
            max_length=10,
            description="The discounts there are, in per cent of the price. Value, tenure and what speaks "
            "for the price as the reason choose among them.",
            examples=[[10, 15, 20, 25]],
        ),
    ] = (10, 15, 20, 25)
    months: Annotated[int, Meta(ge=1, le=24, description="How many months an offer holds.", examples=[3])] = 3
    gross_margin_pct: Annotated[
        int,
        Meta(
            ge=1, le=100, description="What is left of your price after the cost of service.", examples=[75]
        ),
    ] = 75
    margin_floor_pct: Annotated[
        int,
        Meta(
            ge=0,
            le=99,
            description="What must be left of the discounted price after the cost of service.",
            examples=[60],
        ),
    ] = 60
    max_cost_months: Annotated[
        float,
        Meta(
            gt=0,
            le=12,
            description="What an offer may cost at most, in months of the customer's price.",
            examples=[0.75],
        ),
    ] = 0.75
    min_mrr: Annotated[
        int,
        Meta(ge=0, le=2**53, description="Only who pays so much a month, in minor units.", examples=[1000]),
    ] = 0
    min_tenure_days: Annotated[
        int, Meta(ge=0, le=3650, description="Only who was a customer for so long.", examples=[14])
    ] = 14
    valid_days: Annotated[
        int, Meta(ge=1, le=90, description="How long an offer can be taken.", examples=[14])
    ] = 14
    cool_off_days: Annotated[
        int,
        Meta(ge=1, le=3650, description="A customer gets one offer in so many days.", examples=[365]),
    ] = 365
    holdout_pct: Annotated[
        Percent,
        Meta(
            description="So many of a hundred, chosen at random, get the same mails without an offer.",
            examples=[10],
        ),
    ] = 10
