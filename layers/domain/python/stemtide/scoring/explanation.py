"""Exact SHAP values by table look-up: what each feature adds to the margin of a row.

The path-dependent SHAP value of a tree depends on a row only through which of the tree's conditions hold.
The export precomputes it per *group* of neighbouring leaves (`models/explain_tables.py`): each feature of a
group is in one of a few *states*, and for each combination of states the contribution of each feature is a
stored constant. A row's explanation is a sum of look-ups, so neither shap nor LightGBM is needed to score.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Offsets = npt.NDArray[np.uint16]

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
the state adds to the index of the group's row. `values` holds, per group, `group_entries` rows of one
contribution for each of its features, in their order. Groups are sorted by falling `group_features`.
"""
ROWS_AT_ONCE: Final = 32
"""Rows explained together: their work arrays (a few MB) stay in the processor's cache."""
ENTRIES_CAP: Final = 2**16
"""Rows of a group's table at most: their numbers have 16 bits."""


class TablesError(ValueError):
    """The arrays contradict each other."""


@dataclass(frozen=True, slots=True)
class _Feature:
    """One feature's part of the tables; `offsets` is [bins, pairs]."""

    column: int
    thresholds: Floats
    ladder: list[float]
    offsets: Offsets
    pairs: slice


@dataclass(frozen=True, slots=True)
class _Class:
    """The groups of `width` features: their tables one below the other [rows, width], and their pairs."""

    width: int
    groups: slice
    table: Floats
    pairs: slice


class Explainer:
    """Contributions of each feature to the margin, of one row or of many.

    A row's contributions add up in the order of the groups, so they do not depend on the rows beside it.

    Args:
        arrays: as `DTYPES` describes them.

    Raises:
        TablesError: an array is missing, of another kind, or contradicts another.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        _check(arrays)
        self.width = len(arrays["pair_counts"])
        self._features = list(_features(arrays))
        self._classes, self._base = _classes(arrays)
        by_group = np.argsort(arrays["pair_group"], kind="stable")
        self._steps = _steps(by_group, arrays["group_features"])
        self._searched = [(f.column, f.ladder, list(f.offsets)) for f in self._features]
        self._columns = np.repeat(np.arange(self.width), arrays["pair_counts"])[by_group]
        self._places: Ints | None = None
        _check_states(self._features, arrays)

    def explain(self, x: Floats) -> Floats:
        """Contributions [N, F] of the features of the rows [N, F]; NaN is 'missing'."""
        count = len(x)
        result = np.zeros((count, self.width))
        if not self._features:
            return result
        if count < ROWS_AT_ONCE:
            found = np.empty(len(self._columns))
            for i in range(count):
                result[i] = self._sums(self._index(self._offsets_of_one(x[i])), self._columns, found)[0]
            return result
        if self._places is None:
            self._places = self._places_of_many()
        found = np.empty(len(self._places))
        for start in range(0, count, ROWS_AT_ONCE):
            first = min(start, count - ROWS_AT_ONCE)  # the last ones overlap: some rows are explained twice
            rows = slice(first, first + ROWS_AT_ONCE)
            result[rows] = self._sums(self._index(self._offsets(x[rows])), self._places, found)
        return result

    def _sums(self, index: Ints, places: Ints, found: Floats) -> Floats:
        """What the groups' rows [groups, N] add to each place of the result [N, F]; `found` is overwritten."""
        count = index.shape[1]
        for c in self._classes:  # 'clip' spares a copy; `_check_states` has found that no index is beyond
            own = found[c.pairs.start * count : c.pairs.stop * count].reshape(-1, count, c.width)
            c.table.take(index[c.groups], axis=0, out=own, mode="clip")
        sums = np.bincount(places, weights=found, minlength=count * self.width)
        return sums.reshape(count, self.width)

    def _places_of_many(self) -> Ints:
        """The place in the result of each value that `_sums` finds for `ROWS_AT_ONCE` rows."""
        rows = self.width * np.arange(ROWS_AT_ONCE)[:, None]
        parts = [self._columns[c.pairs].reshape(-1, 1, c.width) + rows for c in self._classes]
        return np.concatenate([part.ravel() for part in parts])

    def _offsets_of_one(self, x: Floats) -> Offsets:
        """What each pair adds to its group's index [pairs, 1]; for one row bisection beats NumPy's."""
        row = x.tolist()
        parts = []
        for column, ladder, offsets in self._searched:
            value = row[column]
            parts.append(offsets[-1 if value != value else bisect_left(ladder, value)])
        return np.concatenate(parts)[:, None]

    def _offsets(self, x: Floats) -> Offsets:
        """What each pair adds to its group's index [pairs, N]."""
        result = np.empty((len(self._columns), len(x)), np.uint16)
        for f in self._features:
            column = x[:, f.column]
            bins = np.searchsorted(f.thresholds, column, side="left")
            bins[np.isnan(column)] = len(f.offsets) - 1
            result[f.pairs] = f.offsets[bins].T
        return result

    def _index(self, offsets: Offsets) -> Ints:
        """Each group's row in the table of its class [groups, N]."""
        index = np.zeros((len(self._base), offsets.shape[1]), np.uint16)
        for pairs in self._steps:
            index[: len(pairs)] += offsets.take(pairs, axis=0, mode="clip")
        return index + self._base


