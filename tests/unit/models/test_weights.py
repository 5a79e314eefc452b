"""What a row counts in a fit: in the trees, in the choice of rounds, in the calibration."""

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest

from models import calibrate, learning, tuning
from models.dataset import Dataset
from models.evaluate import figures_of
from models.learning import usual_recipes
from models.train import manifest_of, train
from tests.drawn_rows import drawn_rows


def weighted(rows: Dataset, weight: float) -> Dataset:
    """The rows, and the same once more with the opposite outcome and a weight."""
    twice = rows.where(np.tile(np.arange(len(rows)), 2))
    return replace(
        twice,
        y=np.concatenate([rows.y, ~rows.y]),
        weight=np.repeat([1.0, weight], len(rows)),
        treated=np.repeat([False, True], len(rows)),
    )


def test_a_booster_learns_from_rows_by_their_weight() -> None:
    rows = drawn_rows(400, weights={"avg_events_7d": 2.0})
    recipe = usual_recipes(rows)[0]
    margin = [
        learning.train(some, recipe, 30, seed=1).predict(rows.x, raw_score=True)
        for some in (rows, weighted(rows, 1e-6), weighted(rows, 1.0))
    ]

    assert np.corrcoef(margin[0], margin[1])[0, 1] > 0.6
    assert np.abs(margin[2]).max() < 0.2, "as many said yes as no"


def test_copies_with_values_masked_keep_the_weight_of_their_row() -> None:
    rows = replace(drawn_rows(50), weight=np.arange(50.0) + 1)

    more = learning.masked(rows, 3)

    assert more.weight is not None
    assert len(more) == 55 == len(more.weight)
    for place in range(50, 55):
        [origin] = np.flatnonzero((rows.accounts == more.accounts[place]) & (rows.day == more.day[place]))
        assert more.weight[place] == rows.weight[origin]  # type: ignore[index]


def test_the_data_that_lightgbm_is_given_has_the_weights() -> None:
    rows = replace(drawn_rows(50), weight=np.full(50, 0.5))

    data, _ = learning.prepared(rows, usual_recipes(rows)[0], None, seed=1)

    assert isinstance(data, lgb.Dataset)
    assert set(np.asarray(data.get_weight()).tolist()) == {0.5}


def test_the_number_of_rounds_is_the_best_one_by_weight() -> None:
    rows = drawn_rows(2)
    rows = replace(rows, y=np.array([True, False]), weight=np.array([1.0, 0.0]))
    ever_surer = np.outer(np.arange(60), [1.0, 5.0])

    assert learning._best_round(ever_surer, rows) == 60
    assert learning._best_round(ever_surer, replace(rows, weight=None)) == learning.MIN_ROUNDS


def test_calibration_looks_at_rows_by_their_weight() -> None:
    margins = np.repeat([-2.0, 2.0], 500)
    y = np.tile([True, False, False, False, False], 200)
    often = np.where(y, 4.0, 1.0)

    found = calibrate.platt(margins, y, often)

    assert calibrate.probabilities(margins, found) == pytest.approx(np.full(1000, 0.5), abs=0.01)
    assert calibrate.platt(margins, y, np.ones(1000)) == calibrate.platt(margins, y)


def test_treated_test_rows_are_counted_in_the_figures() -> None:
    rows = drawn_rows(600, weights={"avg_events_7d": 2.0})
    treated = np.arange(600) % 100 == 0
    marked = replace(rows, treated=treated, weight=np.where(treated, 0.5, 1.0))

    trained = train(marked.that_count(), seed=1, tries=0)

    assert figures_of(trained, marked, seed=1)["treated_test"] == 6
    assert figures_of(trained, rows, seed=1)["treated_test"] == 0


def test_platts_goals_count_rows_by_their_weight() -> None:
    margins = np.repeat([-2.0, 2.0], 20)
    y = margins > 0

    halves = calibrate.platt(np.tile(margins, 2), np.tile(y, 2), np.full(80, 0.5))

    assert calibrate.probabilities(margins, halves) == pytest.approx(
        calibrate.probabilities(margins, calibrate.platt(margins, y)), abs=1e-6
    )


def test_the_base_rate_and_with_it_the_score_map_are_of_rows_by_their_weight() -> None:
    rows = weighted(drawn_rows(400, weights={"avg_events_7d": 2.0}), 1e-9)

    manifest = manifest_of(
        train(rows, seed=1, tries=0), name="churn", target="churn", last_day=19_100, data={}, metrics={}
    )

    assert manifest.base_rate == pytest.approx(rows.y[:400].mean(), abs=1e-6)
    assert rows.y.mean() == 0.5


def test_the_search_sums_losses_by_weight() -> None:
    rows = drawn_rows(900, weights={"mrr": 2.5}, base=-1.0, missing=0.0)
    [(fit, out), *_] = tuning._tests(rows, seed=1)
    recipe, left = usual_recipes(rows)[0], rows.where(out)
    weights = np.where(np.arange(len(left)) % 2 == 0, 1.0, 0.25)

    curve = tuning._curve(rows.where(fit), replace(left, weight=weights), recipe, 1)

    margins = learning.train(rows.where(fit), recipe, 30, seed=1).predict(left.x, raw_score=True)
    losses = np.logaddexp(0, np.where(left.y, -1, 1) * np.asarray(margins))
    assert curve[29] == pytest.approx((weights * losses).sum(), rel=1e-6)


def test_a_recipe_that_is_better_only_where_rows_hardly_count_is_not_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = replace(drawn_rows(600), y=np.arange(600) % 2 == 0)
    right = np.where(rows.y, 3.0, -3.0)
    treated = np.arange(600) % 4 < 2
    margins = {"ours": np.where(treated, right, 0.0), "theirs": np.where(treated, 0.0, right / 10)}
    monkeypatch.setattr(tuning, "_margins", lambda rows, tests, recipe, seed: margins[recipe])

    def is_better(weight: float) -> bool:
        counted = replace(rows, weight=np.where(treated, weight, 1.0))
        return tuning._is_better(counted, [], "ours", "theirs", seed=1, tries=2)  # type: ignore[arg-type]

    assert is_better(1.0)
    assert not is_better(1e-3)


def test_a_model_without_skill_tells_everybody_the_same_interval() -> None:
    rng = np.random.default_rng(2)
    rows = drawn_rows(900)
    flat = replace(rows, y=rng.random(900) < 0.2)
    found = [train(replace(flat, y=flat.y[rng.permutation(900)]), seed=1, tries=0) for _ in range(6)]

    flattened = [one for one in found if calibrate.is_flattened(one.calibration)]
    assert flattened, "one of six that learnt noise ranks the wrong way round"
    for one in flattened:
        [only] = one.bins
        assert (only.upper, only.rows) == (1.0, 900)
