"""Exact SHAP values of trees as look-up tables, read by `stemtide.scoring.explanation`.

The path-dependent SHAP value (Lundberg et al., 2020) of a leaf of value v whose path holds d distinct
features is, for feature i with o_i = 1 where the row meets all its conditions on the path, and z_i the share
of the training rows that do at its splits (the product of the cover ratios),

    phi_i(o) = v (o_i - z_i) sum over sets S of the others: w(|S|) prod_{in S} o_j prod_{not in S} z_j
    w(k) = k! (d - k - 1)! / d!

which depends on the row through the d bits o only. Neighbouring leaves share most conditions, so a subtree
whose joint table stays small is one *group*: a feature of it has one state per distinct set of conditions
that a value can meet, and the group's table holds the sum over its leaves for each combination of states.
That changes nothing but the number of look-ups.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.trees import Leaf, Node, Split, splits_of

Floats = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[Any]]

GROUP_ENTRIES: Final = 256
"""Rows of a group's table at most: fewer look-ups against a larger file (measured in docs/scoring.md)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A feature's conditions on one path, together: the bins first..last (of the thresholds), and missing."""

    first: int
    last: int
    missing: bool
    share: float


@dataclass(frozen=True, slots=True)
class Path:
    """A leaf and the condition of each distinct feature on the way to it."""

    value: float
    conditions: dict[int, Condition]


@dataclass(slots=True)
class _Group:
    """Leaves explained together: per feature the state of each bin, and contributions [entries, features]."""

    features: list[int]
    states: list["_States"]
    values: Floats


@dataclass(slots=True)
class _States:
    """The distinct ways in which values of one feature meet a group's conditions.

    `masks` has a bit per leaf; from bin `starts[i]` on values are in state `of_start[i]`; the last start is
    'missing', which is the last bin too.
    """

    masks: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    of_start: list[int] = field(default_factory=list)


def expected_margin(trees: Sequence[Node]) -> float:
    """The mean outcome over the training rows: what an explanation starts from."""
    return math.fsum(_mean(root) for root in trees)


def tables_of(trees: Sequence[Node], *, width: int, group_entries: int = GROUP_ENTRIES) -> Arrays:
    """The arrays of `stemtide.scoring.explanation_arrays.DTYPES`.

    Args:
        width: number of features.
        group_entries: see `GROUP_ENTRIES`; 0 keeps every leaf by itself.
    """
    thresholds: list[set[float]] = [set() for _ in range(width)]
    for root in trees:
        for split in splits_of(root):
            thresholds[split.feature].add(split.threshold)
    ladders = [np.array(sorted(values), np.float64) for values in thresholds]
    groups = [
        group
        for root in trees
        if isinstance(root, Split)
        for group in _tree(_paths(root, {}, ladders), root, ladders, group_entries)
    ]
    groups.sort(key=lambda group: -len(group.features))
    return _arrays(groups, ladders)


def _mean(node: Node) -> float:
    if isinstance(node, Leaf):
        return node.value
    parts = [(child.count / node.count) * _mean(child) for child in (node.left, node.right)]
    return parts[0] + parts[1]


def _paths(node: Node, above: dict[int, Condition], ladders: Sequence[Floats]) -> list[Path]:
    """The leaves under a node, from left to right."""
    if isinstance(node, Leaf):
        return [Path(node.value, above)]
    found = []
    for child, is_left in ((node.left, True), (node.right, False)):
        condition = _narrowed(node, above, child.count / node.count, ladders, left=is_left)
        found += _paths(child, above | {node.feature: condition}, ladders)
    return found


def _narrowed(
    split: Split, above: dict[int, Condition], share: float, ladders: Sequence[Floats], *, left: bool
) -> Condition:
    """The feature's condition so far and the split's side."""
    ladder = ladders[split.feature]
    before = above.get(split.feature, Condition(0, len(ladder), True, 1.0))
    at = int(np.searchsorted(ladder, split.threshold))  # x <= threshold where the bin is at most this
    return Condition(
        first=before.first if left else max(before.first, at + 1),
        last=min(before.last, at) if left else before.last,
        missing=before.missing and split.missing_left == left,
        share=before.share * share,
    )


def _tree(paths: list[Path], root: Node, ladders: Sequence[Floats], entries: int) -> Iterator[_Group]:
    tables = _leaf_tables(paths)
    start = 0
    for own, states in _grouped(paths, root, ladders, entries):
        yield _group(own, states, tables[start : start + len(own)])
        start += len(own)


def _grouped(
    paths: list[Path], node: Node, ladders: Sequence[Floats], entries: int
) -> Iterator[tuple[list[Path], dict[int, _States]]]:
    """The largest subtrees whose joint table is small enough; `paths` are the leaves under `node`."""
    states = _states_of_all(paths, ladders, entries if isinstance(node, Split) else None)
    if states is not None:
        yield paths, states
    elif isinstance(node, Split):
        left = _leaves(node.left)
        yield from _grouped(paths[:left], node.left, ladders, entries)
        yield from _grouped(paths[left:], node.right, ladders, entries)


def _leaves(node: Node) -> int:
    return 1 if isinstance(node, Leaf) else _leaves(node.left) + _leaves(node.right)


def _states_of_all(
    paths: Sequence[Path], ladders: Sequence[Floats], entries: int | None
) -> dict[int, _States] | None:
    """Each feature's states; None where they combine to more than `entries` (None: any number)."""
    found: dict[int, _States] = {}
    combinations = 1
    for feature in sorted({feature for path in paths for feature in path.conditions}):
        found[feature] = _states(paths, feature, missing=len(ladders[feature]) + 1)
        combinations *= len(found[feature].masks)
        if entries is not None and combinations > entries:
            return None
    return found


