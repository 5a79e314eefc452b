"""What training promises of every booster and its calibration, on made-up rows."""

import dataclasses

import numpy as np
import pytest
from scipy.special import expit
from stemtide.features.registry import NAMES
from stemtide_cli.errors import CliError

from models import evaluate, measures, train
from models.dataset import Dataset
from models.recipes import MAX_DEPTH


def drawn(rows: int = 900, *, base: float = -2.0, seed: int = 3) -> Dataset:
    """Rows in which little of the first two features means a loss, and the last is never known."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(rows, len(NAMES))), 2)
    x[rng.random(rows) < 0.2, 1] = np.nan
    x[:, -1] = np.nan
    y = rng.random(rows) < expit(base - 1.5 * x[:, 0] - np.nan_to_num(x[:, 1]))
    return Dataset(
        accounts=np.array([f"acct-{i % 150:03}" for i in range(rows)]),
        day=np.arange(rows, dtype=np.int64) // 50 + 19_000,
        x=x,
        y=y,
        horizon_days=30,
    )


@pytest.fixture(scope="module")
def trained() -> train.Trained:
    return train.train(drawn(), seed=1, tries=0)


def test_every_split_knows_missing_values_and_no_tree_is_deep(trained: train.Trained) -> None:
    table = trained.booster.trees_to_dataframe()
    splits = table[table.split_feature.notna()]

    assert len(splits) > 20
    assert set(splits.missing_type) == {"NaN"}
    assert set(splits.decision_type) == {"<="}
    assert table.node_depth.max() <= MAX_DEPTH + 1


def test_the_same_rows_and_seed_give_the_same_model_and_version(trained: train.Trained) -> None:
    again = train.train(drawn(), seed=1, tries=0)
    other = train.train(drawn(), seed=2, tries=0)

    versions = [
        train.manifest_of(t, name="churn", target="churn", last_day=19_100, data={}, metrics={}).version
        for t in (trained, again, other)
    ]
    assert versions[0] == versions[1] != versions[2]
    assert versions[0].startswith("2022-04-18-")


def test_calibrated_probabilities_meet_the_base_rate_and_keep_the_order(trained: train.Trained) -> None:
    fresh = drawn(3000, seed=8)
    probability = trained.probabilities(fresh.x)
    margin = np.asarray(trained.booster.predict(fresh.x, raw_score=True))

    assert trained.calibration.slope > 0
    assert probability.mean() == pytest.approx(fresh.y.mean(), abs=0.03)
    assert (np.diff(probability[np.argsort(margin, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("positives", [0, 9, 191, 200])
def test_too_few_positives_or_negatives_are_refused_with_what_scores_until_then(positives: int) -> None:
    rows = drawn(200)
    few = Dataset(
        accounts=rows.accounts,
        day=rows.day,
        x=rows.x,
        y=np.arange(200) < positives,
        horizon_days=30,
    )

    with pytest.raises(CliError) as caught:
        train.train(few, seed=1, tries=0)

    assert f"{positives} of 200" in caught.value.message
    assert "rules" in caught.value.hint


def test_the_best_single_feature_is_chosen_on_the_fit_rows_and_may_point_downwards() -> None:
    rows = drawn()
    x = rows.x.copy()
    x[:, 5] = rows.y  # would be the best by far, but only in the test rows
    test = dataclasses.replace(rows, x=x)

    feature, ranking = evaluate.best_feature(rows, test)

    assert feature == NAMES[0]
    assert 0.7 < measures.auc_roc(test.y, ranking) < 1


@pytest.mark.parametrize(("accounts", "trains"), [(2, False), (4, False), (5, True)])
def test_a_target_that_few_accounts_had_trains_nothing(accounts: int, trains: bool) -> None:
    rows = drawn()
    few = dataclasses.replace(rows, y=np.isin(rows.accounts, np.unique(rows.accounts)[:accounts]))

    if trains:
        assert train.train(few, seed=1, tries=0).bins
        return
    with pytest.raises(CliError, match="of the accounts"):
        train.train(few, seed=1, tries=0)
