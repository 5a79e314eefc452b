"""A LightGBM booster as plain trees, refused where serving it elsewhere could silently differ.

Each refusal below was once measured as a wrong probability that a parity test on random rows did not notice.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import lightgbm

ANY_VALUE: Final = 1e300
"""What LightGBM's dump writes for an infinite threshold, which splits the known from the missing."""
NEAR_ZERO: Final = 1.0000000180025095e-35
"""LightGBM's predictor takes values of at most this size for zero (its `kZeroThreshold`, a float)."""
MAX_PATH_FEATURES: Final = 6
"""Distinct features on the way to a leaf: explanation tables have 2^6 rows at most."""


class ExportError(ValueError):
    """A model that cannot be exported; says why and what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}. {remedy}")
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Leaf:
    """An outcome of a tree and the number of training rows that reached it."""

    value: float
    count: float


@dataclass(frozen=True, slots=True)
class Split:
    """Goes left where the feature is at most `threshold`, or is missing (NaN) and `missing_left`."""

    feature: int
    threshold: float
    missing_left: bool
    count: float
    left: "Node"
    right: "Node"


Node: TypeAlias = Leaf | Split


def trees_of(booster: lightgbm.Booster, *, features: Sequence[str]) -> list[Node]:
    """The booster's trees; their outcomes add up to the margin.

    Args:
        features: the names that the booster must have been trained with, in order.

    Raises:
        ExportError: something of it would not mean the same outside LightGBM.
    """
    dump = booster.dump_model()
    _check_booster(dump, booster, features)
    roots = [_node(tree["tree_structure"], dump["feature_names"]) for tree in dump["tree_info"]]
    for number, root in enumerate(roots):
        width = max((len({split.feature for split in path}) for path in _paths(root, ())), default=0)
        if width > MAX_PATH_FEATURES:
            raise ExportError(
                f"tree {number} has a path with {width} distinct features, more than {MAX_PATH_FEATURES}",
                f"Train with max_depth <= {MAX_PATH_FEATURES}.",
            )
    return roots


def splits_of(root: Node) -> Iterator[Split]:
    """Every split of a tree, from the root on, left before right."""
    if isinstance(root, Split):
        yield root
        yield from splits_of(root.left)
        yield from splits_of(root.right)


def _check_booster(dump: dict[str, Any], booster: lightgbm.Booster, features: Sequence[str]) -> None:
    objective = str(dump.get("objective", "")).split(" ")[0]
    if objective != "binary":
        raise ExportError(f"the objective is {objective or 'unknown'!r}", "Train with objective='binary'.")
    if dump["num_class"] != 1 or dump["num_tree_per_iteration"] != 1:
        raise ExportError("the model has several classes", "Train one model per event: yes or no.")
    if dump.get("average_output"):
        raise ExportError("the outcomes of its trees are averaged", "Train with boosting='gbdt'.")
    if "sigmoid:1" not in str(dump["objective"]).split(" "):
        raise ExportError(f"its objective is {dump['objective']!r}", "Train with LightGBM's sigmoid=1.")
    if "[zero_as_missing: 1]" in booster.model_to_string(num_iteration=1):
        raise ExportError("it takes zero for missing", "Train with zero_as_missing=False.")
    if list(dump["feature_names"]) != list(features):
        raise ExportError(
            "its features are not those of the registry in their order",
            "Train with the matrix and the names of `stemtide.features.registry`.",
        )
    if not dump["tree_info"]:
        raise ExportError("it has no trees", "Train on rows with and without the event.")


def _node(raw: dict[str, Any], names: Sequence[str]) -> Node:
    if "split_feature" not in raw:
        if "leaf_coeff" in raw:
            raise ExportError("its leaves hold linear models", "Train with linear_tree=False.")
        return Leaf(float(raw["leaf_value"]), float(raw.get("leaf_count", 0)))
    name = names[raw["split_feature"]]
    if raw["decision_type"] != "<=":
        raise ExportError(
            f"it splits {name} by categories", "Train with numeric features only (categorical_feature='')."
        )
    if raw["missing_type"] != "NaN":
        raise ExportError(
            f"it never learnt what to do where {name} is missing (missing_type {raw['missing_type']}): "
            "LightGBM would take 0 for it",
            "Train with rows in which every feature is masked, use_missing=True and zero_as_missing=False.",
        )
    if raw["internal_count"] <= 0:
        raise ExportError(f"it has no row counts at a split of {name}", "Train it anew; do not refit it.")
    return Split(
        feature=int(raw["split_feature"]),
        threshold=_threshold(float(raw["threshold"])),
        missing_left=bool(raw["default_left"]),
        count=float(raw["internal_count"]),
        left=_node(raw["left_child"], names),
        right=_node(raw["right_child"], names),
    )


def _threshold(theirs: float) -> float:
    """The threshold that parts all doubles as LightGBM does, which takes those near zero for zero.

    Its training makes none between; the two at the ends are common: they part zero from the rest.
    """
    if theirs >= ANY_VALUE:
        return math.inf
    if not -NEAR_ZERO <= theirs <= NEAR_ZERO:
        return theirs
    return NEAR_ZERO if theirs >= 0 else math.nextafter(-NEAR_ZERO, -math.inf)


def _paths(node: Node, before: tuple[Split, ...]) -> Iterator[tuple[Split, ...]]:
    if isinstance(node, Leaf):
        yield before
        return
    yield from _paths(node.left, (*before, node))
    yield from _paths(node.right, (*before, node))
