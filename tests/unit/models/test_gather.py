"""All of the evidence of a model, on made-up rows."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from stemtide.features.view import Floats

from models import measures, train
from models.dataset import Dataset
from models.evidence import Evidence
from models.gather import LeftOut, evidence_of
from models.refit import Score
from tests.drawn_rows import drawn_rows

DECIDES = {"mrr": 1.5}


def instead(fit: Dataset, seed: int) -> Score:
    """A recipe that is quick."""

    def score(x: Floats) -> Floats:
        return np.asarray(np.nan_to_num(x)[:, fit.names.index("mrr")])

    return score


@pytest.fixture(scope="module")
def rows() -> tuple[Dataset, Dataset, train.Trained]:
    fit = drawn_rows(360, weights=DECIDES)
    return fit, drawn_rows(150, weights=DECIDES, seed=9, first_day=19_400), train.train(fit, seed=1, tries=0)


def gathered(rows: tuple[Dataset, Dataset, train.Trained], said: list[str]) -> Evidence:
    fit, test, trained = rows
    return evidence_of(
        trained,
        fit,
        test,
        None,
        seed=1,
        rows_left_out=LeftOut(censored=7, purged=11),
        say=said.append,
        refit=instead,
        refits=2,
    )


@pytest.fixture(scope="module")
def evidence(rows: tuple[Dataset, Dataset, train.Trained]) -> Evidence:
    return gathered(rows, [])


def test_the_rows_are_counted(evidence: Evidence) -> None:
    found = evidence.rows

    assert (found.fit, found.test, found.censored, found.purged, found.treated) == (360, 150, 7, 11, 0)
    assert (found.fit_accounts, found.test_accounts) == (120, 120)
    assert (found.first_fit_snapshot, found.last_fit_snapshot) == ("2022-01-08", "2022-01-28")
    assert found.first_test_snapshot == "2023-02-12"


def test_every_part_tells_of_the_same_test_rows(
    evidence: Evidence, rows: tuple[Dataset, Dataset, train.Trained]
) -> None:
    _, test, trained = rows
    p = trained.probabilities(test.x)

    assert sum(one.rows for one in evidence.calibration) == len(test)
    assert sum(one.rows for one in evidence.deciles) == sum(one.rows for one in evidence.tiers) == len(test)
    assert sum(one.positives for one in evidence.tiers) == test.positives
    served = evidence.contenders[0]
    assert served.served
    assert served.auc_roc == pytest.approx(measures.auc_roc(test.y, p), abs=1e-12)
    assert served.auc_roc_ci is not None
    assert evidence.coverage.bins <= len(trained.bins)
    assert len(evidence.ablations) >= 10
    assert evidence.segments == ()
    assert evidence.currency is None


def test_it_is_plain_data_without_anything_that_json_lacks(evidence: Evidence) -> None:
    text = msgspec.json.encode(evidence)

    assert b"NaN" not in text
    assert b"Infinity" not in text
    assert msgspec.json.decode(text, type=Evidence) == evidence


def test_the_same_rows_and_seed_give_the_same(
    evidence: Evidence, rows: tuple[Dataset, Dataset, train.Trained]
) -> None:
    said: list[str] = []

    assert gathered(rows, said) == evidence
    assert "without trends" in said


def test_later_time_without_the_target_is_told_without_figures(
    rows: tuple[Dataset, Dataset, train.Trained],
) -> None:
    fit, test, trained = rows
    nobody = replace(test.where(np.arange(len(test)) < 60), y=np.zeros(60, dtype=bool))

    found = gathered((fit, nobody, trained), [])

    assert found.roc == found.precision_recall == ()
    assert found.contenders[0].auc_roc is found.contenders[0].auc_roc_ci is None
    msgspec.json.encode(found)
