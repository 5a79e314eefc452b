"""Since when and until when plays did something about accounts: what those did then is not what they would
have done."""

from collections.abc import Sequence
from typing import NamedTuple

from stemtide.dunning.ledger import Entry, Kind
from stemtide.plays import telling
from stemtide.plays.labels import Label
from stemtide.plays.play import Journey, Play


class Treated(NamedTuple):
    """An account that a play did something about, from an instant (epoch ms) until the halt or the outcome;
    `until_ms` None: it goes on."""

    account: str
    journey: Journey
    from_ms: int
    until_ms: int | None


def by_label(label: Label) -> Treated | None:
    """What the label of a play's outcome says; None: nothing was done."""
    if not label.is_treated:
        return None
    return Treated(label.account, label.journey, label.from_ms, label.until_ms)


def by_ledger(play: Play, entries: Sequence[Entry]) -> Treated | None:
    """The same of a play whose outcome is not known yet, or never will be."""
    is_offered = any(entry.kind is Kind.OFFER for entry in entries)
    if play.held_out or not (telling.treatments(entries) or is_offered):
        return None
    until_ms = play.ended_ms if play.halted_ms is None else play.halted_ms
    return Treated(play.account, play.journey, play.opened_ms, until_ms)
