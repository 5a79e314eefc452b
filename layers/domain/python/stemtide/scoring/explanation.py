"""Exact SHAP values by table look-up: what each feature adds to the margin of a row.

The path-dependent SHAP value of a tree depends on a row only through which of the tree's conditions hold.
The export precomputes it per *group* of neighbouring leaves (`models/explain_tables.py`): each feature of a
group is in one of a few *states*, and for each combination of states the contribution of each feature is a
stored constant. A row's explanation is a sum of look-ups, so neither shap nor LightGBM is needed to score.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DTYPES: Final = {
    "thresholds": np.float64,
    "threshold_counts": np.int32,
    "pair_counts": np.int32,
    "pair_group": np.int32,
    "group_entries": np.int32,
    "group_features": np.int32,
    "run_lengths": np.uint16,
    "run_offsets": np.uint16,
    "values": np.float64,
}
"""The arrays of an explanation file. A *pair* is a feature of a group; pairs are sorted by feature.

`thresholds` ascend per feature, `threshold_counts` of them; a value's bin is the number of thresholds below
it, one more bin is 'missing'. `run_lengths` bins in a row put a pair in the same state; `run_offsets` is what
the state adds to the index of the group's row. `values` holds, per pair, one contribution for each of the
group's `group_entries` rows. Groups are sorted by falling `group_features`.
"""
ROWS_AT_ONCE: Final = 256
"""Rows explained together: their work arrays (a few MB) stay in the processor's cache."""


class TablesError(ValueError):
    """The arrays contradict each other."""


@dataclass(frozen=True, slots=True)
class _Feature:
    """One feature's part of the tables; `offsets` is [bins, pairs]."""

    column: int
    thresholds: Floats
    ladder: list[float]
    offsets: npt.NDArray[np.uint16]
    pairs: slice


class Explainer:
    """Contributions of each feature to the margin, of one row or of many.

    Both ways add up in the order of the pairs, so a row's contributions do not depend on the rows beside it.

    Args:
        arrays: as `DTYPES` describes them.

    Raises:
        TablesError: an array is missing, of another kind, or contradicts another.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        _check(arrays)
        self.width = len(arrays["pair_counts"])
        entries = arrays["group_entries"].astype(np.int64)
        self._group = arrays["pair_group"].astype(np.int64)
        self._values: Floats = arrays["values"]
        sizes = entries[self._group]
        self._base: Ints = np.cumsum(sizes) - sizes
        self._steps = _steps(self._group, arrays["group_features"])
        self._groups = len(entries)
        self._features = list(_features(arrays))
        self._column = np.repeat(np.arange(self.width), arrays["pair_counts"])

    def explain(self, x: Floats) -> Floats:
        """Contributions [N, F] of the features of the rows [N, F]; NaN is 'missing'."""
        result = np.zeros((len(x), self.width))
        if not self._features:
            return result
        if len(x) == 1:
            self._one(x[0].tolist(), result[0])
            return result
        for start in range(0, len(x), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            self._many(x[rows], result[rows])
        return result

    def _one(self, row: list[float], result: Floats) -> None:
        parts = []
        for f in self._features:
            value = row[f.column]
            parts.append(f.offsets[-1 if value != value else bisect_left(f.ladder, value)])
        offsets = np.concatenate(parts)
        index = np.zeros(self._groups, np.int64)
        for pairs in self._steps:
            index[: len(pairs)] += offsets[pairs]
        found = index[self._group]
        found += self._base
        result[:] = np.bincount(self._column, weights=self._values[found], minlength=self.width)

    def _many(self, x: Floats, result: Floats) -> None:
        offsets = np.empty((len(self._group), len(x)), np.uint16)
        for f in self._features:
            column = x[:, f.column]
            bins = np.searchsorted(f.thresholds, column, side="left")
            bins[np.isnan(column)] = len(f.offsets) - 1
            offsets[f.pairs] = f.offsets[bins].T
        index = np.zeros((self._groups, len(x)), np.int64)
        for pairs in self._steps:
            index[: len(pairs)] += offsets[pairs]
        for f in self._features:
            found = index[self._group[f.pairs]]
            found += self._base[f.pairs, None]
            result[:, f.column] = self._values.take(found).sum(axis=0)


def _steps(group: Ints, features: npt.NDArray[np.int32]) -> list[Ints]:
    """The k-th pair of each group that has so many: groups with more come first, so each step is a prefix."""
    order = np.argsort(group, kind="stable")
    first = np.cumsum(features) - features
    return [order[first[features > k] + k] for k in range(int(features.max(initial=0)))]


def _features(arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    thresholds, pairs, runs = 0, 0, 0
    lengths, offsets = arrays["run_lengths"], arrays["run_offsets"]
    ends = np.cumsum(lengths, dtype=np.int64)
    for column, (n_thresholds, n_pairs) in enumerate(
        zip(arrays["threshold_counts"].tolist(), arrays["pair_counts"].tolist(), strict=True)
    ):
        own = arrays["thresholds"][thresholds : thresholds + n_thresholds]
        thresholds += n_thresholds
        if not n_pairs:
            continue
        bins = n_thresholds + 2
        done = int(ends[runs - 1]) if runs else 0
        last = int(np.searchsorted(ends, done + n_pairs * bins)) + 1
        flat = np.repeat(offsets[runs:last], lengths[runs:last])
        if flat.size != n_pairs * bins:
            raise TablesError(f"the states of feature {column} do not fill its bins")
        runs = last
        by_bin = np.ascontiguousarray(flat.reshape(n_pairs, bins).T)
        yield _Feature(column, own, own.tolist(), by_bin, slice(pairs, pairs + n_pairs))
        pairs += n_pairs


def _check(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    for name, dtype in DTYPES.items():
        if name not in arrays:
            raise TablesError(f"the array {name} is missing")
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise TablesError(f"the array {name} is no flat array of {np.dtype(dtype).name}")
    group, entries = arrays["pair_group"], arrays["group_entries"]
    if len(group) and (group.min() < 0 or group.max() >= len(entries)):
        raise TablesError("a pair names a group that does not exist")
    for total, part in (
        (len(arrays["thresholds"]), arrays["threshold_counts"].sum()),
        (len(group), arrays["pair_counts"].sum()),
        (len(arrays["values"]), entries[group].sum(dtype=np.int64)),
        (len(arrays["run_lengths"]), len(arrays["run_offsets"])),
        (len(arrays["pair_counts"]), len(arrays["threshold_counts"])),
        (len(entries), len(arrays["group_features"])),
    ):
        if total != part:
            raise TablesError("the arrays' lengths contradict each other")
    counted = np.bincount(group, minlength=len(entries))
    if not np.array_equal(counted, arrays["group_features"]) or np.any(np.diff(counted) > 0):
        raise TablesError("the groups are not sorted by their number of features")
