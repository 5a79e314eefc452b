"""Recipes: which features they offer, and what LightGBM is told."""

import msgspec
import pytest
from stemtide.features.registry import NAMES, Shape, registry

from models.feature_groups import GROUPS, PARTS, grouped
from models.recipes import (
    FAMILIES,
    LEANEST,
    MAX_DEPTH,
    RENEWALS,
    SILENCES,
    UPGRADES,
    Recipe,
    offered,
    parameters,
)
from models.trees import MAX_PATH_FEATURES

SHAPED = registry(Shape(parts=("reports", "exports"), meters=("messages",))).names


def with_family(family: str) -> Recipe:
    return msgspec.structs.replace(UPGRADES, family=family)


def test_families_are_of_groups_that_exist_and_one_of_them_is_all() -> None:
    assert all(groups <= set(GROUPS) for groups in FAMILIES.values())
    assert FAMILIES["everything"] == set(GROUPS)
    assert FAMILIES["not by part"] == set(GROUPS) - {PARTS}
    assert {recipe.family for recipe in (RENEWALS, SILENCES, UPGRADES)} <= set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_offers_the_features_of_its_groups(family: str) -> None:
    groups = grouped(SHAPED)
    expected = {name for group in FAMILIES[family] for name in groups.get(group, ())}

    places = offered(with_family(family), SHAPED)

    assert {SHAPED[place] for place in places} == expected
    assert places == sorted(set(places))
    assert offered(with_family("everything"), NAMES) == list(range(len(NAMES)))


def test_a_family_of_which_there_is_no_feature_offers_all() -> None:
    assert offered(with_family("habits"), ("mrr", "nps_score")) == [0, 1]
    assert offered(with_family("habits"), ("mrr", "nps_score", "active_days_7d")) == [2]


def test_a_leaf_has_its_share_of_the_rows_and_never_fewer_than_the_leanest() -> None:
    def least(rows: int) -> int:
        found = parameters(SILENCES, NAMES, rows=rows, loss=True, seed=1)["min_data_in_leaf"]
        assert isinstance(found, int)
        return found

    assert SILENCES.leaf_share == 0.02
    assert [least(rows) for rows in (100, 1_000, 1_099, 5_000)] == [LEANEST, 20, 21, 100]


def test_trees_are_seeded_of_one_thread_and_shallow_enough_to_be_explained() -> None:
    found = parameters(RENEWALS, NAMES, rows=1_000, loss=True, seed=7)

    assert (found["seed"], found["deterministic"], found["num_threads"]) == (7, True, 1)
    assert found["max_depth"] == MAX_DEPTH <= MAX_PATH_FEATURES
    assert found["zero_as_missing"] is False
    assert len(found["monotone_constraints"]) == len(NAMES)
    assert (found["num_leaves"], found["lambda_l2"]) == (RENEWALS.leaves, RENEWALS.l2)
    assert (found["feature_fraction"], found["max_bin"]) == (RENEWALS.feature_share, RENEWALS.bins)
