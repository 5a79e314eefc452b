"""The arrival days that an item notes: exact while there are few runs of days, a superset beyond that."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.limits import MAX_ARRIVAL_INTERVALS
from stemtide.state import add_interval

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 4)), max_size=30).map(
    lambda found: [(first, first + length) for first, length in found]
)


def noted(spans: Iterable[tuple[int, int]]) -> list[int]:
    intervals: list[int] = []
    for first, last in spans:
        intervals = add_interval(intervals, first, last)
    return intervals


def days_in(intervals: list[int]) -> set[int]:
    pairs = zip(intervals[::2], intervals[1::2], strict=True)
    return {day for first, last in pairs for day in range(first, last + 1)}


@given(spans=SPANS)
def test_the_days_are_all_there_in_few_runs_with_exact_ends(spans: list[tuple[int, int]]) -> None:
    intervals = noted(spans)

    wanted = {day for first, last in spans for day in range(first, last + 1)}
    assert days_in(intervals) >= wanted
    assert intervals == sorted(intervals)
    assert len(intervals) <= 2 * MAX_ARRIVAL_INTERVALS
    assert set(intervals) <= wanted
    apart = zip(intervals[1::2], intervals[2::2], strict=False)
    assert all(start > end + 1 for end, start in apart)
    if len(intervals) < 2 * MAX_ARRIVAL_INTERVALS and len(spans) <= MAX_ARRIVAL_INTERVALS:
        assert days_in(intervals) == wanted


@pytest.mark.parametrize(
    ("added", "intervals"),
    [
        ((10, 10), [10, 12, 20, 22]),
        ((22, 22), [10, 12, 20, 22]),
        ((20, 22), [10, 12, 20, 22]),
        ((21, 23), [10, 12, 20, 23]),
        ((19, 21), [10, 12, 19, 22]),
        ((13, 13), [10, 13, 20, 22]),
        ((9, 9), [9, 12, 20, 22]),
        ((14, 14), [10, 12, 14, 14, 20, 22]),
        ((8, 8), [8, 8, 10, 12, 20, 22]),
        ((12, 20), [10, 22]),
        ((13, 19), [10, 22]),
        ((14, 18), [10, 12, 14, 18, 20, 22]),
        ((0, 99), [0, 99]),
    ],
)
def test_a_span_is_joined_to_the_runs_it_touches(added: tuple[int, int], intervals: list[int]) -> None:
    assert add_interval([10, 12, 20, 22], *added) == intervals


def test_a_span_within_a_run_leaves_it_as_it_is() -> None:
    assert add_interval([1, 3, 10, 20, 30, 40], 12, 15) == [1, 3, 10, 20, 30, 40]


def test_beyond_the_bound_the_two_closest_runs_become_one() -> None:
    apart = [day for at in range(MAX_ARRIVAL_INTERVALS) for day in (100 * at, 100 * at + 1)]

    assert add_interval(apart, 340, 341) == [*apart[:6], 300, 341, *apart[8:]]
    assert add_interval(apart, 370, 371) == [*apart[:8], 370, 401, *apart[10:]]
    assert add_interval(apart, -5, -4) == [-5, 1, *apart[2:]]
    assert add_interval(apart, 705, 706) == [*apart[:-2], 700, 706]


def test_the_closest_runs_are_those_with_the_least_days_between_them() -> None:
    """However long they are: neither their beginnings nor their ends tell."""
    many = [day for at in range(2, MAX_ARRIVAL_INTERVALS) for day in (1000 * at, 1000 * at + 1)]

    long_second = add_interval([0, 9, *many, 90_000, 90_900], 12, 500)
    long_first = add_interval([0, 900, *many, 90_000, 90_001], 903, 904)

    assert long_second == [0, 500, *many, 90_000, 90_900]
    assert long_first == [0, 904, *many, 90_000, 90_001]
    short_gap = add_interval([0, 1, 9, 10, *many[2:], 90_000, 90_700], 90_704, 99_000)
    assert short_gap == [0, 1, 9, 10, *many[2:], 90_000, 99_000]
