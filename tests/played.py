"""Plays of tests: rows, ledgers and labels, kept in the store as the product keeps them."""

from typing import Any

import msgspec
from stemtide.calls import DAY_MS
from stemtide.config_plays import Cause
from stemtide.dunning.ledger import Entry, Kind
from stemtide.plays.labels import Label
from stemtide.plays.play import Journey, Outcome, Play, play_id
from stemtide.scoring.assessment import Tier
from stemtide.store.plays import PlayTable

NOW = 1_767_603_600_000  # 2026-01-05 09:00 UTC
HOUR = 3_600_000


def win_back(account: str = "acme", began_ms: int = NOW, **more: Any) -> Play:
    """A play about an account whose subscription ended unpaid."""
    given: dict[str, Any] = {
        "policy": "unpaid",
        "cause": Cause.UNPAID,
        "customer": f"cus_{account}",
        "subscription": f"sub_{account}",
        "until_ms": began_ms + 60 * DAY_MS,
        "again_ms": began_ms + 180 * DAY_MS,
    }
    return _play(Journey.WIN_BACK, account, began_ms, **given | more)


def retention(account: str = "acme", began_ms: int = NOW, tier: Tier = Tier.HIGH, **more: Any) -> Play:
    """A play about an account at risk, of which nobody knows a customer."""
    given: dict[str, Any] = {
        "policy": "retention",
        "tier": tier,
        "tier_ms": began_ms,
        "until_ms": began_ms + 60 * DAY_MS,
        "again_ms": began_ms + 90 * DAY_MS,
    }
    return _play(Journey.RETENTION, account, began_ms, **given | more)


def _play(journey: Journey, account: str, began_ms: int, **given: Any) -> Play:
    about = {"mrr": 49_000, "currency": "EUR", "opened_ms": began_ms + HOUR}
    return Play(
        id=play_id(journey, account, str(began_ms)),
        account=account,
        journey=journey,
        started_ms=began_ms,
        **about | given,
    )


def label_of(play: Play, outcome: Outcome, at_ms: int, known_ms: int | None = None, **more: Any) -> Label:
    """The label of a play's outcome; what it says of treatment is given."""
    about = {"cause": play.cause, "tier": play.tier, "entry_tier": play.tier, "held_out": play.held_out}
    return Label(
        play=play.id,
        account=play.account,
        journey=play.journey,
        policy=play.policy,
        outcome=outcome,
        started_ms=play.started_ms,
        from_ms=play.opened_ms,
        at_ms=at_ms,
        known_ms=at_ms if known_ms is None else known_ms,
        reason="subscribed" if outcome is Outcome.REACTIVATED else "time_is_up",
        **about | more,
    )


def opened(table: PlayTable, play: Play) -> Play:
    """A play that has just begun."""
    first = Entry(seq=1, at_ms=play.opened_ms, kind=Kind.OPENED, reason=play.cause or play.tier)
    assert table.open(play, first)
    return _row(table, play)


def over(table: PlayTable, play: Play, label: Label, *told: Entry) -> Play:
    """A play that was opened, did what is told, and came to the outcome of its label."""
    held = opened(table, play)
    end = Entry(
        seq=2 + len(told),
        at_ms=label.known_ms,
        kind=Kind.ENDED,
        reason=f"{label.outcome}: {label.reason}",
        amount=label.cost or None,
        currency=label.currency,
    )
    ended = msgspec.structs.replace(
        held,
        halted_ms=label.halted_ms,
        halt_reason=label.halt_reason,
        ended_ms=label.known_ms,
        outcome=label.outcome,
        outcome_ms=label.at_ms,
        outcome_reason=label.reason,
        cost=label.cost,
    )
    return table.append(ended, [*told, end], label=label)


def mailed(seq: int, at_ms: int, step: str = "hello") -> Entry:
    """A letter that was sent."""
    return Entry(seq=seq, at_ms=at_ms, kind=Kind.MAIL, step=step, template=f"win_back_{step}", key=f"m{seq}")


def offered(seq: int, at_ms: int) -> tuple[Entry, Entry]:
    """An offer that was claimed and made: 20 % of 490 euros for three months."""
    terms: dict[str, Any] = {"percent": 20, "months": 3, "amount": 29_400, "currency": "EUR", "step": "offer"}
    made = {"code": "BACK-ABC", "expires_ms": at_ms + 14 * DAY_MS, "provider_id": "promo_1"}
    return (
        Entry(seq=seq, at_ms=at_ms, kind=Kind.OFFER_CLAIMED, **terms),
        Entry(seq=seq + 1, at_ms=at_ms, kind=Kind.OFFER, **terms, **made),
    )


def _row(table: PlayTable, play: Play) -> Play:
    found = table.read(play.id)
    assert found is not None
    return found[0]
