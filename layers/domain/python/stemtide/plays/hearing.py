"""What plays hear on the bus: a subscription has ended or begun, a risk has changed, nobody may write any
more."""

from typing import Any, Final

import msgspec

from stemtide.as_of import parse_as_of
from stemtide.billing.told import SubscriptionCanceled, SubscriptionStarted
from stemtide.contact_events import ContactStopped
from stemtide.domain_events import RiskTierChanged
from stemtide.plays.keeping import AtRisk, Left, PlayKeeper

JOB: Final = "plays"
"""The hourly look."""
HEARD: Final = (SubscriptionCanceled, SubscriptionStarted, RiskTierChanged, ContactStopped)
NAMES: Final = tuple(event.__name__ for event in HEARD)
"""The detail types that are heard."""


class _Envelope(msgspec.Struct, frozen=True, rename={"detail_type": "detail-type"}):
    detail_type: str
    detail: dict[str, Any]


def heard_in(body: str) -> Left | AtRisk | str:
    """What an event of the bus, as it lies in the queue, tells; the account, where its plays only look.

    Raises:
        ValueError, KeyError, msgspec.MsgspecError: an event of another sort.
    """
    envelope = msgspec.json.decode(body, type=_Envelope)
    if envelope.detail_type not in NAMES:
        raise ValueError(f"{envelope.detail_type} is nothing that plays hear")
    if envelope.detail_type == SubscriptionCanceled.__name__:
        ended = msgspec.convert(envelope.detail, SubscriptionCanceled, strict=False)
        return Left(
            account=ended.account,
            customer=ended.customer,
            subscription=ended.subscription,
            at_ms=parse_as_of(ended.as_of),
            cause=ended.cause,
            feedback=ended.feedback,
        )
    if envelope.detail_type == RiskTierChanged.__name__:
        risk = msgspec.convert(envelope.detail, RiskTierChanged, strict=False)
        return AtRisk(id=risk.id, account=risk.account, tier=risk.tier, as_of_ms=parse_as_of(risk.as_of))
    return str(envelope.detail["account"])


def hear(heard: Left | AtRisk | str, *, keeper: PlayKeeper) -> None:
    """Open a play, or let those that run look.

    Raises:
        UnavailableError: outcome unknown; the same again is safe.
    """
    match heard:
        case Left():
            keeper.left(heard)
        case AtRisk():
            keeper.at_risk(heard)
        case str():
            keeper.happened(heard)
