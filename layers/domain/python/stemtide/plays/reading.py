"""The facts of a decision about a play, read from what provider and tables say at this moment."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from stemtide.billing.provider import Json
from stemtide.dunning.ledger import Entry
from stemtide.dunning.reading import OVER
from stemtide.mail.outcomes import Reason
from stemtide.plays import telling
from stemtide.plays.facts import Facts
from stemtide.plays.play import Journey, Play
from stemtide.profile import UNKNOWN, Profile
from stemtide.scoring.assessment import Assessment
from stemtide.shadow import MODEL

NOT_BEGUN: Final = frozenset({"incomplete", "incomplete_expired"})
"""Statuses of a subscription whose first payment was never made."""
OF_ACCOUNT: Final = frozenset({Reason.SHADOW, Reason.HELD, Reason.DO_NOT_CONTACT})
"""What stops a retention play; a customer who only wants no mail can still be called."""
_S: Final = 1000


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was just read of an account.

    `customer` and `subscriptions` are the provider's, None: nobody there is known to be the account's; then
    `left_ms` is when it left by what was told of its terms. `codes` are those of the play's offer there.
    `refusal`: why no mail may go to it.
    `in_dunning`: a run of dunning is under way.
    """

    customer: Json | None = None
    subscriptions: Sequence[Json] = ()
    codes: Sequence[Json] = ()
    profile: Profile = UNKNOWN
    assessment: Assessment | None = None
    left_ms: int | None = None
    refusal: Reason | None = None
    in_dunning: bool = False


def facts_of(play: Play, entries: Sequence[Entry], seen: Seen, *, now_ms: int) -> Facts:
    """All that a decision rests on."""
    offer = telling.offer(entries)
    code = None if offer is None else offer.promotion
    scored = _scored(play, seen.assessment)
    turned_ms = _turned(play, seen, now_ms)
    return Facts(
        gone=_gone(play, seen, turned_ms),
        turned_ms=turned_ms,
        redeemed=code is not None and _is_taken(code, seen),
        stops=_stops(play, seen.refusal),
        unmailed=_unmailed(seen),
        waits="dunning" if seen.in_dunning else None,
        score=None if scored is None else scored.score,
        tier=None if scored is None else scored.tier,
        drivers=() if scored is None else scored.drivers,
        csm=seen.profile.csm,
        done=telling.done(entries),
        offer=offer,
    )


def _scored(play: Play, assessment: Assessment | None) -> Assessment | None:
    """The score that a play at risk rests on; nothing rests on that of a model in shadow."""
    if play.journey is not Journey.RETENTION or assessment is None or MODEL in assessment.shadow:
        return None
    return assessment


def _gone(play: Play, seen: Seen, turned_ms: int | None) -> str | None:
    """Why the outcome can never be known, or says nothing of the play."""
    if seen.refusal is Reason.ERASED:
        return Reason.ERASED
    if play.customer is not None and (seen.customer is None or seen.customer.get("deleted")):
        return "customer_deleted"
    if play.journey is Journey.WIN_BACK:
        return None if turned_ms is not None else _pays_otherwise(play, seen)
    return "had_left" if turned_ms is not None and turned_ms < play.started_ms - _S else None


def _pays_otherwise(play: Play, seen: Seen) -> str | None:
    """Why somebody who has not come back pays all the same: with another subscription of before, or as
    another customer of the provider, which only the account's terms tell."""
    if any(_created_ms(one) < play.started_ms - _S for one in _live(seen.subscriptions)):
        return "still_subscribed"
    term = seen.profile.base_term
    return "subscribed_elsewhere" if term is not None and term.start_ms > play.started_ms else None


def _stops(play: Play, refusal: Reason | None) -> str | None:
    if refusal is None or (play.journey is Journey.RETENTION and refusal not in OF_ACCOUNT):
        return None
    return refusal


def _unmailed(seen: Seen) -> str | None:
    if seen.refusal is None and seen.customer is not None and not seen.customer.get("email"):
        return Reason.NO_ADDRESS
    return seen.refusal


def _turned(play: Play, seen: Seen, now_ms: int) -> int | None:
    """When the customer came back (whether or not it stayed), or the account at risk left; the provider tells
    instants in seconds, so one in the same second counts."""
    begun = [one for one in seen.subscriptions if one["status"] not in NOT_BEGUN]
    if play.journey is Journey.WIN_BACK:
        since = [_created_ms(one) for one in begun if one["id"] != play.subscription]
        return min((at_ms for at_ms in since if at_ms >= play.started_ms - _S), default=None)
    if begun:
        return None if _live(begun) else max(_ended_ms(one, now_ms) for one in begun)
    return seen.left_ms


def _live(subscriptions: Iterable[Json]) -> list[Json]:
    return [one for one in subscriptions if one["status"] not in OVER | NOT_BEGUN]


def _created_ms(subscription: Json) -> int:
    return int(subscription["created"]) * _S


def _ended_ms(subscription: Json, now_ms: int) -> int:
    ended = subscription.get("ended_at")
    return now_ms if ended is None else int(ended) * _S


def _is_taken(code: str, seen: Seen) -> bool:
    """A subscription carries a discount only while it lasts; its code says for good that it was taken."""
    was_taken = any(one["id"] == code and one.get("times_redeemed") for one in seen.codes)
    return was_taken or any(_takes(one, code) for one in seen.subscriptions)


def _takes(subscription: Json, promotion: str) -> bool:
    discounts: list[Any] = list(subscription.get("discounts") or ())
    return any(isinstance(one, Mapping) and one.get("promotion_code") == promotion for one in discounts)
