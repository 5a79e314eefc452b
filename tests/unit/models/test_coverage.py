"""Whether intervals held: what is predicted, and what is not."""

import numpy as np
import pytest
from scipy.stats import beta
from stemtide.scoring.manifest import Bin

from models import calibrate, coverage


def served(positives: int, rows: int, upper: float = 1.0) -> Bin:
    low, high = calibrate.clopper_pearson(positives, rows)
    return Bin(upper=upper, rows=rows, positives=positives, low=low, high=high)


@pytest.mark.parametrize(("low", "high"), [(0.01, 0.03), (0.2, 0.5), (0.9, 0.99), (0.0, 0.2), (0.8, 1.0)])
def test_the_belief_has_the_intervals_ends_as_its_quantiles(low: float, high: float) -> None:
    a, b = coverage.belief(low, high)

    found = beta.ppf([0.05, 0.95], a, b)
    assert found == pytest.approx([low, high], rel=0.02, abs=1e-5)


def test_nine_in_ten_of_true_intervals_hold() -> None:
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(300):
        rate = rng.uniform(0.02, 0.4)
        bin_ = served(int(rng.binomial(400, rate)), 400)
        held += coverage.is_held(bin_, 150, int(rng.binomial(150, rate)), effect=1.0)

    assert 0.85 <= held / 300 <= 0.95


def test_a_rate_far_from_what_was_promised_does_not_hold() -> None:
    assert not coverage.is_held(served(40, 400), 400, 80, effect=1.0)
    assert not coverage.is_held(served(40, 400), 400, 8, effect=1.0)
    assert coverage.is_held(served(40, 400), 400, 42, effect=1.0)


def test_a_small_later_sample_refutes_nothing() -> None:
    assert coverage.is_held(served(40, 400), 8, 0, effect=1.0)
    assert coverage.is_held(served(40, 400), 400, 60, effect=8.0)
    assert not coverage.is_held(served(40, 400), 400, 60, effect=1.0)


def test_rows_that_repeat_an_outcome_count_once() -> None:
    rng = np.random.default_rng(2)
    alone = rng.random(2000) < 0.2
    place = np.zeros(8000, dtype=np.int64)
    accounts = np.array([f"a{i}" for i in range(2000)])

    effect = coverage.design_effect(np.repeat(alone, 4), place, np.repeat(accounts, 4))

    assert effect == pytest.approx(4, abs=0.01)
    assert coverage.design_effect(alone, place[:2000], accounts) == pytest.approx(1, abs=0.01)


def test_without_outcomes_an_accounts_rows_are_one() -> None:
    nobody = np.zeros(12, dtype=bool)

    assert coverage.design_effect(nobody, np.zeros(12, dtype=np.int64), np.repeat(["a", "b", "c"], 4)) == 4


def test_bins_are_those_that_are_served_and_empty_ones_do_not_count() -> None:
    bins = (served(10, 1000, 0.02), served(40, 400, 0.2), served(30, 60))
    p = np.array([0.01] * 100 + [0.02] * 100)
    y = np.array([False] * 99 + [True] + [True] * 70 + [False] * 30)

    found = coverage.coverage(y, p, np.array([f"a{i}" for i in range(200)]), bins)

    assert (found.bins, found.covered, found.share) == (2, 1, 0.5)
    assert coverage.places_of(np.array([0.0199, 0.02, 0.2, 1.0]), bins).tolist() == [0, 1, 2, 2]
