"""Intervals held against later time at several days of a log."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from models.coverage_at_splits import LEAST_LATER, SHARES, held_of
from models.dataset import Dataset
from models.material import Material
from tests.drawn_rows import drawn_rows

FIRST = 19_000


def over_time(rows: Dataset) -> Dataset:
    """The rows on days of a span of 300."""
    return replace(rows, day=FIRST + np.arange(len(rows), dtype=np.int64) * 300 // len(rows))


def spanned() -> Material:
    return cast("Material", cast("Any", SimpleNamespace(first_day=FIRST, last_day=FIRST + 300)))


def test_each_split_is_fitted_to_what_was_known_and_held_against_what_came_later() -> None:
    rows = over_time(drawn_rows(1500, weights={"active_days_30d": -1.5}))

    found = list(held_of(rows, spanned(), seed=1))

    assert [one.until for one in found] == [FIRST + int(share * 300) for share in SHARES]
    held = sum(one.found.covered for one in found), sum(one.found.bins for one in found)
    assert held[0] >= 0.75 * held[1] > 0, "the rate stays"
    for one in found:
        assert one.fitted == rows.y[rows.day + rows.horizon_days <= one.until].sum()
        assert one.later == rows.y[rows.day > one.until].sum()
        assert one.found.bins > 1


def test_intervals_are_missed_where_the_rate_trebles() -> None:
    early, late = drawn_rows(900, base=-2.5), drawn_rows(900, base=0.5, seed=4)
    rows = over_time(replace(early, x=np.concatenate([early.x, late.x]), y=np.concatenate([early.y, late.y]),
                             accounts=np.concatenate([early.accounts, late.accounts]),
                             day=np.concatenate([early.day, late.day])))  # fmt: skip

    [first, *_] = held_of(rows, spanned(), seed=1)

    assert first.found.covered < first.found.bins / 2


def test_splits_with_nothing_to_learn_or_to_hold_against_are_left_out() -> None:
    rows = drawn_rows(600)
    nobody_early = over_time(replace(rows, y=np.arange(600) > 500))
    few_late = over_time(replace(rows, y=(np.arange(600) < 200) | (np.arange(600) > 600 - LEAST_LATER)))

    assert list(held_of(nobody_early, spanned(), seed=1)) == []
    assert list(held_of(few_late, spanned(), seed=1)) == []
