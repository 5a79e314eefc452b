"""A model with any bit changed is refused; one that somebody signed anew is refused in words or is whole."""

import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.scoring.artefact import FILES, ArtefactError, load
from stemtide.scoring.graph_check import GraphError, check_graph
from stemtide.scoring.manifest import GRAPH, TABLES

from models.export import export
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained
from tests.unit.scoring.test_artefact import signed


@cache
def whole() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        made = candidate(Path(folder) / "v1", trained(rows(), rounds=3))
        export(made, CONFIG)
        return files_of(made)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def refusal(files: dict[str, bytes]) -> ArtefactError | None:
    """Why a model is not taken; None if it is. Any other error is a fault."""
    try:
        load(files)
    except ArtefactError as error:
        return error
    return None


@settings(max_examples=400)
@given(st.sampled_from(FILES), st.integers(0, 2**40))
def test_any_single_flipped_bit_in_any_file_is_refused(name: str, bit: int) -> None:
    files = whole()

    error = refusal(files | {name: flipped(files[name], bit % (8 * len(files[name])))})

    assert error is not None
    assert error.file == name
    assert error.reason
    assert error.remedy


edits = st.lists(
    st.tuples(st.integers(0, 2**30), st.integers(0, 200), st.binary(max_size=40)), min_size=1, max_size=4
)


def edited(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Parts cut out, and others put in."""
    for at, size, instead in changes:
        place = at % (len(data) + 1)
        data = data[:place] + instead + data[place + size :]
    return data


@settings(max_examples=150)
@given(st.sampled_from(FILES), edits)
def test_anything_cut_out_or_put_in_is_refused(name: str, changes: list[tuple[int, int, bytes]]) -> None:
    files = whole()
    changed = edited(files[name], changes)

    error = refusal(files | {name: changed})

    assert (error is None) == (changed == files[name])
    assert error is None or error.file == name


@settings(max_examples=250)
@given(edits)
def test_tables_that_were_signed_anew_are_whole_or_refused_in_words(
    changes: list[tuple[int, int, bytes]],
) -> None:
    files = whole()

    error = refusal(signed(files, TABLES, edited(files[TABLES], changes)))

    assert error is None or error.file == TABLES


@settings(max_examples=250)
@given(st.one_of(edits, st.integers(0, 2**40)))
def test_any_bytes_are_a_graph_or_refused_in_words(changes: list[tuple[int, int, bytes]] | int) -> None:
    """Only the reading of the bytes: what the runtime does with a hostile graph is its own matter."""
    graph = whole()[GRAPH]
    if isinstance(changes, int):
        changed = flipped(graph, changes % (8 * len(graph)))
    else:
        changed = edited(graph, changes)

    with suppress(GraphError):
        check_graph(changed)
