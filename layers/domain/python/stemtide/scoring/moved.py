"""What moved from one score of an account to the next, as it is kept with the customer record."""

import msgspec

from stemtide.scoring.assessment import Tier


class MovedFeature(msgspec.Struct, frozen=True, kw_only=True):
    """A feature whose contribution to the margin changed: its value and contribution then and now.

    `then` and `now` are in `unit`, null where unknown; `change` is the contribution now less that of then,
    positive towards what the score foretells.
    """

    feature: str
    label: str
    unit: str
    then: float | None
    now: float | None
    change: float
    text: str


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A score against the one of the latest instant before it (`since`).

    `features` are up to three, by falling absolute change, ties by name; none where the two scores cannot be
    compared, of which `note` says why. Null scores and tiers: there was not enough data.
    """

    since: str
    score_then: int | None
    score_now: int | None
    tier_then: Tier | None
    tier_now: Tier | None
    features: tuple[MovedFeature, ...] = ()
    note: str | None = None
