"""Other models: fitted to fit rows alone, in the same way each time, and compared in pairs."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from models import contenders as module
from models.contenders import Prepared, contenders
from models.dataset import Dataset
from models.evidence import Contender
from models.resampling import draws_of
from tests.drawn_rows import drawn_rows, with_column

DECIDES = {"mrr": 1.6}


@pytest.fixture(scope="module")
def rows() -> tuple[Dataset, Dataset]:
    return drawn_rows(600, weights=DECIDES), drawn_rows(300, weights=DECIDES, seed=9, first_day=19_400)


def served(test: Dataset) -> np.ndarray:
    return expit(-1.5 + 1.6 * np.nan_to_num(test.x[:, test.names.index("mrr")]))


def measured(fit: Dataset, test: Dataset, seed: int = 1) -> tuple[Contender, ...]:
    return contenders(fit, test, served(test), draws_of(test.accounts, seed=seed, draws=60), seed=seed)


@pytest.fixture(scope="module")
def found(rows: tuple[Dataset, Dataset]) -> tuple[Contender, ...]:
    return measured(*rows)


def test_all_are_measured_on_the_same_rows(
    found: tuple[Contender, ...], rows: tuple[Dataset, Dataset]
) -> None:
    own = roc_auc_score(rows[1].y, served(rows[1]))

    assert [one.served for one in found] == [True, False, False, False]
    assert found[0].auc_roc == pytest.approx(own)
    assert found[0].auc_gap is found[0].auc_gap_ci is None
    for other in found[1:]:
        assert other.auc_roc is not None
        assert other.auc_gap == pytest.approx(own - other.auc_roc)
        assert other.auc_gap_ci is not None
        assert other.auc_gap_ci[0] <= other.auc_gap <= other.auc_gap_ci[1]


def test_what_decides_is_learnt_by_each(found: tuple[Contender, ...]) -> None:
    best, linear, net, single = ((one.auc_roc or 0) for one in found)

    assert best > 0.8
    assert linear > 0.7
    assert single > 0.8
    assert net > 0.57, "a hundred features of noise and few rows: better than chance"
    assert found[3].note == "mrr"
    assert found[3].ece is None
    assert all((one.ece or 1) < 0.15 for one in found[:3])


def test_the_same_seed_gives_the_same(found: tuple[Contender, ...], rows: tuple[Dataset, Dataset]) -> None:
    assert measured(*rows) == found


def test_the_preparation_is_fitted_to_fit_rows_alone(rows: tuple[Dataset, Dataset]) -> None:
    fit, test = rows
    prepared = Prepared.of(fit.x)
    far = with_column(test, "mrr", np.full(len(test), 1e9))

    place = int(np.flatnonzero(prepared.used == fit.names.index("mrr"))[0])
    assert prepared.rows(far.x)[:, place].tolist() == [module.FARTHEST] * len(test)
    assert prepared.rows(fit.x)[:, : len(prepared.used)].mean(axis=0) == pytest.approx(0, abs=0.02)


def test_an_unknown_value_is_the_median_and_flagged(rows: tuple[Dataset, Dataset]) -> None:
    fit, _ = rows
    prepared = Prepared.of(fit.x)
    nothing = prepared.rows(np.full((1, fit.x.shape[1]), np.nan))[0]

    assert np.isfinite(nothing).all()
    assert nothing[len(prepared.used) :].tolist() == [1.0] * len(prepared.flagged)
    assert fit.names.index("nps_score") not in prepared.used


def test_predictions_keep_the_prior(rows: tuple[Dataset, Dataset]) -> None:
    fit, test = rows
    prepared = Prepared.of(fit.x)

    for model in (module.logistic(fit, prepared, seed=1)[1], module.neural_nets(fit, prepared, seed=1)):
        assert model(test.x).mean() == pytest.approx(fit.y.mean(), abs=0.08)


def test_no_account_is_on_both_sides_of_a_fold(rows: tuple[Dataset, Dataset]) -> None:
    fit, _ = rows

    for inside, outside in module._folds(fit, seed=1):
        assert not set(fit.accounts[inside]) & set(fit.accounts[outside])
    assert module._folds(replace(fit, accounts=np.full(len(fit), "one")), seed=1) == []
