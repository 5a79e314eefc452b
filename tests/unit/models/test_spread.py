"""How far rates of accounts vary beyond those of independent rows."""

import numpy as np
import pytest

from models.spread import design_effect


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
