"""The renewal gate: its booster says what it says, also as text and as it is served; when there is none."""

from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from stemtide.features.registry import NAMES
from stemtide.scoring.artefact import load
from stemtide.scoring.explanation import Explainer

from models import learning, train
from models.dataset import Dataset
from models.explain_tables import expected_margin, tables_of
from models.export import export
from models.gate import MADE_ROWS, MIN_KNOWN, MIN_SHARE, RENEWAL, Gate, gate_booster, gate_of
from models.recipes import RENEWALS
from models.trees import trees_of
from tests.drawn_rows import drawn_rows, renewing_rows, with_column
from tests.scoring_models import CONFIG, files_of

PLACE = NAMES.index(RENEWAL)


def made_gate(horizon: int = 30, share: float = 0.3) -> Gate:
    return Gate(place=PLACE, horizon_days=horizon, within=-1.25, outside=-6.5, share=share)


def at(days: list[float]) -> np.ndarray:
    """Rows in which nothing but the days to the renewal differs."""
    x = np.zeros((len(days), len(NAMES)))
    x[:, PLACE] = days
    return x


@pytest.mark.parametrize("horizon", [1, 30, 365, 3650])
@pytest.mark.parametrize("share", [0.05, 0.3001, 0.95])
def test_the_booster_says_what_the_gate_says(horizon: int, share: float) -> None:
    gate = made_gate(horizon, share)
    x = at(
        [-3, 0, horizon - 1, horizon, horizon + 0.25, horizon + 0.5, horizon + 0.75, horizon + 1, 1e9, np.nan]
    )

    found = gate_booster(gate, NAMES).predict(x, raw_score=True)

    assert np.array_equal(found, gate.margins(x))
    assert gate.open(x).tolist() == [True] * 6 + [False] * 3 + [True]


@pytest.mark.parametrize("share", [0.05, 0.3, 0.95])
def test_explanations_start_from_the_mean_over_the_shares_of_the_rows(share: float) -> None:
    gate = made_gate(share=share)
    booster = gate_booster(gate, NAMES)

    base = np.asarray(booster.predict(at([0.0]), pred_contrib=True))[0, -1]

    mean = share * gate.within + (1 - share) * gate.outside
    assert base == pytest.approx(mean, abs=abs(gate.within - gate.outside) / MADE_ROWS)
    assert expected_margin(trees_of(booster, features=NAMES)) == pytest.approx(base)


def gate_in(rows: Dataset) -> Gate | None:
    return gate_of(rows.x, rows.y, rows.names, rows.horizon_days)


def test_the_gate_holds_the_smoothed_rates_of_either_side() -> None:
    days = np.repeat([10.0, np.nan, 100.0], [30, 10, 60])
    rows = with_column(drawn_rows(100), RENEWAL, days)
    y = np.zeros(100, dtype=np.bool_)
    y[:8] = y[30:32] = True  # 10 of 40 within, 0 of 60 outside

    gate = gate_in(replace(rows, y=y))

    assert gate is not None
    assert (gate.place, gate.horizon_days, gate.share) == (PLACE, 30, 0.4)
    assert gate.within == pytest.approx(np.log(10.5 / 30.5))
    assert gate.outside == pytest.approx(np.log(0.5 / 60.5))


def test_a_row_that_counts_half_is_half_a_row_to_the_gate() -> None:
    days = np.repeat([10.0, np.nan, 100.0], [40, 40, 60])
    y = np.arange(140) % 4 == 0
    y[80:] = False
    twice = replace(with_column(drawn_rows(140), RENEWAL, days), y=y)
    weight = np.where(np.arange(140) < 80, 0.5, 1.0)
    once = twice.where(np.flatnonzero((np.arange(140) % 8 < 4) | (np.arange(140) >= 80)))  # every other block

    gate, plain = learning.gate(replace(twice, weight=weight)), learning.gate(once)

    assert gate is not None
    assert plain == gate
    assert gate != learning.gate(twice)


def split_rows(within: int, outside: int, unknown: int, *, left: int, left_outside: int = 0) -> Dataset:
    days = np.repeat([10.0, 100.0, np.nan], [within, outside, unknown])
    y = np.zeros(len(days), dtype=np.bool_)
    y[:left] = True
    y[within : within + left_outside] = True
    return replace(with_column(drawn_rows(len(days)), RENEWAL, days), y=y)


@pytest.mark.parametrize(
    "rows",
    [
        split_rows(0, 0, 200, left=0),
        split_rows(60, 39, 101, left=20),  # known of 49.5 %
        split_rows(191, 9, 0, left=60),  # outside: 4.5 %
        split_rows(9, 191, 0, left=5),  # within: 4.5 %
        split_rows(100, 100, 0, left=10, left_outside=10),
        split_rows(100, 100, 0, left=39, left_outside=10),  # 3.8 times as likely
        split_rows(10, 190, 0, left=0),  # rates differ by the smoothing alone
        split_rows(100, 100, 0, left=0, left_outside=20),
    ],
    ids=["all unknown", "few known", "few outside", "few within", "alike", "not rare", "none", "turned"],
)
def test_there_is_no_gate_where_nothing_can_be_told_by_it(rows: Dataset) -> None:
    assert gate_in(rows) is None


