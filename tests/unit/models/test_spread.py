"""How far rates vary beyond independent rows: exact where it can be said, by moments where it is drawn."""

import numpy as np
import pytest
from scipy.special import expit, logit

from models.spread import MAX_STRETCHES, STEADY, Drift, design_effect, drift


def names(numbers: np.ndarray) -> np.ndarray:
    return np.array([f"acct-{number}" for number in numbers])


def one_bin(rows: int) -> np.ndarray:
    return np.zeros(rows, dtype=np.int64)


def test_rows_of_accounts_of_their_own_are_worth_what_they_count() -> None:
    y = np.random.default_rng(1).random(300) < 0.2

    for place in (one_bin(300), np.arange(300) % 4):
        assert design_effect(y, place, names(np.arange(300))) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("times", [2, 7])
def test_rows_that_are_said_again_count_once(times: int) -> None:
    y = np.random.default_rng(1).random(60) < 0.3

    found = design_effect(np.tile(y, times), one_bin(60 * times), names(np.tile(np.arange(60), times)))

    assert found == pytest.approx(times)


def test_the_variance_is_pooled_over_the_bins_of_their_own_rates() -> None:
    """Bin 0: account a 2 of 2, b 0 of 2, rate 1/2: (2 - 1)^2 + (0 - 1)^2 over 4/4. Bin 1: a 1 of 1, b 0 of 3,
    rate 1/4: (1 - 1/4)^2 + (0 - 3/4)^2 over 3/4."""
    y = np.array([True, True, False, False, True, False, False, False])
    place = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    accounts = np.array(["a", "a", "b", "b", "a", "b", "b", "b"])

    assert design_effect(y, place, accounts) == pytest.approx((2 + 9 / 8) / (1 + 3 / 4))


