"""Exact SHAP values by table look-up: what each feature adds to the margin of a row.

The path-dependent SHAP value of a tree depends on a row only through which of the tree's conditions hold.
The export precomputes it per *group* of neighbouring leaves (`models/explain_tables.py`): each feature of a
group is in one of a few *states*, and for each combination of states the contribution of each feature is a
stored constant. A row's explanation is a sum of look-ups, so neither shap nor LightGBM is needed to score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from stemtide.scoring.explanation_arrays import Arrays, TablesError, check

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Offsets = npt.NDArray[np.uint16]

ROWS_AT_ONCE: Final = 32
"""Rows that are looked up together."""
BATCHES_IN_TURN: Final = 16
"""As many times those one block of tables serves before it is the next block's turn."""
PAIRS_IN_A_BLOCK: Final = 1024
"""A block's tables and work arrays (a megabyte) stay in the processor's cache, whatever else it is doing."""


@dataclass(frozen=True, slots=True)
class _Feature:
    """One feature's part of the tables; `offsets` is [bins, pairs]."""

    column: int
    thresholds: Floats
    offsets: Offsets
    pairs: slice


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring groups of `width` features: their tables one below the other [rows, width], where each
    group's rows begin in it [groups, 1], and the column of each contribution [groups, width]."""

    width: int
    groups: slice
    table: Floats
    base: Ints
    columns: Ints

    def find(self, index: Offsets, out: Floats) -> None:
        """The contributions [groups, N, width] of the groups' rows `index` [groups of all, N]."""
        rows = index[self.groups] + self.base
        # 'clip' spares a copy; `_check_states` has found that no index is beyond
        self.table.take(rows, axis=0, out=out.reshape(*rows.shape, self.width), mode="clip")


class _Ladders:
    """All features' thresholds and offsets as one list each: for a single row, a call for each feature would
    take longer than all else.

    Complex numbers are ordered by their real part, then by the imaginary one, so one search in the thresholds
    (feature, threshold) finds the bins of all features.
    """

    def __init__(self, features: Sequence[_Feature]) -> None:
        self._columns = np.array([f.column for f in features], np.int64)
        counts = np.array([len(f.thresholds) for f in features], np.int64)
        self._thresholds = np.empty(int(counts.sum()), np.complex128)
        self._thresholds.real = np.repeat(np.arange(len(features)), counts)
        self._thresholds.imag = np.concatenate([np.empty(0), *(f.thresholds for f in features)])
        self._keys = np.arange(len(features)).astype(np.complex128)
        self._rows = [row.tobytes() for f in features for row in f.offsets]
        before = 2 * np.arange(len(features))  # a feature has two bins more than thresholds
        self._first, self._missing = before, np.cumsum(counts) + before + 1

    def offsets_of(self, row: Floats) -> Offsets:
        """What each pair adds to its group's index [pairs, 1]."""
        values = row[self._columns]
        keys = self._keys.copy()
        keys.imag = values
        missing = np.isnan(values)
        keys.imag[missing] = 0.0
        bins = self._thresholds.searchsorted(keys) + self._first
        rows = np.where(missing, self._missing, bins).tolist()
        return np.frombuffer(b"".join([self._rows[bin_] for bin_ in rows]), np.uint16)[:, None]