@pytest.mark.parametrize(
    "rows",
    [
        split_rows(60, 40, 100, left=30),
        split_rows(190, 10, 0, left=100),
        split_rows(10, 190, 0, left=5),
        split_rows(100, 100, 0, left=45, left_outside=10),
    ],
    ids=["half known", "a twentieth outside", "a twentieth within", "rare enough"],
)
def test_the_bounds_of_a_gate_are_inside(rows: Dataset) -> None:
    assert (MIN_KNOWN, MIN_SHARE) == (0.5, 0.05)
    assert gate_in(rows) is not None


def test_without_the_feature_or_for_upgrades_there_is_no_gate() -> None:
    rows = renewing_rows()

    assert learning.gate(rows) is not None
    assert learning.gate(replace(rows, loss=False)) is None
    assert gate_of(rows.x, rows.y, ("mrr",), 30) is None


@pytest.fixture(scope="module")
def trained() -> train.Trained:
    return train.train(renewing_rows(weights={"mrr": -0.8}), seed=1, tries=0)


def test_a_gated_booster_begins_with_the_gate_and_learns_behind_it_alone(trained: train.Trained) -> None:
    gate = gate_in(trained.fit)
    trees = trees_of(trained.booster, features=NAMES)

    assert gate is not None
    assert trained.recipe.family == RENEWALS.family
    assert len(trees) == trained.rounds + 1
    first = np.asarray(trained.booster.predict(trained.fit.x, raw_score=True, num_iteration=1))
    assert np.array_equal(first, gate.margins(trained.fit.x))
    grown_on = 1.1 * int(gate.open(trained.fit.x).sum())  # a tenth of the rows is masked besides
    counts = [tree.count for tree in trees[1:]]
    assert max(counts) < grown_on
    assert np.mean(counts) == pytest.approx(0.7 * grown_on, rel=0.02)


def test_explanations_of_a_gated_booster_are_exact(trained: train.Trained) -> None:
    trees = trees_of(trained.booster, features=NAMES)
    x = trained.fit.x[:300]

    found = Explainer(tables_of(trees, width=len(NAMES))).explain(x)

    theirs = np.asarray(trained.booster.predict(x, pred_contrib=True))
    np.testing.assert_allclose(found, theirs[:, :-1], rtol=0, atol=1e-5)
    assert expected_margin(trees) == pytest.approx(theirs[0, -1], abs=1e-9)
    np.testing.assert_allclose(
        found.sum(axis=1) + expected_margin(trees),
        trained.booster.predict(x, raw_score=True),
        rtol=0,
        atol=1e-9,
    )


def candidate_of(made: train.Trained, folder: Path) -> Path:
    manifest = train.manifest_of(made, name="churn", target="churn", last_day=19_100, data={}, metrics={})
    return train.write_candidate(made, manifest, folder)


def test_as_text_and_as_it_is_served_a_gated_booster_says_the_same(
    trained: train.Trained, tmp_path: Path
) -> None:
    x = np.concatenate([trained.fit.x[:200], at([30, 30.5, 30.75, 31, np.nan])])
    margins = np.asarray(trained.booster.predict(x, raw_score=True))
    folder = candidate_of(trained, tmp_path)

    export(folder, CONFIG)

    again = lgb.Booster(model_file=str(folder / train.BOOSTER))
    model = load(files_of(folder))
    assert np.array_equal(again.predict(x, raw_score=True), margins)
    np.testing.assert_allclose(model.predict(x).margin, margins, rtol=0, atol=1e-12)
    theirs = np.asarray(trained.booster.predict(x, pred_contrib=True))
    np.testing.assert_allclose(model.explain(x), theirs[:, :-1], rtol=0, atol=1e-5)


def test_the_manifest_tells_of_the_gate_and_of_the_rows_behind_it(
    trained: train.Trained, tmp_path: Path
) -> None:
    gate = gate_in(trained.fit)
    manifest = train.manifest_of(trained, name="churn", target="churn", last_day=19_100, data={}, metrics={})

    assert gate is not None
    rows = int(gate.open(trained.fit.x).sum())
    assert manifest.data["gate"] == {
        "gate_rows": rows,
        "gate_within": gate.within,
        "gate_outside": gate.outside,
    }
    assert manifest.data["parameters"]["min_data_in_leaf"] == max(20, int(trained.recipe.leaf_share * rows))


def test_with_too_few_rows_behind_it_the_gate_is_all_there_is_and_is_served(tmp_path: Path) -> None:
    rows = replace(renewing_rows(400, within=0.0, unknown=0.0), y=np.arange(400) % 20 < 1)
    days = np.where(np.arange(400) % 20 < 1, 5.0, 200.0)
    days[1] = 5.0
    few = with_column(rows, RENEWAL, days)  # 21 within: no leaf has 20 rows beside another with 20

    made = train.train(few, seed=1, tries=0)

    gate = gate_in(few)
    assert gate is not None
    assert made.booster.num_trees() == 1
    assert np.array_equal(made.booster.predict(few.x, raw_score=True), gate.margins(few.x))
    export(candidate_of(made, tmp_path), CONFIG)


def test_where_no_renewal_is_known_a_loss_is_learnt_without_a_gate() -> None:
    rows = with_column(drawn_rows(weights={"active_days_30d": -1.5}), RENEWAL, np.full(600, np.nan))

    made = learning.grow(rows, learning.usual_recipes(rows)[0], seed=1)

    assert learning.gate(rows) is None
    assert made.recipe.family == "habits"
    assert not np.isnan(made.margins).any()
