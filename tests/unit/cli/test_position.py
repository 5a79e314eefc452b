import itertools
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from stemtide_cli import position
from stemtide_cli.position import END, START, Position

INTERVALS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda ends: ((min(ends), 0), (max(ends), 0))),
    max_size=8,
)


def keys(intervals: object) -> set[int]:
    return {key for low, high in intervals for key in range(low[0], high[0])}  # type: ignore[attr-defined]


@given(INTERVALS)
def test_merged_intervals_hold_the_same_keys_ascending_and_apart(intervals: list[position.Interval]) -> None:
    merged = position.merge(tuple(intervals))

    assert keys(merged) == keys(intervals)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(merged))


@given(INTERVALS, st.integers(0, 20), st.integers(0, 20))
def test_gaps_are_exactly_what_is_wanted_and_not_covered(
    intervals: list[position.Interval], low: int, high: int
) -> None:
    wanted = ((min(low, high), 0), (max(low, high), 0))
    covered = position.merge(tuple(intervals))

    found = position.gaps(wanted, covered)

    assert keys(found) == keys([wanted]) - keys(covered)
    assert found == sorted(found)


def test_a_position_survives_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    first = Position(incarnation=17, mapping="m", packing="p", covered=((START, (5, 3)),))
    half = first.cover(((5, 3), (9, 0)), sent=3, skipped={"no_account": 1}).within(((9, 0), END), 2)

    position.save(path, first)
    position.save(path, half)

    assert position.load(path) == half
    assert position.load(tmp_path / "none.json") is None


def test_a_covered_chunk_ends_what_was_pending_and_adds_up() -> None:
    at = Position(incarnation=1, mapping="m", packing="p").within((START, (5, 0)), 3)

    at = at.cover((START, (5, 0)), sent=7, skipped={"no_account": 2}).skip({"no_account": 1, "no_event": 4})

    assert at.pending is None
    assert at.covered == ((START, (5, 0)),)
    assert (at.sent, at.skipped) == (7, {"no_account": 3, "no_event": 4})
