"""A ledger that lacks anything is found out, and a whole one is left in peace."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.dunning.audit import gaps
from stemtide.dunning.decide import Ending
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Outcome
from stemtide.dunning.ledger import Entry, Kind

from tests.dunning_episodes import FIRST, NOW, entry, episode


def charge(seq: int, kind: Kind, key: str = "k") -> Entry:
    outcome = Outcome.DECLINED if kind is Kind.CHARGE else None
    return msgspec.structs.replace(entry(seq, kind), key=key, outcome=outcome)


WHOLE = (
    FIRST,
    charge(2, Kind.CHARGE_CLAIMED),
    charge(3, Kind.CHARGE),
    entry(4, Kind.MAIL),
    entry(5, Kind.ENDED),
)


def row(seq: int, *, over: bool) -> Episode:
    ending = {"ended_ms": NOW, "ending": Ending.RECOVERED} if over else {}
    return msgspec.structs.replace(episode(), seq=seq, **ending)


@given(st.permutations(WHOLE))
def test_a_whole_ledger_has_no_gap_in_whatever_order_it_comes(entries: list[Entry]) -> None:
    assert gaps(row(5, over=True), entries) == ()


@given(st.sets(st.integers(1, 5), min_size=1))
def test_whatever_is_missing_is_named(missing: set[int]) -> None:
    left = [one for one in WHOLE if one.seq not in missing]

    named = f"missing: {', '.join(map(str, sorted(missing)))} of 5"
    assert named in gaps(row(5, over=True), left)


@pytest.mark.parametrize(
    ("episode_row", "entries", "told"),
    [
        (row(2, over=False), [FIRST, entry(2), entry(2)], "there more than once: 2"),
        (row(1, over=False), [FIRST, entry(2)], "not known to the episode: 2"),
        (row(2, over=False), [FIRST, charge(2, Kind.CHARGE)], "2: a charge that was never claimed"),
        (
            row(3, over=True),
            [FIRST, charge(2, Kind.CHARGE_CLAIMED), entry(3, Kind.ENDED)],
            "2: a claim whose charge was never told",
        ),
        (row(1, over=False), [entry(1, Kind.MAIL)], "1: mail instead of opened"),
        (row(2, over=False), [entry(2)], "missing: 1 of 2"),
        (
            row(3, over=False),
            [FIRST, charge(2, Kind.MAIL), charge(3, Kind.CHARGE)],
            "3: a charge that was never claimed",
        ),
        (
            row(4, over=True),
            [FIRST, charge(2, Kind.CHARGE_CLAIMED), charge(3, Kind.CANCELED), entry(4, Kind.ENDED)],
            "2: a claim whose charge was never told",
        ),
        (row(2, over=False), [entry(1, Kind.TASK), entry(2)], "1: task instead of opened"),
        (
            row(3, over=True),
            [FIRST, charge(2, Kind.CHARGE_CLAIMED), charge(3, Kind.CHARGE)],
            "the episode is over, and its ledger does not end",
        ),
        (row(2, over=True), [FIRST, entry(2)], "the episode is over, and its ledger does not end"),
        (row(2, over=False), [FIRST, entry(2, Kind.ENDED)], "the ledger has ended, and the episode runs"),
        (
            row(4, over=False),
            [FIRST, charge(2, Kind.CHARGE_CLAIMED), charge(3, Kind.CHARGE, "other"), entry(4)],
            "3: a charge that was never claimed",
        ),
    ],
)
def test_what_does_not_belong_together_is_told_and_nothing_else(
    episode_row: Episode, entries: list[Entry], told: str
) -> None:
    assert gaps(episode_row, entries) == (told,)


def test_a_charge_of_unknown_outcome_is_no_gap_while_the_episode_runs() -> None:
    assert gaps(row(2, over=False), [FIRST, charge(2, Kind.CHARGE_CLAIMED)]) == ()


def test_an_episode_that_was_given_up_is_whole() -> None:
    told = [FIRST, charge(2, Kind.CANCEL_CLAIMED, "c"), charge(3, Kind.CANCELED, "c"), entry(4, Kind.ENDED)]

    assert gaps(row(4, over=True), told) == ()


def test_a_row_without_entries_has_no_gap() -> None:
    assert gaps(row(0, over=False), []) == ()
