"""Third-party packages are bundled for the machine that will run them, not for this one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stemtide.sentiment import of_text

from infra.bundling import domain_layer, history_layer, inference_layer, runtime_layer, unzipped_bytes
from infra.config import Deployment
from tests.scoring_models import exported, rows, trained

ELF_MACHINES = {"x86_64": 62, "arm64": 183}
"""e_machine of an ELF file: EM_X86_64 and EM_AARCH64."""


def machine_of(library: Path) -> int:
    return int.from_bytes(library.read_bytes()[18:20], "little")


RUNTIME_MB = 75
"""Mostly NumPy, which the users' sketches need and only load when they come to be."""


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_compiled_packages_are_of_the_target_architecture_and_python(architecture: str) -> None:
    folder = runtime_layer(Deployment(architecture=architecture))

    libraries = list(folder.rglob("*.so"))
    assert libraries
    assert {machine_of(library) for library in libraries} == {ELF_MACHINES[architecture]}
    modules = [library for library in libraries if library.parent.name != "numpy.libs"]
    assert all("cpython-313" in library.name or ".abi3." in library.name for library in modules)
    assert 1_000_000 < unzipped_bytes(folder) < RUNTIME_MB * 1_000_000


def test_a_ticket_is_judged_with_the_layers_alone_and_boto3_keeps_its_own_urllib3() -> None:
    """In an interpreter without site-packages: nothing but what a Lambda function has."""
    text = "The export is broken again and nobody answers."
    layers = [folder / "python" for folder in (domain_layer(), runtime_layer(Deployment(native_layers=True)))]
    program = "import sys; sys.path[:0] = sys.argv[2:]; from stemtide.sentiment import of_text; "
    program += "print(of_text(sys.argv[1]))"

    answer = subprocess.run(
        [sys.executable, "-B", "-S", "-E", "-s", "-c", program, text, *map(str, layers)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.stdout.strip() == str(of_text(text)), answer.stderr
    assert not {path.name for path in layers[1].iterdir()} & {"requests", "urllib3", "certifi", "idna"}


INFERENCE_MB = 50
"""NumPy is in the runtime layer."""
SCORE = """
import json, pathlib, sys
sys.path[:0] = sys.argv[2:]
import numpy
from stemtide.scoring.artefact import FILES, load
folder = pathlib.Path(sys.argv[1])
model = load({name: (folder / name).read_bytes() for name in FILES})
x = numpy.load(folder / "x.npy")
loaded = {name.split(".")[0] for name in sys.modules}
print(json.dumps([model.predict(x).probability.tolist(), model.explain(x).tolist(), sorted(loaded)]))
"""


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_the_inference_layer_is_small_and_of_the_target_architecture(architecture: str) -> None:
    folder = inference_layer(Deployment(architecture=architecture))

    libraries = [path for path in folder.rglob("*.so*") if path.is_file()]
    assert {machine_of(library) for library in libraries} == {ELF_MACHINES[architecture]}
    assert unzipped_bytes(folder) < INFERENCE_MB * 1_000_000
    assert {path.name.split("-")[0] for path in (folder / "python").iterdir()} >= {"onnxruntime"}
    assert not list((folder / "python").glob("numpy*"))


HISTORY_MB = 75
"""DuckDB; with the runtime layer it stays below what Lambda takes by a hundred megabytes."""
WRITE = """
import sys
sys.path[:0] = sys.argv[1:]
from stemtide.history_rows import DayRow
from stemtide.store.history_parquet import parquet_of
row = DayRow("acme", 20000, 1, 2, 3, {"Opened": 3}, b"\\x01", b"", 5, None)
sys.stdout.buffer.write(parquet_of([row]))
"""


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_the_history_layer_is_of_the_target_architecture(architecture: str) -> None:
    folder = history_layer(Deployment(architecture=architecture))

    libraries = [path for path in folder.rglob("*.so*") if path.is_file()]
    assert {machine_of(library) for library in libraries} == {ELF_MACHINES[architecture]}
    assert unzipped_bytes(folder) < HISTORY_MB * 1_000_000
    assert not list((folder / "python").glob("numpy*"))


def test_the_layers_alone_write_rows_without_a_home() -> None:
    """In an interpreter without site-packages and environment: nothing but what a Lambda function has."""
    native = Deployment(native_layers=True)
    layers = [folder / "python" for folder in (domain_layer(), runtime_layer(native), history_layer(native))]

    answer = subprocess.run(
        [sys.executable, "-B", "-S", "-E", "-s", "-c", WRITE, *map(str, layers)],
        env={},
        capture_output=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout[:4] == answer.stdout[-4:] == b"PAR1"


def test_the_layers_alone_score_and_explain_as_here(tmp_path: Path) -> None:
    """In an interpreter without site-packages: nothing but what a Lambda function has."""
    model = exported(tmp_path / "v1", trained(rows()))
    x = rows(20, seed=5)
    np.save(tmp_path / "v1" / "x.npy", x)
    native = Deployment(native_layers=True)
    layers = [
        folder / "python" for folder in (domain_layer(), runtime_layer(native), inference_layer(native))
    ]

    answer = subprocess.run(
        [sys.executable, "-B", "-S", "-E", "-s", "-c", SCORE, str(tmp_path / "v1"), *map(str, layers)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    probabilities, contributions, loaded = json.loads(answer.stdout)
    assert probabilities == model.predict(x).probability.tolist()
    assert contributions == model.explain(x).tolist()
    assert not {"lightgbm", "scipy", "shap", "onnx", "sklearn", "google"} & set(loaded)
