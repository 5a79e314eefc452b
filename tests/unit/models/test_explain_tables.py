"""Explanations from tables equal LightGBM's and shap's own, for boosters of all shapes."""

from typing import Any

import lightgbm
import numpy as np
import pytest
import shap
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.scoring.explanation import Explainer

from models.explain_tables import expected_margin, tables_of
from models.trees import Leaf, Split, trees_of
from tests.scoring_models import Floats, labels, rows, trained

COLUMNS = tuple(f"f{i}" for i in range(7))


def explained(booster: lightgbm.Booster, x: Floats, **options: Any) -> Floats:
    trees = trees_of(booster, features=COLUMNS)
    tables = tables_of(trees, width=len(COLUMNS), **options)
    return np.column_stack([Explainer(tables).explain(x), np.full(len(x), expected_margin(trees))])


@st.composite
def boosters(draw: st.DrawFn) -> tuple[lightgbm.Booster, Floats]:
    missing = draw(st.sampled_from([0.02, 0.3, 0.8]))
    seed = draw(st.integers(0, 1000))
    x = rows(300, width=len(COLUMNS), missing=missing, seed=seed)
    if draw(st.booleans()):
        x[:, 3] = 5.0  # constant
    if draw(st.booleans()):
        x[:, 4] = np.where(np.isnan(x[:, 4]), np.nan, np.round(np.clip(x[:, 4], -1, 1)))  # few values
    x[0] = np.nan
    y = labels(x, seed=seed)
    depth = draw(st.integers(1, 6))
    booster = trained(
        x,
        names=COLUMNS,
        y=y,
        rounds=draw(st.integers(1, 8)),
        max_depth=depth,
        num_leaves=draw(st.integers(2, 40)),
        min_data_in_leaf=draw(st.sampled_from([1, 5, 30, 140])),  # 140: trees of one leaf
        min_sum_hessian_in_leaf=0.0,
        monotone_constraints=draw(st.sampled_from([[0] * 7, [1, -1, 0, 0, 0, 0, 1]])),
        bagging_fraction=draw(st.sampled_from([1.0, 0.6])),
        bagging_freq=1,
    )
    return booster, x


@settings(max_examples=60)
@given(boosters(), st.sampled_from([0, 16, 256]))
def test_tables_equal_the_oracle(made: tuple[lightgbm.Booster, Floats], entries: int) -> None:
    booster, x = made

    found = explained(booster, x, group_entries=entries)

    np.testing.assert_allclose(found, booster.predict(x, pred_contrib=True), rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), booster.predict(x, raw_score=True), rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore:LightGBM binary classifier with TreeExplainer")  # it tells its shape
def test_tables_equal_shaps_tree_explainer() -> None:
    x = rows(400, width=len(COLUMNS))
    booster = trained(x, names=COLUMNS)

    found = explained(booster, x)

    theirs = shap.TreeExplainer(booster).shap_values(x)
    theirs = theirs[1] if isinstance(theirs, list) else theirs
    np.testing.assert_allclose(found[:, :-1], theirs, rtol=0, atol=1e-10)


def test_rows_at_and_next_to_thresholds_are_explained_as_they_are_scored() -> None:
    x = rows(400, width=len(COLUMNS))
    booster = trained(x, names=COLUMNS)
    at = _at_thresholds(booster)

    np.testing.assert_allclose(
        explained(booster, at), booster.predict(at, pred_contrib=True), rtol=0, atol=1e-9
    )


def _at_thresholds(booster: lightgbm.Booster) -> Floats:
    from models.parity import parity_rows

    return parity_rows(trees_of(booster, features=COLUMNS), width=len(COLUMNS))["threshold"][:2000]


def test_many_rows_are_explained_as_each_by_itself() -> None:
    booster = trained(rows(600, width=len(COLUMNS)), names=COLUMNS)
    explainer = Explainer(tables_of(trees_of(booster, features=COLUMNS), width=len(COLUMNS)))
    x = np.concatenate([rows(300, width=len(COLUMNS)), _at_thresholds(booster)[:300]])

    alone = np.concatenate([explainer.explain(x[i : i + 1]) for i in range(len(x))])

    for count in (*range(2, 20), 100, 600):
        assert np.array_equal(explainer.explain(x[:count]), alone[:count])


def test_a_model_of_one_leaf_explains_nothing() -> None:
    explainer = Explainer(tables_of([Leaf(0.3, 10)], width=2))

    assert explainer.explain(np.ones((3, 2))).tolist() == [[0.0, 0.0]] * 3
    assert expected_margin([Leaf(0.3, 10)]) == 0.3


def test_a_single_split_is_explained_by_hand() -> None:
    """One feature gets all: outcome less mean."""
    tree = Split(1, 0.5, False, 10.0, Leaf(1.0, 4.0), Leaf(-1.0, 6.0))
    explainer = Explainer(tables_of([tree], width=2))

    found = explainer.explain(np.array([[9.0, 0.5], [9.0, 0.6], [9.0, np.nan]]))

    mean = 0.4 * 1 - 0.6 * 1
    np.testing.assert_allclose(found, [[0, 1 - mean], [0, -1 - mean], [0, -1 - mean]], atol=1e-15)


def test_larger_groups_need_fewer_look_ups_and_say_the_same() -> None:
    x = rows(400, width=len(COLUMNS))
    trees = trees_of(trained(x, names=COLUMNS), features=COLUMNS)
    single, grouped = (tables_of(trees, width=len(COLUMNS), group_entries=n) for n in (0, 256))

    assert len(grouped["pair_group"]) < len(single["pair_group"]) / 2
    np.testing.assert_allclose(
        Explainer(single).explain(x), Explainer(grouped).explain(x), rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257])
def test_any_number_of_rows_is_explained(count: int) -> None:
    x = rows(300, width=len(COLUMNS))
    explainer = Explainer(
        tables_of(trees_of(trained(x, names=COLUMNS), features=COLUMNS), width=len(COLUMNS))
    )

    assert explainer.explain(x[:count]).shape == (count, len(COLUMNS))
