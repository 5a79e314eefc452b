"""What the routes about episodes show of plays: their outcome, their tasks, their offers."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, Literal

from stemtide.as_of import as_of_text
from stemtide.dunning.decide import Ending
from stemtide.dunning.ledger import Entry, Kind
from stemtide.http.account_bodies import Instant
from stemtide.http.bodies import Body
from stemtide.plays.play import Outcome, Play

OUTCOME: Final = "outcome"
"""What a play waits for once nothing is done any more."""

CameOf = Literal["reactivated", "lost", "saved", "churned", "unobserved"]
"""The values of `plays.play.Outcome`: as an enum its schema would share a name with that of a charge's."""


class Ends(StrEnum):
    """How an episode ends: one of dunning by its ending, a play by its outcome, or by a halt before it."""

    RECOVERED = Ending.RECOVERED
    SETTLED = Ending.SETTLED
    CANCELED = Ending.CANCELED
    EXHAUSTED = Ending.EXHAUSTED
    UNRESOLVED = Ending.UNRESOLVED
    HELD = Ending.HELD
    PAUSED = Ending.PAUSED
    HALTED = "halted"
    REACTIVATED = Outcome.REACTIVATED
    LOST = Outcome.LOST
    SAVED = Outcome.SAVED
    CHURNED = Outcome.CHURNED
    UNOBSERVED = Outcome.UNOBSERVED


class EpisodeTask(Body, frozen=True):
    """A task of the account's CSM, told by mail where it has a `key`; `reason` is what the mail service said
    of that mail, null if it was sent as planned."""

    at: Instant
    step: str | None
    template: str | None
    reason: str | None
    key: str | None


class EpisodeOffer(Body, frozen=True):
    """A discount of `percent` for some `months`, taken by `code` until `expires`; `cost` is what it costs at
    most, in minor units of `currency`. `claimed` is one of which the provider has not answered yet; of one
    that was `withheld` before it was found the terms are null."""

    at: Instant
    state: Literal["claimed", "made", "withheld"]
    step: str | None
    percent: int | None
    months: int | None
    code: str | None
    expires: Instant | None
    cost: int | None
    currency: str | None
    reason: str | None
    provider_id: str | None


def of_play(play: Play) -> dict[str, Any]:
    """The fields of a summary, where a play has them; those of dunning alone are left out."""
    over_ms = play.ended_ms if play.halted_ms is None else play.halted_ms
    ending: str | None = play.outcome if play.halted_ms is None else Ends.HALTED
    next_action, next_ms = play.next_reason, play.next_ms
    if play.halted_ms is not None and not play.is_over:
        next_action, next_ms = OUTCOME, play.until_ms
    return {
        "customer": play.customer,
        "state": "running" if over_ms is None else "ended",
        "started": as_of_text(play.started_ms),
        "cause": play.cause,
        "tier": play.tier,
        "held_out": play.held_out,
        "next_action": next_action,
        "next_at": text(next_ms),
        "ended": text(over_ms),
        "ending": None if ending is None else Ends(ending),
        "ending_reason": play.outcome_reason if play.halted_ms is None else play.halt_reason,
        "outcome": play.outcome,
        "outcome_at": text(play.outcome_ms),
        "outcome_reason": play.outcome_reason,
        "cost": play.cost,
        "currency": None if play.cost is None else play.currency,
    }


def tasks(entries: Sequence[Entry]) -> list[EpisodeTask]:
    """The tasks among entries."""
    return [
        EpisodeTask(
            at=as_of_text(one.at_ms),
            step=one.step,
            template=one.template,
            reason=one.reason,
            key=one.key or None,
        )
        for one in entries
        if one.kind is Kind.TASK
    ]


def offers(entries: Sequence[Entry]) -> list[EpisodeOffer]:
    """The offers among entries, which are in order."""
    return [_offer(claim, result) for claim, result in _offered(entries)]


def _offered(entries: Sequence[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Claims and what became of them; what was withheld outright has no claim."""
    claim: Entry | None = None
    for entry in entries:
        if entry.kind is Kind.OFFER_CLAIMED:
            claim = entry
        elif entry.kind in (Kind.OFFER, Kind.OFFER_WITHHELD):
            yield claim, entry
            claim = None
    if claim is not None:
        yield claim, None


def _offer(claim: Entry | None, result: Entry | None) -> EpisodeOffer:
    made = result if result is not None and result.kind is Kind.OFFER else None
    told, terms = result or claim, made or claim
    assert told is not None
    return EpisodeOffer(
        at=as_of_text(told.at_ms),
        state="claimed" if result is None else "withheld" if made is None else "made",
        step=told.step or (claim.step if claim else None),
        percent=None if terms is None else terms.percent,
        months=None if terms is None else terms.months,
        code=None if made is None else made.code,
        expires=None if made is None else text(made.expires_ms),
        cost=None if terms is None else terms.amount,
        currency=None if terms is None else terms.currency,
        reason=told.reason,
        provider_id=None if made is None else made.provider_id,
    )


def text(at_ms: int | None) -> str | None:
    """An instant as text, if there is one."""
    return None if at_ms is None else as_of_text(at_ms)