class Explainer:
    """Contributions of each feature to the margin, of one row or of many.

    A row's contributions add up in the order of the groups, so they do not depend on the rows beside it.

    Args:
        arrays: as `DTYPES` describes them.

    Raises:
        TablesError: an array is missing, of another kind, or contradicts another.
    """

    def __init__(self, arrays: Arrays) -> None:
        check(arrays)
        self.width = len(arrays["pair_counts"])
        self._features = list(_features(arrays))
        _check_states(self._features, arrays)
        self._ladders = _Ladders(self._features)
        by_group = np.argsort(arrays["pair_group"], kind="stable")
        self._steps = _steps(by_group, arrays["group_features"])
        self._groups = len(arrays["group_entries"])
        self._columns = np.repeat(np.arange(self.width), arrays["pair_counts"])[by_group]
        self._classes = list(_blocks(arrays, self._columns, pairs=None))
        self._blocks = list(_blocks(arrays, self._columns, pairs=PAIRS_IN_A_BLOCK))
        self._places: list[Ints] = []

    def explain(self, x: Floats) -> Floats:
        """Contributions [N, F] of the features of the rows [N, F]; NaN is 'missing'."""
        count = len(x)
        result = np.zeros((count, self.width))
        if not self._features:
            return result
        if count < ROWS_AT_ONCE:
            for i, row in enumerate(x):
                result[i] = self._one(row)
            return result
        # the last rows overlap: some are explained twice
        starts = [min(start, count - ROWS_AT_ONCE) for start in range(0, count, ROWS_AT_ONCE)]
        for turn in range(0, len(starts), BATCHES_IN_TURN):
            self._many(x, starts[turn : turn + BATCHES_IN_TURN], result)
        return result

    def _one(self, row: Floats) -> Floats:
        index = self._index(self._ladders.offsets_of(row))
        found = np.empty(len(self._columns))
        at = 0
        for block in self._classes:
            block.find(index, found[at : at + block.columns.size])
            at += block.columns.size
        return np.asarray(np.bincount(self._columns, weights=found, minlength=self.width), np.float64)

    def _many(self, x: Floats, starts: Sequence[int], result: Floats) -> None:
        """Explain `ROWS_AT_ONCE` rows from each start on: block by block, so that a block stays in the cache.

        A block adds to the sums of those before it, which are therefore the first numbers that it counts.
        """
        batches = [slice(start, start + ROWS_AT_ONCE) for start in starts]
        indices = [self._index(self._offsets(x[rows])) for rows in batches]
        head = ROWS_AT_ONCE * self.width
        sums = np.zeros((len(batches), head))
        found = np.empty(head + ROWS_AT_ONCE * max(block.columns.size for block in self._blocks))
        if not self._places:
            self._places = [_places(block, self.width) for block in self._blocks]
        for block, places in zip(self._blocks, self._places, strict=True):
            own = found[: len(places)]
            for i, index in enumerate(indices):
                own[:head] = sums[i]
                block.find(index, own[head:])
                sums[i] = np.bincount(places, weights=own, minlength=head)
        for rows, one in zip(batches, sums, strict=True):
            result[rows] = one.reshape(ROWS_AT_ONCE, self.width)

    def _offsets(self, x: Floats) -> Offsets:
        """What each pair adds to its group's index [pairs, N]."""
        result = np.empty((len(self._columns), len(x)), np.uint16)
        for f in self._features:
            column = x[:, f.column]
            bins = np.searchsorted(f.thresholds, column, side="left")
            bins[np.isnan(column)] = len(f.offsets) - 1
            result[f.pairs] = f.offsets[bins].T
        return result

    def _index(self, offsets: Offsets) -> Offsets:
        """Each group's row in its table [groups, N]."""
        index = np.zeros((self._groups, offsets.shape[1]), np.uint16)
        for pairs in self._steps:
            index[: len(pairs)] += offsets.take(pairs, axis=0, mode="clip")
        return index


def _steps(by_group: Ints, features: npt.NDArray[np.int32]) -> list[Ints]:
    """The k-th pair of each group that has so many: groups with more come first, so each step is a prefix."""
    first = np.cumsum(features) - features
    return [by_group[first[features > k] + k] for k in range(int(features.max(initial=0)))]


def _blocks(arrays: Arrays, columns: Ints, *, pairs: int | None) -> Iterator[_Block]:
    """The groups in their order, cut where the number of features changes, and by number of `pairs`."""
    features, entries = arrays["group_features"], arrays["group_entries"].astype(np.int64)
    first_value = np.append(0, np.cumsum(entries * features))
    first_pair = np.append(0, np.cumsum(features, dtype=np.int64))
    for width in np.unique(features)[::-1].tolist():
        own = np.flatnonzero(features == width)
        step = len(own) if pairs is None else max(1, pairs // width)
        for start in range(own[0], own[-1] + 1, step):
            stop = min(start + step, int(own[-1]) + 1)
            yield _Block(
                width=width,
                groups=slice(start, stop),
                table=arrays["values"][first_value[start] : first_value[stop]].reshape(-1, width),
                base=((first_value[start:stop] - first_value[start]) // width)[:, None],
                columns=columns[first_pair[start] : first_pair[stop]].reshape(-1, width),
            )


def _places(block: _Block, width: int) -> Ints:
    """Where in the result of `ROWS_AT_ONCE` rows its own numbers go, and what the block finds."""
    rows = width * np.arange(ROWS_AT_ONCE)[:, None]
    found = block.columns[:, None, :] + rows
    return np.concatenate([np.arange(ROWS_AT_ONCE * width), found.ravel()])


def _features(arrays: Arrays) -> Iterator[_Feature]:
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
        yield _Feature(column, own, by_bin, slice(pairs, pairs + n_pairs))
        pairs += n_pairs
    if runs != len(lengths):
        raise TablesError("there are states of no feature")


def _check_states(features: list[_Feature], arrays: Arrays) -> None:
    """The states of a group combine to each of its rows and to none beyond."""
    last = np.zeros(len(arrays["group_entries"]), np.int64)
    for f in features:
        last[arrays["pair_group"][f.pairs]] += f.offsets.max(axis=0)
    if not np.array_equal(last, arrays["group_entries"] - 1):
        raise TablesError("the states of a group do not fill its rows")
