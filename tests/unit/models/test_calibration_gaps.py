"""Bins on either side of a gap in the probabilities, and where one ends and the next begins."""

import numpy as np
import pytest
from scipy.special import expit, logit
from stemtide.scoring.confidence import bin_of

from models import calibrate


@pytest.mark.parametrize(("rows", "together"), [(199, True), (200, False)])
def test_rows_on_either_side_of_a_gap_share_no_bin(rows: int, together: bool) -> None:
    p = np.concatenate([np.full(rows, 0.002), np.linspace(0.1, 0.3, 400)])
    y = np.arange(len(p)) % 5 == 0
    y[:rows] = False
    accounts = np.arange(len(p)).astype(str)

    found = calibrate.bins(p, y, accounts)

    assert (found[0].rows != rows) is together
    if not together:
        assert found[0].upper == calibrate.half_way(0.002, 0.1)
        assert found[0].low <= 0.002 <= found[0].high < found[1].low


def levels(*parts: tuple[int, float]) -> np.ndarray:
    """So many rows of each log odds."""
    return np.concatenate([np.full(rows, expit(odds)) for rows, odds in parts])


def gaps(p: np.ndarray, weight: float = 1.0) -> list[int]:
    return calibrate._gaps(p, np.full(len(p), weight))


def starts_of(p: np.ndarray, y: np.ndarray) -> list[int]:
    return calibrate._starts(p, y, np.ones(len(p)))


def test_a_gap_is_a_factor_of_four_in_the_odds_between_two_hundred_rows_each() -> None:
    over, under = np.log(4.0) + 1e-9, np.log(4.0) - 1e-9

    assert gaps(levels((200, -5.0), (200, -5.0 + over))) == [200]
    assert gaps(levels((200, -5.0), (200, -5.0 + under))) == []
    assert gaps(levels((200, -5.0), (199, -3.0))) == []
    assert gaps(levels((199, -5.0), (200, -3.0))) == []
    assert gaps(levels((200, -6.0), (200, -4.0), (200, -2.0))) == [200, 400]
    assert gaps(levels((200, -6.0), (199, -4.0), (200, -2.0))) == [200]
    assert gaps(np.repeat([0.0, 1.0], 200)) == [200], "these have no log odds"
    assert gaps(np.repeat([0.0, 1e-12], 200)) == [] == gaps(np.repeat([1 - 1e-12, 1.0], 200))
    assert gaps(levels((399, -5.0), (400, -3.0)), 0.5) == [], "half rows"
    assert gaps(levels((400, -5.0), (400, -3.0)), 0.5) == [400]


def test_bins_are_shared_out_by_what_is_expected_on_either_side() -> None:
    def counted(low_rows: int) -> list[int]:
        low, high = np.linspace(0.018, 0.022, low_rows), np.linspace(0.3, 0.5, 500)
        y = np.arange(low_rows + 500) % 5 == 0
        starts = starts_of(np.concatenate([low, high]), y)
        return [sum(start < low_rows for start in starts), sum(start >= low_rows for start in starts)]

    assert counted(10_000) == [5, 5], "200 and 200 are expected"
    assert counted(500) == [1, 10], "10 and 200: a side has one at least"


def test_each_side_of_a_gap_has_its_own_bins() -> None:
    low, high = np.linspace(0.018, 0.022, 400), np.linspace(0.3, 0.5, 400)
    y = np.concatenate([np.zeros(400, dtype=np.bool_), np.arange(400) % 10 == 0])

    starts = starts_of(np.concatenate([low, high]), y)

    assert starts == [0, *(400 + start for start in starts_of(high, y[400:]))]
    assert len(starts) == 5


def test_a_probability_in_a_gap_is_served_the_nearer_bin_by_log_odds() -> None:
    p = np.repeat([0.002, 0.2], 400)
    y = np.arange(800) % 5 == 0
    y[:400] = False

    found = calibrate.bins(p, y, np.arange(800).astype(str))

    assert len(found) == 2
    middle = expit((logit(0.002) + logit(0.2)) / 2)
    assert [bin_of(one, found) for one in (0.002, middle - 1e-9, middle + 1e-9, 0.2)] == [
        found[0],
        found[0],
        found[1],
        found[1],
    ]


@pytest.mark.parametrize("below", [0.0, 1e-12, 0.1, 0.5, np.nextafter(1.0, 0.0)])
def test_half_way_lies_above_the_lower_one_and_not_above_the_upper(below: float) -> None:
    for above in (float(np.nextafter(below, 1.0)), min(1.0, below + 1e-6), 1.0):
        assert below < calibrate.half_way(below, above) <= above


def test_half_way_to_a_certainty_is_half_way_to_what_is_nearly_one() -> None:
    """0 and 1 have no log odds: a billionth inside is taken for them."""
    nearly = logit(1 - 1e-9)

    assert calibrate.half_way(0.3, 1.0) == pytest.approx(expit((logit(0.3) + nearly) / 2), rel=1e-12)
    assert calibrate.half_way(0.0, 0.3) == pytest.approx(expit((logit(0.3) - nearly) / 2), rel=1e-7)