def _steps(by_group: Ints, features: npt.NDArray[np.int32]) -> list[Ints]:
    """The k-th pair of each group that has so many: groups with more come first, so each step is a prefix."""
    first = np.cumsum(features) - features
    return [by_group[first[features > k] + k] for k in range(int(features.max(initial=0)))]


def _classes(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[list[_Class], Ints]:
    """The classes by falling number of features, and [groups, 1] where a group's rows begin in its class."""
    features, entries = arrays["group_features"], arrays["group_entries"].astype(np.int64)
    base = np.empty((len(features), 1), np.int64)
    classes = []
    group, value, pair = 0, 0, 0
    for width in np.unique(features)[::-1].tolist():
        groups = slice(group, group + int(np.count_nonzero(features == width)))
        base[groups, 0] = np.cumsum(entries[groups]) - entries[groups]
        rows = int(entries[groups].sum())
        table = arrays["values"][value : value + rows * width].reshape(rows, width)
        pairs = slice(pair, pair + (groups.stop - groups.start) * width)
        classes.append(_Class(width, groups, table, pairs))
        group, value, pair = groups.stop, value + table.size, pairs.stop
    return classes, base


def _features(arrays: Mapping[str, npt.NDArray[Any]]) -> Iterator[_Feature]:
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
    if runs != len(lengths):
        raise TablesError("there are states of no feature")


def _check(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    for name, dtype in DTYPES.items():
        if name not in arrays:
            raise TablesError(f"the array {name} is missing")
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise TablesError(f"the array {name} is no flat array of {np.dtype(dtype).name}")
    _check_lengths(arrays)
    _check_order(arrays)
    if not np.isfinite(arrays["values"]).all():
        raise TablesError("a contribution is no number")


def _check_lengths(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    group, entries, features = arrays["pair_group"], arrays["group_entries"], arrays["group_features"]
    if any(arrays[name].min(initial=0) < 0 for name in ("threshold_counts", "pair_counts", "pair_group")):
        raise TablesError("a count is negative")
    if len(entries) and not 1 <= entries.min() <= entries.max() <= ENTRIES_CAP:
        raise TablesError(f"a group has no rows or more than {ENTRIES_CAP:,}")
    if len(group) and group.max() >= len(entries):
        raise TablesError("a pair names a group that does not exist")
    for total, part in (
        (len(arrays["thresholds"]), arrays["threshold_counts"].sum(dtype=np.int64)),
        (len(group), arrays["pair_counts"].sum(dtype=np.int64)),
        (len(arrays["values"]), entries[group].sum(dtype=np.int64)),
        (len(arrays["run_lengths"]), len(arrays["run_offsets"])),
        (len(arrays["pair_counts"]), len(arrays["threshold_counts"])),
        (len(entries), len(features)),
    ):
        if total != part:
            raise TablesError("the arrays' lengths contradict each other")
    counted = np.bincount(group, minlength=len(entries))
    if not np.array_equal(counted, features) or np.any(np.diff(counted) > 0):
        raise TablesError("the groups are not sorted by their number of features")


def _check_order(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Values and groups rise within each feature."""
    for values, counts, says in (
        ("thresholds", "threshold_counts", "the thresholds of a feature do not rise"),
        ("pair_group", "pair_counts", "the groups of a feature do not rise"),
    ):
        of = np.repeat(np.arange(len(arrays[counts])), arrays[counts])
        rises = arrays[values][1:] > arrays[values][:-1]
        if not rises[of[1:] == of[:-1]].all():
            raise TablesError(says)


def _check_states(features: list[_Feature], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """The states of a group combine to each of its rows and to none beyond."""
    last = np.zeros(len(arrays["group_entries"]), np.int64)
    for f in features:
        last[arrays["pair_group"][f.pairs]] += f.offsets.max(axis=0)
    if not np.array_equal(last, arrays["group_entries"] - 1):
        raise TablesError("the states of a group do not fill its rows")
