"""The figures against their textbook definitions."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from models import measures
from models.resampling import auc_rocs, draws_of, interval


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores with many ties."""
    rng = np.random.default_rng(5)
    score = np.round(rng.random(500), 1)
    return rng.random(500) < 0.1 + 0.3 * score, score


def test_areas_and_precision_equal_scikit_learn_with_ties(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = drawn
    precision, recall, _ = precision_recall_curve(y, score)

    assert measures.auc_roc(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert measures.auc_pr(y, score) == pytest.approx(average_precision_score(y, score), abs=1e-12)
    assert measures.precision_at_recall(y, score) == pytest.approx(precision[recall >= 0.8].max(), abs=1e-12)


def test_the_precision_is_that_at_four_fifths_of_the_positives() -> None:
    y = np.array([True] * 4 + [False] * 3 + [True])
    falling = np.arange(8.0)[::-1]

    assert measures.precision_at_recall(y, falling) == 1
    assert measures.precision_at_recall(y, falling, wanted=0.81) == 5 / 8


def test_the_interval_draws_whole_accounts(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = drawn
    alone = np.array([f"a{i}" for i in range(len(y))])
    together = np.array([f"a{i}" for i in range(len(y))] * 4)

    found = interval(auc_rocs(y, score, draws_of(alone, seed=1)))
    repeated = interval(auc_rocs(np.tile(y, 4), np.tile(score, 4), draws_of(together, seed=1)))

    assert found is not None
    assert found[0] < measures.auc_roc(y, score) < found[1]
    assert repeated == pytest.approx(found, abs=1e-12)
    assert interval(auc_rocs(y, score, draws_of(alone, seed=1))) == found


def test_calibration_error_is_the_gap_between_said_and_seen() -> None:
    y = np.array([True] * 20 + [False] * 80)

    assert measures.calibration_error(y, np.full(100, 0.2)) == pytest.approx(0.32)
    assert measures.calibration_error(y, np.where(y, 0.9, 0.1)) == pytest.approx(0.1)


def test_lift_compares_the_top_tenth_with_all() -> None:
    y = np.array([True] * 5 + [False] * 95)

    assert measures.lift_top_decile(y, np.linspace(1, 0, 100)) == pytest.approx(10)
    assert measures.lift_top_decile(y, np.linspace(0, 1, 100)) == 0


def test_without_positives_nothing_is_claimed() -> None:
    y, score = np.zeros(10, dtype=bool), np.linspace(0, 1, 10)

    found = [measures.auc_roc(y, score), measures.auc_pr(y, score), measures.lift_top_decile(y, score)]
    assert np.isnan(found).all()


def test_the_calibration_error_by_chance_is_what_true_probabilities_show() -> None:
    """Of bins of n rows of one rate p the mean of |rate - p|, which is normal: sqrt(2 p (1 - p) / pi n)."""
    p = np.full(4000, 0.2)

    found = measures.calibration_error_by_chance(p, seed=1)

    assert found == pytest.approx(np.sqrt(2 * 0.2 * 0.8 / np.pi / 400), rel=0.08)
    assert found == measures.calibration_error_by_chance(p, seed=1)
    assert found != measures.calibration_error_by_chance(p, seed=2)
    assert measures.calibration_error_by_chance(p[:400], seed=1) > 2 * found, "with fewer rows it strays more"


def test_certain_probabilities_have_no_error_by_chance_and_no_rows_have_none() -> None:
    assert measures.calibration_error_by_chance(np.repeat([0.0, 1.0], 50), seed=1) == 0
    assert np.isnan(measures.calibration_error_by_chance(np.empty(0), seed=1))


def test_a_calibrated_model_is_near_and_a_wrong_one_far_above_its_error_by_chance() -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(1, 9, size=3000)
    y = rng.random(3000) < p

    assert measures.calibration_error(y, p) < 1.6 * measures.calibration_error_by_chance(p, seed=1)
    wrong = p / 2
    assert measures.calibration_error(y, wrong) > 3 * measures.calibration_error_by_chance(wrong, seed=1)
