"""Nothing of a model runs before all of it is known to be what was exported."""

import hashlib
import io
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from stemtide.scoring import artefact
from stemtide.scoring.artefact import ArtefactError, load
from stemtide.scoring.graph_check import GraphError, check_graph
from stemtide.scoring.manifest import GRAPH, MANIFEST, TABLES, Bin, Knot, Manifest

from models.export import encode, export
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = candidate(tmp_path_factory.mktemp("models") / "v1", trained(rows(), rounds=3))
    export(folder, CONFIG)
    return files_of(folder)


def with_manifest(content: Files, **changes: Any) -> Files:
    manifest = msgspec.json.decode(content[MANIFEST], type=Manifest)
    return content | {MANIFEST: encode(msgspec.structs.replace(manifest, **changes))}


def signed(files: Files, name: str, content: bytes) -> Files:
    """Another content that the manifest vouches for: what the checks behind the hash see."""
    manifest = msgspec.json.decode(files[MANIFEST], type=Manifest)
    hashes = manifest.files | {name: hashlib.sha256(content).hexdigest()}
    return with_manifest(files | {name: content}, files=hashes)


def refusal(files: Files) -> ArtefactError:
    with pytest.raises(ArtefactError) as caught:
        load(files)
    assert caught.value.remedy
    assert caught.value.file in str(caught.value)
    return caught.value


def test_a_whole_artefact_loads(files: Files) -> None:
    assert load(files).version == "v1"


@pytest.mark.parametrize("name", artefact.FILES)
def test_a_missing_file_is_named(files: Files, name: str) -> None:
    error = refusal({file: data for file, data in files.items() if file != name})

    assert error.file == name
    assert "missing" in error.reason


