"""The part of `stemtide.toml` about the payment provider: who it is, whose customers are, who collects."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, field

from stemtide.config_detection import Section


class Provider(StrEnum):
    """Who takes the payments."""

    STRIPE = "stripe"
    NONE = "none"


class CollectionOwner(StrEnum):
    """Who collects what was not paid."""

    OBSERVE = "observe"
    ASSIST = "assist"
    OWN = "own"


class Billing(Section, frozen=True):
    """Where facts about money come from."""

    provider: Annotated[
        Provider,
        Meta(
            description="The payment provider whose events are taken in; `none`: subscriptions are told by "
            "`Subscription …` events only.",
            examples=["stripe"],
        ),
    ] = Provider.STRIPE
    account_metadata: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=40,
            description="The key of a provider's customer's metadata that holds your account id. A customer "
            "without is looked for by the trait `stripe_customer_id`.",
            examples=["account"],
        ),
    ] = "account"
    collection_owner: Annotated[
        CollectionOwner,
        Meta(
            description="Who collects unpaid invoices. `observe`: the provider, Stemtide only watches. "
            "`assist`: the provider charges, Stemtide writes. `own`: Stemtide does both, but for an invoice "
            "that the provider is about to try again by itself.",
            examples=["own"],
        ),
    ] = CollectionOwner.OWN
    reconcile_hours: Annotated[
        int,
        Meta(
            ge=1,
            le=24,
            description="Hours from one reconcile to the next, a divisor of 24: the provider is asked for "
            "events that never arrived.",
            examples=[24],
        ),
    ] = 24
    plans: Annotated[
        dict[
            Annotated[str, Meta(min_length=1, max_length=255)],
            Annotated[str, Meta(min_length=1, max_length=100)],
        ],
        Meta(
            description="The plan that a price or product stands for, by its id. Others are called by their "
            "price's lookup key, its nickname or their product's name.",
            examples=[{"price_1PgafmB7WZ01zgkW6dKueIc5": "business"}],
        ),
    ] = field(default_factory=dict)
