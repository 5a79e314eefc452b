"""Which rows are fitted, which are tested, and which are neither and why."""

from dataclasses import replace

import numpy as np

from models.dataset import Dataset
from models.evaluate import Split
from models.gather import LeftOut, left_out
from tests.drawn_rows import drawn_rows


def rows_at(*days: int, known_on: tuple[int, ...] | None = None, horizon_days: int = 30) -> Dataset:
    rows = drawn_rows(len(days))
    return replace(
        rows,
        day=np.array(days),
        horizon_days=horizon_days,
        known_on=None if known_on is None else np.array(known_on),
    )


def test_an_outcome_is_known_when_the_horizon_ends_unless_the_row_says_otherwise() -> None:
    assert rows_at(100, 110).outcome_days().tolist() == [130, 140]
    assert rows_at(100, 110, known_on=(134, 121)).outcome_days().tolist() == [134, 121]


def test_the_split_puts_every_row_into_the_fit_the_test_or_neither() -> None:
    rows = rows_at(50, 70, 71, 99, 100, 101, 130, 131, known_on=(80, 100, 101, 131, 129, 131, 160, 162))
    split = Split(fit_until=100, test_from=101, test_until=130)

    assert split.fit_rows(rows).day.tolist() == [50, 70]
    assert split.test_rows(rows).day.tolist() == [101, 130]
    assert split.purged(rows) == 3
    assert left_out(rows, split) == LeftOut(censored=0, purged=3, treated=0)


def test_a_gap_before_the_test_is_purged_and_rows_after_its_end_are_not() -> None:
    rows = rows_at(50, 71, 119, 120, 140, 141)

    assert Split(fit_until=100, test_from=120, test_until=140).purged(rows) == 2
    assert Split(fit_until=None, test_from=120).purged(rows) == 0
    assert Split(fit_until=100, test_from=None).purged(rows) == 0


def test_treated_rows_are_left_out_of_the_fit_counted_and_never_out_of_the_test() -> None:
    rows = replace(
        rows_at(50, 60, 70, 90, 101, 110),
        weight=np.array([1.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
        treated=np.array([False, True, True, True, True, False]),
        censored=9,
    )
    split = Split(fit_until=100, test_from=101)

    assert split.fit_rows(rows).day.tolist() == [50]
    assert split.known_rows(rows).day.tolist() == [50, 60, 70]
    assert split.test_rows(rows).day.tolist() == [101, 110]
    assert split.test_rows(rows).n_treated == 1
    assert left_out(rows, split) == LeftOut(censored=9, purged=1, treated=2)


def test_of_another_log_all_rows_are_fitted_but_those_treated() -> None:
    measured = replace(rows_at(50, 90), censored=2, weight=np.zeros(2))
    fitted = replace(rows_at(10, 90, 200), censored=5, weight=np.array([0.0, 0.5, 1.0]))
    split = Split(fit_until=None, test_from=None)

    assert left_out(measured, split, fitted=fitted) == LeftOut(censored=7, purged=0, treated=1)
    assert split.fit_rows(fitted).day.tolist() == [90, 200]


def test_of_another_log_that_is_fitted_up_to_a_day_rows_known_later_are_purged() -> None:
    fitted = rows_at(10, 69, 70, 71, 100, 101, 150)
    split = Split(fit_until=100, test_from=None)

    assert split.fit_rows(fitted).day.tolist() == [10, 69, 70]
    assert left_out(rows_at(50), split, fitted=fitted) == LeftOut(censored=0, purged=2, treated=0)


def test_rows_are_chosen_with_all_that_is_known_of_them() -> None:
    rows = replace(
        drawn_rows(6),
        known_on=np.arange(6) + 30,
        weight=np.arange(6) / 2,
        treated=np.arange(6) % 2 == 0,
        censored=4,
    )

    masked, placed = rows.where(np.arange(6) >= 4), rows.where(np.array([5, 4, 5]))

    for chosen, places in ((masked, [4, 5]), (placed, [5, 4, 5])):
        for name in ("accounts", "day", "x", "y", "known_on", "weight", "treated"):
            np.testing.assert_array_equal(getattr(chosen, name), getattr(rows, name)[places])
        assert (chosen.censored, chosen.n_treated) == (4, places.count(4))


def test_rows_are_of_a_loss_and_of_no_terms_unless_they_say_otherwise() -> None:
    rows = drawn_rows(2)

    made = Dataset(accounts=rows.accounts, day=rows.day, x=rows.x, y=rows.y, horizon_days=30)

    assert (made.loss, made.of_terms, made.censored, made.n_treated) == (True, False, 0, 0)


def test_snapshots_are_taken_from_a_day_to_another_both_included() -> None:
    rows = rows_at(9, 10, 11, 12, 13)

    assert rows.snapshots_in(10, 12).day.tolist() == [10, 11, 12]
    assert rows.snapshots_in(12, None).day.tolist() == [12, 13]
    assert rows.snapshots_in(None, 10).day.tolist() == [9, 10]
    assert Split(fit_until=None, test_from=None).test_rows(rows).day.tolist() == [9, 10, 11, 12, 13]