@pytest.mark.parametrize("name", artefact.FILES)
@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: b"", lambda d: d[: len(d) // 2]])
def test_a_file_that_is_cut_off_is_refused(files: Files, name: str, damage: Callable[[bytes], bytes]) -> None:
    damaged = damage(files[name])
    if name == MANIFEST and damaged == files[name].rstrip(b"\n"):
        damaged = damaged[:-1]

    assert refusal(files | {name: damaged}).file == name


@pytest.mark.parametrize("name", [GRAPH, TABLES])
def test_a_single_changed_bit_is_refused(files: Files, name: str) -> None:
    changed = bytearray(files[name])
    changed[len(changed) // 2] ^= 1

    error = refusal(files | {name: bytes(changed)})

    assert error.file == name
    assert "sha256" in error.reason


@pytest.mark.parametrize("name", artefact.FILES)
def test_an_oversized_file_is_refused_unread(
    files: Files, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(artefact.CAPS, name, len(files[name]) - 1)

    error = refusal(files)

    assert error.file == name
    assert "bytes" in error.reason


BIN = Bin(upper=1.0, rows=100, positives=40, low=0.3, high=0.5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": 3}, "format 3"),
        ({"registry": "0" * 16}, "other features"),
        ({"features": ("x",), "medians": (None,)}, "other features"),
        ({"score_map": ()}, "never exported"),
        ({"bins": ()}, "never exported"),
        ({"medians": (1.0,)}, "median"),
        ({"score_map": (Knot(0.0, 0.0), Knot(0.5, 75.0), Knot(0.4, 80.0), Knot(1.0, 100.0))}, "rise"),
        ({"score_map": (Knot(0.0, 0.0), Knot(0.4, 75.0), Knot(0.5, 50.0), Knot(1.0, 100.0))}, "rise"),
        ({"score_map": (Knot(0.1, 0.0), Knot(1.0, 100.0))}, "rise"),
        ({"score_map": (Knot(0.0, 0.0), Knot(1.0, 900.0))}, "rise"),
        ({"bins": (BIN, BIN)}, "bins do not rise"),
        ({"bins": (msgspec.structs.replace(BIN, low=0.7),)}, "interval"),
        ({"horizon_days": 0}, "horizon"),
        ({"files": {}}, "sha256"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(files: Files, changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(with_manifest(files, **changes)).reason


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"format": 2}', b"null"])
def test_what_is_no_manifest_is_refused(files: Files, content: bytes) -> None:
    assert refusal(files | {MANIFEST: content}).file == MANIFEST


def graph_with(files: Files, change: Callable[[Any], None]) -> bytes:
    graph = onnx.load_from_string(files[GRAPH])
    change(graph)
    return bytes(graph.SerializeToString())


def external_weights(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.ClearField("double_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def external_weights_without_a_location_flag(model: Any) -> None:
    entry = model.graph.node[0].attribute[-1].t.external_data.add()
    entry.key, entry.value = "location", "weights"


def foreign_operator(model: Any) -> None:
    model.graph.node.append(helper.make_node("Identity", ["margin"], ["copy"], domain="evil"))


def subgraph(model: Any) -> None:
    inner = helper.make_graph([], "inner", [], [])
    model.graph.node[1].attribute.append(helper.make_attribute("body", inner))


def function(model: Any) -> None:
    model.functions.append(helper.make_function("d", "f", ["x"], ["y"], [], []))


HOSTILE = [external_weights, external_weights_without_a_location_flag, foreign_operator, subgraph, function]


@pytest.mark.parametrize("change", HOSTILE)
def test_a_graph_that_reaches_beyond_itself_is_refused_before_the_runtime_sees_it(
    files: Files, change: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefact, "session_of", lambda *_, **__: pytest.fail("the runtime saw it"))

    error = refusal(signed(files, GRAPH, graph_with(files, change)))

    assert error.file == GRAPH


@pytest.mark.parametrize("content", [b"", b"\x00", b"not onnx at all", b"\xff" * 40, pickle.dumps([1])])
def test_what_is_no_graph_is_refused(files: Files, content: bytes) -> None:
    assert refusal(signed(files, GRAPH, content)).file == GRAPH


def test_a_second_graph_behind_the_first_is_refused(files: Files) -> None:
    """A reader would merge them: the field `graph` once more, empty."""
    assert refusal(signed(files, GRAPH, files[GRAPH] + b"\x3a\x00")).file == GRAPH
    with pytest.raises(GraphError, match="one graph"):
        check_graph(files[GRAPH] + b"\x3a\x00")


def test_every_cut_of_a_graph_is_refused_in_words(files: Files) -> None:
    graph = files[GRAPH]

    for size in range(0, len(graph), 97):
        try:
            check_graph(graph[:size])
        except GraphError:
            continue
        assert refusal(signed(files, GRAPH, graph[:size])).file == GRAPH


def test_a_graph_of_other_inputs_is_refused(files: Files) -> None:
    def narrower(model: Any) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3

    assert refusal(signed(files, GRAPH, graph_with(files, narrower))).file == GRAPH


def tables_with(files: Files, **changes: Any) -> bytes:
    with np.load(io.BytesIO(files[TABLES])) as arrays:
        content = {name: arrays[name] for name in arrays.files} | changes
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: value for name, value in content.items() if value is not None})
    return buffer.getvalue()


@pytest.mark.parametrize(
    "changes",
    [
        {"values": None},
        {"more": np.zeros(1)},
        {"values": np.zeros(3)},
        {"values": np.zeros(3, np.float32)},
        {"pair_group": np.array([10**6], np.int32)},
        {"run_offsets": np.zeros(1, np.uint16)},
        {"group_features": np.zeros(1, np.int32)},
        {"values": np.array([object()], dtype=object)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_tables_that_contradict_themselves_or_hold_objects_are_refused(
    files: Files, changes: dict[str, Any]
) -> None:
    assert refusal(signed(files, TABLES, tables_with(files, **changes))).file == TABLES


def test_a_pickle_in_the_tables_is_never_loaded(files: Files, tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    hostile = tables_with(files, values=np.array([Hostile()], dtype=object))

    assert refusal(signed(files, TABLES, hostile)).file == TABLES
    assert refusal(signed(files, TABLES, pickle.dumps(Hostile()))).file == TABLES
    assert not (tmp_path / "ran").exists()


def test_tables_that_unpack_to_too_much_are_refused(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefact, "UNPACKED_CAP", 1000)

    assert "unpacks" in refusal(files).reason


def test_a_member_that_lies_about_its_size_is_refused(files: Files) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(files[TABLES])) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry.filename, content[: len(content) // 2])

    assert refusal(signed(files, TABLES, buffer.getvalue())).file == TABLES


def test_scoring_by_rules_loads_no_runtime_of_models() -> None:
    code = "import sys, stemtide.scoring.assess, stemtide.store.models; print('onnxruntime' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"
