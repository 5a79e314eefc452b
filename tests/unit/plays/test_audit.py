"""The ledger of a play that lacks anything is found out, and a whole one is left in peace."""

from typing import Any

import msgspec
import pytest
from stemtide.dunning.ledger import Entry, Kind
from stemtide.plays.audit import gaps
from stemtide.plays.play import Outcome, Play

from tests.played import HOUR, NOW, mailed, offered, win_back

FIRST = Entry(seq=1, at_ms=NOW, kind=Kind.OPENED)


def row(seq: int, **more: Any) -> Play:
    return msgspec.structs.replace(win_back(), seq=seq, **more)


def entry(seq: int, kind: Kind) -> Entry:
    return Entry(seq=seq, at_ms=NOW + seq * HOUR, kind=kind)


OVER: dict[str, Any] = {"ended_ms": NOW, "outcome": Outcome.LOST}
HALTED: dict[str, Any] = {"halted_ms": NOW, "halt_reason": "opted_out"}
CLAIMED, MADE = offered(2, NOW)


@pytest.mark.parametrize(
    ("play", "entries"),
    [
        (row(1), [FIRST]),
        (row(2), [FIRST, CLAIMED]),
        (row(3), [FIRST, CLAIMED, MADE]),
        (row(2), [FIRST, entry(2, Kind.OFFER_WITHHELD)]),
        (row(4, **HALTED), [FIRST, CLAIMED, entry(3, Kind.OFFER_WITHHELD), entry(4, Kind.HALTED)]),
        (row(4, **OVER), [FIRST, CLAIMED, MADE, entry(4, Kind.ENDED)]),
        (row(3, **OVER, **HALTED), [FIRST, entry(2, Kind.HALTED), entry(3, Kind.ENDED)]),
    ],
)
def test_a_whole_ledger_has_no_gap(play: Play, entries: list[Entry]) -> None:
    assert gaps(play, entries) == ()
    assert gaps(play, entries[::-1]) == ()


@pytest.mark.parametrize(
    ("play", "entries", "told"),
    [
        (row(3), [FIRST, mailed(3, NOW)], "missing: 2 of 3"),
        (row(2), [FIRST, mailed(2, NOW), mailed(2, NOW)], "there more than once: 2"),
        (row(1), [FIRST, mailed(2, NOW)], "not known to the episode: 2"),
        (row(2), [FIRST, entry(2, Kind.OFFER)], "2: an offer that was never claimed"),
        (
            row(3, **OVER),
            [FIRST, CLAIMED, entry(3, Kind.ENDED)],
            "2: a claim whose offer was never told",
        ),
        (
            row(3, **HALTED),
            [FIRST, CLAIMED, entry(3, Kind.HALTED)],
            "2: a claim whose offer was never told",
        ),
        (
            row(4),
            [FIRST, CLAIMED, entry(3, Kind.OFFER_CLAIMED), entry(4, Kind.OFFER)],
            "3: claims an offer that is claimed already",
        ),
        (row(1, **HALTED), [FIRST], "the play was halted, and its ledger does not say so"),
        (row(2), [FIRST, entry(2, Kind.HALTED)], "2: halted, and the play goes on"),
        (row(2, **OVER), [FIRST, mailed(2, NOW)], "the episode is over, and its ledger does not end"),
        (row(1), [mailed(1, NOW)], "1: mail instead of opened"),
    ],
)
def test_what_does_not_belong_together_is_told_and_nothing_else(
    play: Play, entries: list[Entry], told: str
) -> None:
    assert gaps(play, entries) == (told,)
