"""Tables that were cut, exchanged or put in another order are refused: what they explain would look right."""

from typing import Any

import numpy as np
import pytest
from stemtide.scoring.explanation import Explainer
from stemtide.scoring.explanation_arrays import DTYPES, TablesError

from models.explain_tables import tables_of
from models.trees import trees_of
from tests.scoring_models import rows, trained

COLUMNS = tuple(f"f{i}" for i in range(6))
Arrays = dict[str, Any]


@pytest.fixture(scope="module")
def tables() -> Arrays:
    booster = trained(rows(600, width=len(COLUMNS)), names=COLUMNS, rounds=12)
    return tables_of(trees_of(booster, features=COLUMNS), width=len(COLUMNS))


def refused(tables: Arrays, **changes: Any) -> str:
    with pytest.raises(TablesError) as refusal:
        Explainer(tables | changes)
    return str(refusal.value)


def changed(array: Any, place: int, value: Any) -> Any:
    result = array.copy()
    result[place] = value
    return result


def exchanged(array: Any, a: int, b: int) -> Any:
    result = array.copy()
    result[[a, b]] = result[[b, a]]
    return result


def test_whole_tables_are_taken(tables: Arrays) -> None:
    assert Explainer(tables).width == len(COLUMNS)


@pytest.mark.parametrize("name", DTYPES)
def test_an_array_that_is_missing_or_of_another_kind_is_refused_by_name(tables: Arrays, name: str) -> None:
    assert name in refused({key: value for key, value in tables.items() if key != name})
    assert name in refused(tables, **{name: tables[name].astype(np.float32)})
    assert name in refused(tables, **{name: tables[name][None]})
    assert name in refused(tables, **{name: tables[name].astype(object)})


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("cut", [slice(0, -1), slice(1, None), slice(0, 0)], ids=str)
def test_an_array_that_is_cut_is_refused(tables: Arrays, name: str, cut: slice) -> None:
    refused(tables, **{name: tables[name][cut]})


@pytest.mark.parametrize("name", [name for name in DTYPES if name != "values"])
def test_an_array_that_is_longer_is_refused(tables: Arrays, name: str) -> None:
    refused(tables, **{name: np.append(tables[name], tables[name][-1:])})


@pytest.mark.parametrize(
    "name", ["thresholds", "threshold_counts", "pair_counts", "pair_group", "group_entries", "group_features"]
)
def test_an_array_in_the_opposite_order_is_refused(tables: Arrays, name: str) -> None:
    assert not np.array_equal(tables[name], tables[name][::-1])
    refused(tables, **{name: tables[name][::-1].copy()})


def test_runs_in_the_opposite_order_are_refused(tables: Arrays) -> None:
    refused(tables, run_lengths=tables["run_lengths"][::-1].copy())
    refused(tables, run_offsets=tables["run_offsets"][::-1].copy())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_contribution_that_is_no_number_is_refused(tables: Arrays, value: float) -> None:
    assert "no number" in refused(tables, values=changed(tables["values"], 5, value))


def test_thresholds_that_do_not_rise_are_refused(tables: Arrays) -> None:
    own = tables["thresholds"]

    assert "do not rise" in refused(tables, thresholds=exchanged(own, 0, 1))
    assert "do not rise" in refused(tables, thresholds=changed(own, 1, own[0]))
    assert "do not rise" in refused(tables, thresholds=changed(own, 1, np.nan))


def test_pairs_of_other_groups_are_refused(tables: Arrays) -> None:
    group = tables["pair_group"]

    assert "do not rise" in refused(tables, pair_group=exchanged(group, 0, 1))
    assert "does not exist" in refused(tables, pair_group=changed(group, -1, len(tables["group_entries"])))
    assert "negative" in refused(tables, pair_group=changed(group, 0, -1))


def test_counts_that_make_up_for_each_other_are_refused(tables: Arrays) -> None:
    for name in ("threshold_counts", "pair_counts"):
        own = tables[name].copy()
        own[0], own[1] = own[0] + own[1] + 1, -1
        assert "negative" in refused(tables, **{name: own})


@pytest.mark.parametrize("entries", [0, -1, 2**16 + 1])
def test_a_group_of_no_rows_or_too_many_is_refused(tables: Arrays, entries: int) -> None:
    assert "a group has" in refused(tables, group_entries=changed(tables["group_entries"], 0, entries))


def test_states_beyond_a_groups_rows_are_refused(tables: Arrays) -> None:
    """They would be found in the next group's table."""
    offsets = tables["run_offsets"]

    assert "fill its rows" in refused(tables, run_offsets=offsets + np.uint16(1))
    assert "fill its rows" in refused(tables, run_offsets=changed(offsets, int(offsets.argmax()), 60_000))
    assert "fill its rows" in refused(tables, run_offsets=np.zeros_like(offsets))


def test_groups_of_another_size_are_refused(tables: Arrays) -> None:
    """As many rows in all, but one group has another's."""
    entries, features = tables["group_entries"], tables["group_features"]
    same = np.flatnonzero(features == features[0])
    other = next(i for i in same if entries[i] != entries[same[0]])

    assert "fill its rows" in refused(tables, group_entries=exchanged(entries, same[0], other))


def test_runs_of_another_length_are_refused(tables: Arrays) -> None:
    lengths = tables["run_lengths"].copy()
    lengths[0] += 1

    refused(tables, run_lengths=lengths)


def test_tables_of_nothing_explain_nothing() -> None:
    empty = {name: np.empty(0, dtype) for name, dtype in DTYPES.items()}
    counts = {name: np.zeros(2, np.int32) for name in ("threshold_counts", "pair_counts")}

    assert Explainer(empty | counts).explain(np.ones((40, 2))).tolist() == [[0.0, 0.0]] * 40