def _states(paths: Sequence[Path], feature: int, *, missing: int) -> _States:
    result = _States()
    indifferent, conditions = 0, []
    for leaf, path in enumerate(paths):
        condition = path.conditions.get(feature)
        if condition is None:
            indifferent |= 1 << leaf
        else:
            conditions.append((1 << leaf, condition))
    edges = {0} | {c.first for _, c in conditions} | {c.last + 1 for _, c in conditions}
    numbers: dict[int, int] = {}
    for start in [*sorted(edge for edge in edges if edge < missing), missing]:
        mask = indifferent
        for bit, c in conditions:
            if c.missing if start == missing else c.first <= start <= c.last:
                mask |= bit
        result.starts.append(start)
        result.of_start.append(numbers.setdefault(mask, len(numbers)))
    result.masks = list(numbers)
    return result


def _leaf_tables(paths: Sequence[Path]) -> list[Floats]:
    """Per leaf its contributions [2^d, d]; bit k of a row's number: the leaf's k-th condition is met."""
    tables: list[Floats] = [np.empty(0)] * len(paths)
    for width in {len(path.conditions) for path in paths}:
        own = [leaf for leaf, path in enumerate(paths) if len(path.conditions) == width]
        shares = np.array([[c.share for c in paths[leaf].conditions.values()] for leaf in own])
        values = np.array([paths[leaf].value for leaf in own])
        for leaf, table in zip(own, contributions(shares) * values[:, None, None], strict=True):
            tables[leaf] = table
    return tables


def _group(paths: Sequence[Path], states: dict[int, _States], tables: Sequence[Floats]) -> _Group:
    features = list(states)
    counts = [len(states[feature].masks) for feature in features]
    state = dict(zip(features, np.indices(counts).reshape(len(counts), -1), strict=True))
    values = np.zeros((math.prod(counts), len(features)))
    for leaf, path in enumerate(paths):
        row = np.zeros(len(values), np.int64)
        for k, feature in enumerate(path.conditions):
            met = np.array([mask >> leaf & 1 for mask in states[feature].masks], np.int64)
            row |= met[state[feature]] << k
        values[:, [features.index(feature) for feature in path.conditions]] += tables[leaf][row]
    return _Group(features, list(states.values()), values)


def contributions(shares: Floats) -> Floats:
    """phi [leaves, 2^d, d] of leaves of value 1 by the formula above; bit k of a row's number is o_k.

    The sum over the sets S of one size is a coefficient of prod_j (z_j + o_j t), a polynomial whose power of
    t counts the features in S.

    Args:
        shares: z [leaves, d].
    """
    leaves, width = shares.shape
    weights = [
        math.factorial(k) * math.factorial(width - k - 1) / math.factorial(width) for k in range(width)
    ]
    o = (np.arange(2**width)[:, None] >> np.arange(width) & 1).astype(np.float64)
    z = shares[:, None, :]
    result = np.empty((leaves, 2**width, width))
    for i in range(width):
        sums = np.zeros((leaves, 2**width, width))
        sums[..., 0] = 1.0
        for j in range(width):
            if j != i:
                sums[..., 1:] = sums[..., 1:] * z[..., j, None] + sums[..., :-1] * o[:, j, None]
                sums[..., 0] *= z[..., j]
        result[..., i] = (o[:, i] - z[..., i]) * (sums @ weights)
    return result


def _arrays(groups: Sequence[_Group], ladders: Sequence[Floats]) -> Arrays:
    pairs = sorted(
        (feature, number, place)
        for number, group in enumerate(groups)
        for place, feature in enumerate(group.features)
    )
    lengths, offsets = [], []
    for _, number, place in pairs:
        states = groups[number].states
        stride = math.prod(len(s.masks) for s in states[place + 1 :])
        lengths.append(np.diff(states[place].starts, append=states[place].starts[-1] + 1))
        offsets.append(np.array(states[place].of_start) * stride)
    values = [group.values.ravel() for group in groups]
    count = np.bincount([feature for feature, _, _ in pairs], minlength=len(ladders))
    return {
        "thresholds": np.concatenate(ladders) if ladders else np.empty(0),
        "threshold_counts": np.array([len(ladder) for ladder in ladders], np.int32),
        "pair_counts": count.astype(np.int32),
        "pair_group": np.array([number for _, number, _ in pairs], np.int32),
        "group_entries": np.array([len(group.values) for group in groups], np.int32),
        "group_features": np.array([len(group.features) for group in groups], np.int32),
        "run_lengths": np.concatenate([*lengths, np.empty(0)]).astype(np.uint16),
        "run_offsets": np.concatenate([*offsets, np.empty(0)]).astype(np.uint16),
        "values": np.concatenate([*values, np.empty(0)]).astype(np.float64),
    }