def test_accounts_of_which_each_half_leaves_are_no_reason_for_more_certainty() -> None:
    assert design_effect(np.arange(40) % 2 == 0, one_bin(40), names(np.arange(40) // 2)) == 1


@pytest.mark.parametrize("outcome", [True, False])
def test_where_all_rates_are_0_or_1_an_accounts_rows_are_one(outcome: bool) -> None:
    y = np.full(60, outcome)

    assert design_effect(y, one_bin(60), names(np.arange(60) // 4)) == 4
    assert design_effect(y, one_bin(60), names(np.zeros(60, dtype=np.int64))) == 60
    assert design_effect(y[:0], one_bin(0), names(np.arange(0))) == 1


def test_of_drawn_accounts_the_effect_is_that_of_their_correlation() -> None:
    """Five rows of an account, correlated by 0.3: 1 + 4 x 0.3."""
    rng = np.random.default_rng(2)
    accounts = names(np.arange(500) // 5)
    found = []
    for _ in range(200):
        same = np.repeat(rng.random(100), 5) < np.repeat(0.2, 500)
        own = rng.random(500) < 0.2
        follows = rng.random(500) < np.sqrt(0.3)
        found.append(design_effect(np.where(follows, same, own), one_bin(500), accounts))

    assert np.mean(found) == pytest.approx(1 + 4 * 0.3, rel=0.04)


def stretches(expected: list[float], observed: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """100 rows a day, of so many positives: labels, probabilities and days."""
    y = np.concatenate([np.arange(100) < count for count in observed])
    return y, np.repeat(np.array(expected) / 100, 100), np.repeat(np.arange(len(expected)), 100)


def spread(expected: list[float], observed: list[int], effect: float = 1.0) -> float:
    return drift(*stretches(expected, observed), effect).spread


@pytest.mark.parametrize("effect", [1.0, 2.5])
def test_the_drift_by_hand(effect: float) -> None:
    """The shifts are (o + 1/2) / (e + 1/2) in logs, times e / (e (1 - e / 100)); the weights e (1 - e / 100)
    over the effect."""
    shift = np.log([2.5 / 10.5, 60.5 / 40.5, 30.5 / 30.5, 33.5 / 20.5]) / [0.9, 0.6, 0.7, 0.8]
    weight = np.array([9, 24, 21, 16]) / effect
    mean = np.average(shift, weights=weight)
    excess = (weight * (shift - mean) ** 2).sum() - 3
    expected = np.sqrt(excess / (weight.sum() - (weight**2).sum() / weight.sum()))

    found = drift(*stretches([10, 40, 30, 20], [2, 60, 30, 33]), effect)

    assert found.stretches == 4, "each day is one of the eight that there may be"
    assert found.spread == pytest.approx(expected)


def test_a_level_that_is_wrong_all_the_time_is_no_drift() -> None:
    assert spread([10] * 4, [30] * 4) == 0
    assert spread([10] * 4, [15, 45, 15, 45]) > 0.3


def test_of_too_few_stretches_nothing_is_said() -> None:
    """Ten of a hundred vary by nine."""
    moved = [0, 40, 0, 40]

    assert drift(*stretches([10] * 4, moved), 1.0).spread > 0
    assert drift(*stretches([10] * 3, moved[:3]), 1.0) == STEADY, "five stretches by variance, three of days"
    assert drift(*stretches([5.2] * 4, moved), 1.0) == STEADY, "four times 4.93"
    y, p, day = stretches([20] * 4, moved)
    assert drift(y, p, day * 0, 1.0) == STEADY
    assert STEADY.reach(0.9) == 0


def test_a_stretch_that_may_vary_by_five_counts() -> None:
    """Twenty of one half vary by five exactly."""
    y = np.concatenate([np.arange(20) < count for count in (2, 18, 2, 18)])

    found = drift(y, np.full(80, 0.5), np.repeat(np.arange(4), 20), 1.0)

    assert found.stretches == 4
    assert found.spread > 1


def test_there_are_as_many_stretches_as_the_rows_can_vary_by_five() -> None:
    """Sixteen days of 1.5 expected positives each: four and four of them are one stretch."""
    found = drift(*stretches([1.5] * 16, [0, 0, 0, 0, 5, 5, 5, 5] * 2), 1.0)

    assert found.stretches == 4
    assert found.spread > 1


def test_a_stretch_that_may_hardly_vary_is_left_out() -> None:
    """Whatever its positives are: it expects few, or nearly all."""
    expected = [10, 10, 4, 10, 10, 97]
    few, many = ([10, 20, times, 20, 10, 100 - times] for times in (0, 90))

    found = drift(*stretches(expected, few), 1.0)

    assert found == drift(*stretches(expected, many), 1.0)
    assert found.stretches == 4


def test_there_are_eight_stretches_at_most() -> None:
    """Sixteen days in turn: two and two of them are one stretch, and cancel out."""
    assert MAX_STRETCHES == 8
    assert drift(*stretches([40] * 16, [20, 60] * 8), 1.0) == Drift(spread=0.0, stretches=8)
    assert spread([40] * 8, [20, 60] * 4) > 0.3


def test_rows_that_are_certain_are_no_stretches() -> None:
    y, p, day = stretches([100] * 8, [100] * 8)

    assert drift(y, p, day, 1.0) == STEADY


def moments(tau: float, *, rate: float = 0.06, effect: int = 1, told: float | None = None) -> float:
    """The mean squared drift of eight periods whose log odds move by tau; rows are said `effect` times."""
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange(8), 600)
    found = []
    for _ in range(200):
        moved = expit(logit(rate) + tau * rng.normal(size=8))
        y = np.repeat(rng.random(4800 // effect) < moved[day[::effect]], effect)
        p = np.full(4800, rate)
        found.append(drift(y, p, day, float(effect if told is None else told)).spread ** 2)
    return float(np.mean(found))


def test_constant_rates_hardly_drift_and_periods_drift_by_their_spread() -> None:
    own_variance = 1 / (600 * 0.06 * 0.94)

    assert moments(0.0) < own_variance / 2
    assert moments(0.5) == pytest.approx(0.5**2, rel=0.12)
    assert moments(0.25) == pytest.approx(0.25**2, rel=0.25)
    assert moments(0.25, rate=0.4) == pytest.approx(0.25**2, rel=0.12), "log odds, not rates"


def test_what_clusters_make_of_the_counts_is_no_drift() -> None:
    own_variance = 6 / (600 * 0.06 * 0.94)

    assert moments(0.0, effect=6) < 0.7 * own_variance
    assert moments(0.0, effect=6, told=1.0) > own_variance


def test_a_new_stretch_lies_within_reach_of_the_known_ones_mean_in_nine_of_ten_cases() -> None:
    """Student's t of as many stretches but one (7: 1.895, 3: 2.353), and what the mean itself is known by."""
    assert Drift(spread=0.2, stretches=8).reach(0.9) == pytest.approx(0.2 * 1.8946 * np.sqrt(9 / 8), rel=1e-4)
    assert Drift(spread=0.2, stretches=4).reach(0.9) == pytest.approx(0.2 * 2.3534 * np.sqrt(5 / 4), rel=1e-4)
    assert Drift(spread=0.2, stretches=4).reach(0.8) == pytest.approx(0.2 * 1.6377 * np.sqrt(5 / 4), rel=1e-4)
    moves = np.random.default_rng(6).normal(size=(4000, 9))
    own = moves[:, :8].std(axis=1, ddof=1)
    reach = np.array([Drift(spread=float(one), stretches=8).reach(0.9) for one in own])
    assert np.mean(np.abs(moves[:, 8] - moves[:, :8].mean(axis=1)) <= reach) == pytest.approx(0.9, abs=0.015)
