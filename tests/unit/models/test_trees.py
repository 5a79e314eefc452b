"""Boosters as training makes them rarely: what is exported equals LightGBM's reading of the same text."""

import math

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.scoring.artefact import session_of
from stemtide.scoring.explanation import Explainer
from stemtide.scoring.manifest import Calibration

from models.explain_tables import expected_margin, tables_of
from models.export import ExportError
from models.onnx_trees import graph_of
from models.parity_rows import SPECIAL, Counts, parity_rows
from models.trees import NEAR_ZERO, Leaf, Split, trees_of
from tests.booster_texts import NAN_LEFT, NAN_RIGHT, OTHER_DECISIONS, edited, without_trees
from tests.scoring_models import Floats, labels, rows, trained

COLUMNS = tuple(f"f{i}" for i in range(5))
WIDTH = len(COLUMNS)
IDENTITY = Calibration(slope=1.0, intercept=0.0)
FEW = Counts(random=200, threshold=300, missing=100, special=400)


def booster(rounds: int = 6, **parameters: object) -> lightgbm.Booster:
    x = rows(500, width=WIDTH)
    return trained(x, names=COLUMNS, rounds=rounds, **parameters)


BOOSTER = booster()


def margins(made: lightgbm.Booster, x: Floats) -> Floats:
    graph = graph_of(trees_of(made, features=COLUMNS), calibration=IDENTITY, width=WIDTH)
    return np.asarray(session_of(graph, width=WIDTH).run(["margin"], {"features": x})[0]).ravel()


def explained(made: lightgbm.Booster, x: Floats) -> Floats:
    trees = trees_of(made, features=COLUMNS)
    found = Explainer(tables_of(trees, width=WIDTH)).explain(x)
    return np.column_stack([found, np.full(len(x), expected_margin(trees))])


def assert_same_as_lightgbm(made: lightgbm.Booster) -> None:
    x = np.concatenate(list(parity_rows(trees_of(made, features=COLUMNS), width=WIDTH, counts=FEW).values()))
    assert np.array_equal(margins(made, x), made.predict(x, raw_score=True))
    np.testing.assert_allclose(explained(made, x), made.predict(x, pred_contrib=True), rtol=0, atol=1e-5)


def test_the_oracle_reads_a_changed_text_as_changed() -> None:
    x = np.full((1, WIDTH), np.nan)

    left, right = (edited(BOOSTER, "decision_type", lambda *_, d=d: d) for d in (NAN_LEFT, NAN_RIGHT))

    assert left.num_trees() == right.num_trees() == BOOSTER.num_trees()
    assert left.predict(x, raw_score=True)[0] != right.predict(x, raw_score=True)[0]


@pytest.mark.parametrize("decision", [NAN_LEFT, NAN_RIGHT])
def test_missing_values_go_to_the_default_side_at_every_split(decision: int) -> None:
    made = edited(BOOSTER, "decision_type", lambda *_: decision)

    assert all(split.missing_left == (decision == NAN_LEFT) for split in splits(made))
    assert_same_as_lightgbm(made)


def splits(made: lightgbm.Booster) -> list[Split]:
    from models.trees import splits_of

    return [split for root in trees_of(made, features=COLUMNS) for split in splits_of(root)]


@settings(max_examples=40)
@given(
    sides=st.lists(st.booleans(), min_size=1, max_size=40),
    features=st.lists(st.integers(0, WIDTH - 1), min_size=1, max_size=40),
    thresholds=st.lists(
        st.sampled_from([0.0, -0.0, NEAR_ZERO, -NEAR_ZERO, 1e-36, -1e-36, 5e-324, 2.0**24, 0.1, -3.5, 1e299]),
        min_size=1,
        max_size=40,
    ),
)
def test_any_mixture_of_sides_thresholds_and_repeated_features_is_lightgbms(
    sides: list[bool], features: list[int], thresholds: list[float]
) -> None:
    """A feature comes again and again on a path, each time with another side for missing values, also where
    no value can reach; thresholds lie in LightGBM's zero and elsewhere."""
    made = edited(BOOSTER, "decision_type", lambda i, _: NAN_LEFT if sides[i % len(sides)] else NAN_RIGHT)
    made = edited(made, "split_feature", lambda i, _: features[i % len(features)])
    made = edited(made, "threshold", lambda i, _: repr(thresholds[i % len(thresholds)]))

    assert_same_as_lightgbm(made)


@pytest.mark.parametrize("threshold", [NEAR_ZERO, -NEAR_ZERO, 0.0, -0.0, 1e-36, -1e-36])
def test_what_lightgbm_takes_for_zero_goes_where_zero_goes(threshold: float) -> None:
    made = edited(BOOSTER, "threshold", lambda *_: repr(threshold))
    x = np.repeat(SPECIAL[:, None], WIDTH, axis=1)

    found = margins(made, x)

    assert np.array_equal(found, made.predict(x, raw_score=True))
    near = np.abs(SPECIAL) <= NEAR_ZERO
    assert near.sum() >= 8
    assert len(set(found[near])) == 1


def test_an_infinite_threshold_parts_the_known_from_the_missing() -> None:
    made = edited(BOOSTER, "threshold", lambda *_: "inf")
    made = edited(made, "decision_type", lambda *_: NAN_RIGHT)
    x = np.repeat(SPECIAL[:, None], WIDTH, axis=1)

    found = margins(made, x)

    assert {split.threshold for split in splits(made)} == {math.inf}
    assert np.array_equal(found, made.predict(x, raw_score=True))
    assert len(set(found[~np.isnan(SPECIAL)])) == 1
    assert found[np.isnan(SPECIAL)][0] != found[0]
    np.testing.assert_allclose(explained(made, x), made.predict(x, pred_contrib=True), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("decision", "says"), OTHER_DECISIONS.items())
def test_a_single_split_that_knows_no_missing_values_is_refused(decision: int, says: str) -> None:
    made = edited(BOOSTER, "decision_type", lambda i, own: decision if i == 7 else own)

    with pytest.raises(ExportError, match=says):
        trees_of(made, features=COLUMNS)


def test_a_booster_without_trees_is_refused() -> None:
    with pytest.raises(ExportError, match="no trees"):
        trees_of(without_trees(BOOSTER), features=COLUMNS)


def test_trees_of_a_single_leaf_are_exported() -> None:
    """Nothing to split: the margin is the same for everybody, and no feature explains it."""
    made = booster(rounds=3, min_data_in_leaf=400)
    x = rows(40, width=WIDTH)

    assert {type(root) for root in trees_of(made, features=COLUMNS)} == {Leaf}
    assert np.array_equal(margins(made, x), made.predict(x, raw_score=True))
    np.testing.assert_allclose(explained(made, x), made.predict(x, pred_contrib=True), rtol=0, atol=1e-12)


def test_leaves_between_trees_with_splits_are_exported() -> None:
    """Each tree is small or a leaf: ids and roots must not get mixed up."""
    x = rows(500, width=WIDTH)
    made = trained(x, names=COLUMNS, y=labels(x), rounds=40, min_gain_to_split=8.0, learning_rate=0.5)
    kinds = [type(root) for root in trees_of(made, features=COLUMNS)]

    assert Split in kinds
    assert_same_as_lightgbm(made)
