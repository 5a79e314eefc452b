"""Draws of accounts: all at once equals one after the other."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from models import resampling


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores with many ties, and accounts of several rows."""
    rng = np.random.default_rng(8)
    score = np.round(rng.random(240), 1)
    return rng.random(240) < 0.15 + 0.4 * score, score, np.array([f"a{i % 60}" for i in range(240)])


Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def repeated(draws: resampling.Draws, draw: int) -> np.ndarray:
    """The rows of a draw, as often as they were drawn."""
    weights = draws.weights[draw].astype(int)
    return np.repeat(np.arange(len(draws.account)), weights[draws.account])


def test_each_draw_has_the_areas_of_its_repeated_rows(drawn: Rows) -> None:
    y, score, accounts = drawn
    draws = resampling.draws_of(accounts, seed=4, draws=120)

    rocs, prs = resampling.auc_rocs(y, score, draws), resampling.auc_prs(y, score, draws)

    for draw in (0, 49, 50, 119):
        rows = repeated(draws, draw)
        assert rocs[draw] == pytest.approx(roc_auc_score(y[rows], score[rows]), abs=1e-12)
        assert prs[draw] == pytest.approx(average_precision_score(y[rows], score[rows]), abs=1e-12)


def test_the_interval_of_a_difference_is_that_of_pairs(drawn: Rows) -> None:
    y, score, accounts = drawn
    other = np.random.default_rng(1).random(len(y))
    draws = resampling.draws_of(accounts, seed=3, draws=100)

    gap = resampling.interval(resampling.auc_rocs(y, score, draws) - resampling.auc_rocs(y, other, draws))

    picks = [repeated(draws, draw) for draw in range(100)]
    brute = [roc_auc_score(y[r], score[r]) - roc_auc_score(y[r], other[r]) for r in picks]
    assert gap == pytest.approx(tuple(np.quantile(brute, (0.025, 0.975))), abs=1e-12)


def test_a_model_does_not_differ_from_itself(drawn: Rows) -> None:
    y, score, accounts = drawn
    draws = resampling.draws_of(accounts, seed=3, draws=50)

    same = resampling.auc_rocs(y, score, draws) - resampling.auc_rocs(y, score * 2, draws)

    assert resampling.interval(same) == (0.0, 0.0)


def test_the_same_seed_draws_the_same(drawn: Rows) -> None:
    accounts = drawn[2]
    one, again, other = (resampling.draws_of(accounts, seed=seed, draws=20).weights for seed in (1, 1, 2))

    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert set(one.sum(axis=1).tolist()) == {60}


def test_what_cannot_be_measured_has_no_interval(drawn: Rows) -> None:
    _, score, accounts = drawn
    draws = resampling.draws_of(accounts, seed=1, draws=10)
    nobody = np.zeros(len(score), dtype=bool)

    assert resampling.interval(resampling.auc_rocs(nobody, score, draws)) is None
    assert resampling.interval(resampling.auc_prs(nobody, score, draws)) is None
    assert resampling.interval(resampling.auc_rocs(nobody[:0], score[:0], draws.among(nobody))) is None
    assert resampling.known(float("nan")) is None
