"""What a play's ledger says of what was done: the steps that are behind it, and its offer."""

from collections.abc import Iterable, Sequence
from typing import Final

from stemtide.dunning.ledger import Entry, Kind
from stemtide.plays.facts import Done, Given, OfferState
from stemtide.scoring.assessment import Tier

BEHIND: Final = (Kind.MAIL, Kind.MAIL_SKIPPED, Kind.TASK)
TREATMENTS: Final = (Kind.MAIL, Kind.TASK)
_STATES: Final = {
    Kind.OFFER_CLAIMED: OfferState.CLAIMED,
    Kind.OFFER: OfferState.MADE,
    Kind.OFFER_WITHHELD: OfferState.WITHHELD,
}


def done(entries: Iterable[Entry]) -> tuple[Done, ...]:
    """The steps that need no doing any more."""
    return tuple(
        Done(step=entry.step, at_ms=entry.at_ms) for entry in entries if entry.kind in BEHIND and entry.step
    )


def offer(entries: Sequence[Entry]) -> Given | None:
    """The play's offer as it stands, None: nothing was decided about one yet."""
    told = [entry for entry in entries if entry.kind in _STATES]
    if not told:
        return None
    last = told[-1]
    return Given(
        state=_STATES[last.kind],
        percent=last.percent or 0,
        months=last.months or 0,
        code=last.code or "",
        promotion=last.provider_id,
        cost=last.amount or 0,
        expires_ms=last.expires_ms or 0,
    )


def treatments(entries: Iterable[Entry]) -> int:
    """How often the account was written to, or a person asked to act."""
    return sum(entry.kind in TREATMENTS for entry in entries)


def entry_tier(entries: Sequence[Entry]) -> Tier | None:
    """The tier in which the account of a retention play came in: its first entry says so."""
    return next((tier for tier in Tier if entries and tier == entries[0].reason), None)
