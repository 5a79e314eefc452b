"""Curves and tables against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve
from stemtide.scoring.score_map import score_map

from models import curves, measures


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    p = np.round(rng.random(300), 2)
    return rng.random(300) < 0.1 + 0.5 * p, p


def test_the_roc_curve_is_scikit_learns(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = drawn
    false, true, _ = roc_curve(y, p, drop_intermediate=False)

    points = curves.roc(y, p)

    assert [point.x for point in points] == pytest.approx(false.tolist(), abs=1e-12)
    assert [point.y for point in points] == pytest.approx(true.tolist(), abs=1e-12)


def test_the_precision_recall_curve_is_scikit_learns(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = drawn
    precision, recall, _ = precision_recall_curve(y, p)

    points = curves.recall_precision(y, p)

    assert [point.x for point in points] == pytest.approx(recall[-2::-1].tolist(), abs=1e-12)
    assert [point.y for point in points] == pytest.approx(precision[-2::-1].tolist(), abs=1e-12)


def test_a_long_curve_keeps_some_of_its_own_points_and_both_ends() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(5000)
    y = rng.random(5000) < p
    false, true, _ = roc_curve(y, p, drop_intermediate=False)
    all_points = set(zip(false.round(9).tolist(), true.round(9).tolist(), strict=True))

    points = curves.roc(y, p)

    assert 100 < len(points) <= curves.MOST_POINTS
    assert {(round(point.x, 9), round(point.y, 9)) for point in points} <= all_points
    assert (points[0].x, points[0].y, points[-1].x, points[-1].y) == (0, 0, 1, 1)
    area = np.trapezoid([point.y for point in points], [point.x for point in points])
    assert area == pytest.approx(measures.auc_roc(y, p), abs=2e-3)


def test_without_a_class_there_is_no_curve() -> None:
    y, p = np.zeros(5, dtype=bool), np.linspace(0, 1, 5)

    assert curves.roc(y, p) == curves.roc(~y, p) == curves.recall_precision(y, p) == ()


def test_the_calibration_bins_are_those_of_the_calibration_error(
    drawn: tuple[np.ndarray, np.ndarray],
) -> None:
    y, p = drawn
    bins = curves.calibration(y, p)

    assert [found.rows for found in bins] == [30] * 10
    gaps = [abs(one.observed - one.predicted) * one.rows for one in bins if one.observed is not None]
    assert sum(gaps) / 300 == pytest.approx(measures.calibration_error(y, p))


def test_labels_of_probabilities_are_short() -> None:
    y = np.zeros(20, dtype=bool)

    labels = [one.label for one in curves.calibration(y, np.linspace(0.004, 1, 20))]

    assert labels[0] == "0.40-5.6 %"
    assert labels[-1] == "95-100 %"


def test_deciles_go_from_the_highest_down() -> None:
    y = np.array([True] * 5 + [False] * 95)

    tenths = curves.deciles(y, np.linspace(1, 0, 100))

    assert [one.label for one in tenths] == [str(number) for number in range(1, 11)]
    assert [one.positives for one in tenths] == [5] + [0] * 9
    assert tenths[0].observed == 0.5
    assert tenths[0].interval == pytest.approx((0.2224, 0.7776), abs=1e-4)


def test_every_row_has_the_tier_that_is_served() -> None:
    knots = score_map(0.1, (1.5, 3.0, 6.0))
    p = np.array([0.05, 0.2, 0.3, 0.3, 0.5])
    y = np.array([False, True, False, True, True])

    found = {tier.name: (tier.rows, tier.positives) for tier in curves.tiers(y, p, knots)}

    assert found == {"critical": (1, 1), "high": (2, 1), "medium": (1, 1), "low": (1, 0)}
    assert list(found) == ["critical", "high", "medium", "low"]


def test_adoption_has_whole_bins_and_leaves_the_unknown_out() -> None:
    used = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 40, np.nan])
    y = used < 2

    bins = curves.adoption(y, np.full(12, 0.1), used, used)

    assert [one.label for one in bins] == ["under 2", "2-3", "4-5", "6-7", "8 or more"]
    assert [one.rows for one in bins] == [2, 2, 2, 2, 3]
    assert [one.positives for one in bins] == [2, 0, 0, 0, 0]


def test_adoption_of_one_value_is_one_bin() -> None:
    used = np.full(8, 3.0)

    assert [one.label for one in curves.adoption(used > 3, used / 10, used, used)] == ["0 or more"]
    assert curves.adoption(used > 3, used / 10, used * np.nan, used * np.nan) == ()
