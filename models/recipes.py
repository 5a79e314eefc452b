"""What a booster is grown by: its size, its regularisation, and the features it is offered."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from models.feature_groups import (
    AGE,
    BILLING,
    BREADTH,
    GROUPS,
    LEVELS,
    LONG,
    PARTS,
    PEOPLE,
    PERCENTILES,
    RANKS,
    RHYTHM,
    group_of,
)
from models.signs import signs

TRIES: Final = 24
"""Recipes that a search looks at."""
MAX_DEPTH: Final = 6
"""Explanations are tables of a path's conditions: two to the power of the depth."""
LEARNING_RATE: Final = 0.03
MAX_ROUNDS: Final = 300
MIN_ROUNDS: Final = 20
LEANEST: Final = 20
"""Rows that a leaf must have, whatever the share."""

FAMILIES: Final[dict[str, frozenset[str]]] = {
    "everything": frozenset(GROUPS),
    "not by part": frozenset(GROUPS) - {PARTS},
    "parts and plan": frozenset({PARTS, BILLING, AGE}),
    "habits": frozenset({RHYTHM, LEVELS, LONG, AGE, RANKS}),
    "rhythm among peers": frozenset({RHYTHM, RANKS}),
    "places among all": frozenset({PERCENTILES}),
    "habits and plan": frozenset({RHYTHM, LEVELS, PEOPLE, BREADTH, BILLING, AGE}),
}
"""Groups of features: few positives want few features, and which ones depends on the product."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How to grow; the same recipe, rows and seed give the same trees."""

    family: str
    leaves: int
    leaf_share: float
    """Of the rows, that a leaf must have."""
    l2: float
    feature_share: float
    """Of the features, that a tree may look at."""
    bins: int
    rounds: int | None = None
    """None: as many as generalise best to accounts left out."""


RENEWALS: Final = Recipe(
    family="parts and plan", leaves=2, leaf_share=0.01, l2=10.0, feature_share=0.5, bins=31
)
"""For losses that hang on renewals: many small steps, each of one feature, as few accounts leave."""
SILENCES: Final = Recipe(family="habits", leaves=6, leaf_share=0.02, l2=30.0, feature_share=0.3, bins=63)
"""For other losses: what matters is how an account keeps coming."""
COURSES: Final = Recipe(
    family="places among all", leaves=4, leaf_share=0.02, l2=30.0, feature_share=0.5, bins=63
)
"""For losses where all began together, as on a course: a week of little use is a holiday or the start of a
loss, and only the others of that week tell which. How many leave, places do not say: on a course with another
rate than the last one's, probabilities are off until its own outcomes are known."""
UPGRADES: Final = Recipe(family="everything", leaves=6, leaf_share=0.01, l2=10.0, feature_share=0.5, bins=63)
"""For upgrades: use against the plan's size, so two things at once."""


def offered(recipe: Recipe, features: Sequence[str]) -> list[int]:
    """The places of the features that a recipe's trees may use; all, where its family has none."""
    groups = FAMILIES[recipe.family]
    found = [place for place, name in enumerate(features) if group_of(name) in groups]
    return found or list(range(len(features)))


def parameters(
    recipe: Recipe, features: Sequence[str], *, rows: int, loss: bool, seed: int
) -> dict[str, Any]:
    """LightGBM's parameters.

    Args:
        features: the names of all columns, in order, whether or not the recipe offers them.
        rows: that trees are grown on, of which a leaf must have its share.
        loss: of which the signs are known.
    """
    return {
        "objective": "binary",
        "num_leaves": recipe.leaves,
        "max_depth": MAX_DEPTH,
        "learning_rate": LEARNING_RATE,
        "min_data_in_leaf": max(LEANEST, int(recipe.leaf_share * rows)),
        "min_sum_hessian_in_leaf": 1.0,
        "lambda_l2": recipe.l2,
        "feature_fraction": recipe.feature_share,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "max_bin": recipe.bins,
        "monotone_constraints": signs(features, loss=loss),
        "zero_as_missing": False,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
