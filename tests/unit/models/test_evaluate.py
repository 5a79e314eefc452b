"""The split of a log, and the figures of an evaluation against their definitions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from stemtide.config_schema import Config
from stemtide_cli.errors import CliError

from models import evaluate, learning, measures, train
from models import export as exporting
from models.dataset import Dataset
from models.evaluate import Split, split_of
from models.trees import ExportError
from tests.drawn_rows import drawn_rows
from tests.scoring_models import CONFIG

DECIDES = {"active_days_30d": -1.5}


def split(**given: int | None) -> tuple[int | None, int | None, int | None]:
    options: dict[str, Any] = {"default": 100, "fit_until": None, "test_from": None, "test_until": None}
    found = split_of(**options | given)
    return found.fit_until, found.test_from, found.test_until


def test_what_was_not_given_follows_from_the_rest_and_the_default_day() -> None:
    assert split() == (100, 101, None)
    assert split(fit_until=80) == (80, 81, None)
    assert split(fit_until=120) == (120, 121, None)
    assert split(test_from=90) == (89, 90, None)
    assert split(test_from=150) == (100, 150, None), "the default day, and a gap"
    assert split(test_from=101) == (100, 101, None)
    assert split(fit_until=80, test_from=130, test_until=140) == (80, 130, 140)
    assert split(test_until=140) == (100, 101, 140)
    assert split(default=5, test_from=0) == (-1, 0, None), "the first of 1970 is a day like another"
    assert split(fit_until=0) == (0, 1, None)


def test_another_log_to_fit_on_is_fitted_whole_unless_a_day_is_given() -> None:
    assert split(default=None) == (None, None, None)
    assert split(default=None, fit_until=80, test_from=50, test_until=60) == (80, 50, 60)


@pytest.mark.parametrize("test_from", [94, 95])
def test_a_test_that_reaches_into_the_fit_is_refused(test_from: int) -> None:
    with pytest.raises(CliError, match=r"1970-04-0[56] is not after --fit-until 1970-04-06") as caught:
        split(fit_until=95, test_from=test_from)

    assert "leave one of them out" in caught.value.hint
    assert split(fit_until=95, test_from=96) == (95, 96, None)


def at(days: list[int]) -> Dataset:
    return replace(drawn_rows(len(days)), day=np.array(days, dtype=np.int64))


def test_outcomes_of_fit_rows_are_known_by_the_day_and_test_rows_lie_in_the_time() -> None:
    rows = at([10, 69, 70, 71, 100, 101, 120, 121])
    found = Split(fit_until=100, test_from=101, test_until=120)

    assert found.fit_rows(rows).day.tolist() == [10, 69, 70]
    assert found.test_rows(rows).day.tolist() == [101, 120]
    assert Split(fit_until=100, test_from=101).test_rows(rows).day.tolist() == [101, 120, 121]


def test_a_tested_time_without_a_row_says_where_rows_lie() -> None:
    found = Split(fit_until=100, test_from=101, test_until=120)

    with pytest.raises(CliError, match=r"from 1970-04-12 until 1970-05-01: .* from 1970-01-11 to 1970-05-02"):
        found.require_test(at([10, 100, 121]))

    found.require_test(at([10, 120]))
    Split(fit_until=None, test_from=None).require_test(at([]))


def test_without_days_all_rows_are_fitted_and_all_measured() -> None:
    rows = at([10, 69, 121])
    found = Split(fit_until=None, test_from=None)

    assert found.fit_rows(rows).day.tolist() == found.test_rows(rows).day.tolist() == [10, 69, 121]
    assert len(found.test_rows(at([]))) == 0
    assert Split(fit_until=None, test_from=None, test_until=69).test_rows(rows).day.tolist() == [10, 69]


@pytest.fixture(scope="module")
def trained() -> train.Trained:
    return train.train(drawn_rows(600, weights=DECIDES), seed=1, tries=0)


@pytest.fixture(scope="module")
def later() -> Dataset:
    """Later rows of half of the accounts and of as many others."""
    rows = drawn_rows(360, weights=DECIDES, seed=9, first_day=19_400)
    return replace(rows, accounts=np.array([f"acct-{60 + i % 120:03}" for i in range(360)]))


@pytest.fixture(scope="module")
def figures(trained: train.Trained, later: Dataset) -> dict[str, Any]:
    return evaluate.figures_of(trained, later, seed=1)


def test_the_figures_are_of_the_calibrated_probabilities(
    figures: dict[str, Any], trained: train.Trained, later: Dataset
) -> None:
    p = trained.probabilities(later.x)

    assert figures["auc_roc"] == pytest.approx(roc_auc_score(later.y, p))
    assert figures["ece"] == measures.calibration_error(later.y, p)
    assert figures["ece_by_chance"] == measures.calibration_error_by_chance(p, seed=1)
    assert figures["auc_pr"] == measures.auc_pr(later.y, p)
    assert figures["precision_at_80_recall"] == measures.precision_at_recall(later.y, p)
    assert figures["lift_top_decile"] == measures.lift_top_decile(later.y, p)
    low, high = figures["auc_roc_ci"]
    assert low < figures["auc_roc"] < high
    assert figures["baseline_feature"] == "active_days_30d"


def test_rows_are_told_apart_by_whether_their_account_was_fitted_on(
    figures: dict[str, Any], trained: train.Trained, later: Dataset
) -> None:
    p = trained.probabilities(later.x)
    seen = np.char.find(later.accounts, "acct-0") == 0
    seen |= later.accounts < "acct-120"

    for part, mask in (("seen_accounts", seen), ("unseen_accounts", ~seen)):
        assert figures[part] == {
            "auc_roc": pytest.approx(roc_auc_score(later.y[mask], p[mask])),
            "n": 180,
            "positives": int(later.y[mask].sum()),
        }


def test_names_of_two_logs_are_not_compared(trained: train.Trained, later: Dataset) -> None:
    found = evaluate.figures_of(trained, later, seed=1, same_accounts=False)

    assert found["seen_accounts"] is found["unseen_accounts"] is None
    assert found["auc_roc"] is not None


def test_the_figures_say_what_was_fitted_and_measured(
    figures: dict[str, Any], trained: train.Trained, later: Dataset
) -> None:
    assert (figures["n_fit"], figures["n_test"]) == (600, 360)
    assert (figures["positives_fit"], figures["positives_test"]) == (trained.fit.positives, later.positives)
    assert figures["snapshot_dates"] == ["2023-02-12", "2023-02-22", "2023-03-04"]
    assert figures["fit_snapshot_dates"][0] == "2022-01-08"
    assert len(figures["fit_snapshot_dates"]) == 5
    assert figures["recipe"]["family"] == trained.recipe.family
    assert figures["recipe"]["rounds"] == trained.rounds


def test_what_could_not_be_measured_is_null(trained: train.Trained) -> None:
    nobody = replace(drawn_rows(120, seed=4), y=np.zeros(120, dtype=np.bool_))

    found = evaluate.figures_of(trained, nobody, seed=1)

    assert found["auc_roc"] is found["auc_pr"] is found["lift_top_decile"] is None
    assert found["auc_roc_ci"] == [None, None]
    assert found["unseen_accounts"] == {"auc_roc": None, "n": 0, "positives": 0}
    assert found["ece"] is not None


@pytest.mark.parametrize("positives", [0, 50])
def test_a_test_without_both_outcomes_is_refused_before_anything_is_fitted(positives: int) -> None:
    test = replace(drawn_rows(50), y=np.arange(50) < positives)
    said: list[str] = []

    with pytest.raises(CliError, match=f"happened in {positives} of the 50 test rows"):
        evaluate.evaluate(drawn_rows(), test, seed=1, tries=0, config=None, say=said.append)

    assert said == []


def test_an_evaluation_fits_measures_and_says_so(later: Dataset) -> None:
    fit = drawn_rows(600, weights=DECIDES)
    said: list[str] = []

    found = evaluate.evaluate(fit, later, seed=1, tries=0, config=None, say=said.append)

    assert "parity" not in found.figures
    assert found.figures == evaluate.figures_of(found.trained, later, seed=1)
    assert said == [
        f"fitting on 600 rows with {fit.positives} positives",
        f"measuring on 360 rows with {later.positives} positives",
    ]


def test_with_a_configuration_the_graph_is_compared(later: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MAX_ROUNDS", 20)
    fit = drawn_rows(600, weights=DECIDES)

    found = evaluate.evaluate(fit, later, seed=1, tries=0, config=CONFIG, say=lambda _: None)

    assert found.figures["parity"]["max_abs_margin"] <= 1e-12


def test_of_features_that_rank_alike_the_first_is_the_best() -> None:
    rows = drawn_rows(200, weights={"mrr": 2.0}, missing=0.0)
    x = np.repeat(rows.x[:, [rows.names.index("mrr")]], len(rows.names), axis=1)
    x[:, 0] = np.nan

    feature, ranking = evaluate.best_feature(replace(rows, x=x), replace(rows, x=x))

    assert feature == rows.names[1]
    assert np.array_equal(ranking, x[:, 1])
    assert measures.auc_roc(rows.y, ranking) > 0.8


def test_where_nothing_is_known_no_feature_ranks_anybody() -> None:
    nothing = replace(drawn_rows(200), x=np.full((200, len(drawn_rows(1).names)), np.nan))

    feature, ranking = evaluate.best_feature(nothing, nothing)

    assert (feature, measures.auc_roc(nothing.y, ranking)) == (nothing.names[0], 0.5)


def test_a_model_that_cannot_be_exported_says_why(
    trained: train.Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, config: Config) -> None:
        raise ExportError("it has no trees", "Train it anew")

    monkeypatch.setattr(exporting, "export", refuse)

    with pytest.raises(CliError, match="cannot be exported: it has no trees") as caught:
        evaluate.parity_of(trained, CONFIG)

    assert caught.value.hint == "Train it anew"


def test_the_best_single_feature_may_point_either_way_and_unknown_is_its_median() -> None:
    rows = drawn_rows(400, weights={"mrr": -2.0}, missing=0.0)
    place = rows.names.index("mrr")
    filled = rows.x[:, place].copy()
    x = rows.x.copy()
    x[:40, place] = np.nan
    filled[:40] = np.median(filled[40:])
    test = drawn_rows(300, weights={"mrr": -2.0}, seed=5)
    theirs = np.nan_to_num(test.x[:, place], nan=float(np.median(x[40:, place])))

    feature, ranking = evaluate.best_feature(replace(rows, x=x), test)

    assert feature == "mrr"
    assert np.array_equal(ranking, -theirs)
    assert measures.auc_roc(test.y, ranking) > 0.8
