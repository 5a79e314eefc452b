"""The part of `stemtide.toml` that says how unpaid invoices are collected, by segment of customers."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from stemtide.config_detection import Section

MAX_TRIES = 8
"""Of an invoice, the one that failed first included: what Stripe's own schedule makes, well below the caps of
networks."""
MAX_STEPS = 12
MAX_DAYS = 90


class Final(StrEnum):
    """What becomes of a subscription that could not be collected for."""

    CANCEL = "cancel"
    LEAVE = "leave"


Day = Annotated[float, Meta(ge=0, le=MAX_DAYS)]


class MailStep(Section, frozen=True):
    """A mail of a policy: its name and when it is due."""

    name: Annotated[
        str,
        Meta(pattern="^[a-z][a-z0-9_]{0,29}$", description="Name of the step.", examples=["reminder"]),
    ]
    after_days: Annotated[
        Day, Meta(description="Days after the first failed payment of the invoice.", examples=[3])
    ]
    last: Annotated[
        bool,
        Meta(description="Whether it announces the end of the subscription.", examples=[True]),
    ] = False


class Policy(Section, frozen=True):
    """How unpaid invoices of a segment are collected: retries, mails and the end."""

    name: Annotated[
        str, Meta(pattern="^[a-z][a-z0-9_-]{0,39}$", description="Name of the policy.", examples=["default"])
    ] = "default"
    plans: Annotated[
        tuple[str, ...],
        Meta(description="Only customers of these plans; empty: of all.", examples=[["enterprise"]]),
    ] = ()
    min_mrr: Annotated[
        int,
        Meta(
            ge=0,
            le=2**53,
            description="Only customers who pay so much a month, in minor units.",
            examples=[0],
        ),
    ] = 0
    retry_days: Annotated[
        tuple[Day, ...],
        Meta(
            max_length=MAX_TRIES - 1,
            description="Days after the first failed payment on which a soft decline is tried again.",
            examples=[[1, 3, 5, 7, 10, 14]],
        ),
    ] = (1.0, 3.0, 5.0, 7.0, 10.0, 14.0)
    retry_hour: Annotated[
        int,
        Meta(
            ge=0, le=23, description="Hour of the customer's day from which on cards are tried.", examples=[9]
        ),
    ] = 9
    paydays: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=31)], ...],
        Meta(
            description="Days of the month on which people are paid (31: the last one). A retry for lack of "
            "funds is put off to the next of them, if it is near.",
            examples=[[1, 15]],
        ),
    ] = (1, 15)
    payday_within_days: Annotated[
        int, Meta(ge=0, le=14, description="How far a retry is put off for a payday.", examples=[3])
    ] = 3
    mails: Annotated[
        tuple[MailStep, ...],
        Meta(max_length=MAX_STEPS, description="The mails, by when they are due."),
    ] = (
        MailStep(name="first", after_days=0.0),
        MailStep(name="reminder", after_days=3.0),
        MailStep(name="second_reminder", after_days=7.0),
        MailStep(name="final_notice", after_days=14.0, last=True),
    )
    end_days: Annotated[
        Day,
        Meta(
            description="Days after the first failed payment until the customer is given up.", examples=[21]
        ),
    ] = 21.0
    end: Annotated[
        Final,
        Meta(
            description="`cancel`: the subscription ends then. `leave`: it is left as the provider has it.",
            examples=["cancel"],
        ),
    ] = Final.CANCEL


class Dunning(Section, frozen=True):
    """How unpaid invoices are collected."""

    policies: Annotated[
        tuple[Policy, ...],
        Meta(
            min_length=1,
            description="The first policy that fits a customer holds; the last must fit everybody.",
        ),
    ] = (Policy(),)

    def policy_for(self, *, plan: str | None, mrr: int | None) -> Policy:
        """The first policy that fits a customer of this plan and MRR (minor units)."""
        for one in self.policies[:-1]:
            if (not one.plans or plan in one.plans) and (mrr or 0) >= one.min_mrr:
                return one
        return self.policies[-1]
