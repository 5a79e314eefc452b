"""The arrays of an explanation file, and what must hold of them before they are used.

A file that was exchanged or reordered must be refused: its explanations would be wrong without a sign of it.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]

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
ENTRIES_CAP: Final = 2**16
"""Rows of a group's table at most: their numbers have 16 bits."""


class TablesError(ValueError):
    """The arrays contradict each other."""


def check(arrays: Arrays) -> None:
    for name, dtype in DTYPES.items():
        if name not in arrays:
            raise TablesError(f"the array {name} is missing")
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise TablesError(f"the array {name} is no flat array of {np.dtype(dtype).name}")
    _check_lengths(arrays)
    _check_order(arrays)
    if not np.isfinite(arrays["values"]).all():
        raise TablesError("a contribution is no number")


def _check_lengths(arrays: Arrays) -> None:
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


def _check_order(arrays: Arrays) -> None:
    """Values and groups rise within each feature."""
    for values, counts, says in (
        ("thresholds", "threshold_counts", "the thresholds of a feature do not rise"),
        ("pair_group", "pair_counts", "the groups of a feature do not rise"),
    ):
        of = np.repeat(np.arange(len(arrays[counts])), arrays[counts])
        rises = arrays[values][1:] > arrays[values][:-1]
        if not rises[of[1:] == of[:-1]].all():
            raise TablesError(says)
