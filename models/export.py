"""From a trained booster to the artefact that serves: graph, explanation tables, completed manifest.

Nothing is written unless the loaded artefact says what LightGBM says (`models/parity.py`).
"""

import io
import math
import shutil
import tempfile
from pathlib import Path

import lightgbm
import msgspec
import numpy as np
from lightgbm.basic import LightGBMError
from msgspec import MsgspecError
from stemtide.config_schema import Config
from stemtide.features.registry import Shape, registry
from stemtide.scoring.artefact import ArtefactError, load
from stemtide.scoring.manifest import BLANK, GRAPH, MANIFEST, TABLES, Manifest, flaw_of, seal_of
from stemtide.scoring.score_map import score_map

from models import parity
from models.explain_tables import Arrays, expected_margin, tables_of
from models.onnx_trees import graph_of
from models.trees import ExportError, Node, trees_of
from models.versions import BOOSTER, named, settled, sha256_of

__all__ = ["BOOSTER", "ExportError", "export"]


def export(folder: Path, config: Config) -> Manifest:
    """Write `model.onnx` and `explain.npz` into a candidate's folder and complete its `manifest.json`.

    With other multiples or tools than the candidate was made with its content is another one, and so is its
    version: it then goes into the folder of that name beside, with the booster. A version never changes.

    Args:
        folder: holds `booster.txt` (LightGBM's text) and the manifest that training wrote.
        config: its `[scoring] tier_multiples` decide the score map.

    Returns:
        The manifest, whose version may be another one now.

    Raises:
        ExportError: the model would not be served exactly; nothing was written.
    """
    before = _manifest(folder)
    manifest = settled(before, config.scoring.tier_multiples)
    booster = booster_of(folder, manifest)
    if manifest != before:
        manifest = named(manifest, before.version.rpartition("-")[0] or before.version)
    trees = trees_of(booster, features=manifest.features)
    files, manifest = _build(trees, manifest, config)
    try:
        model = load(files)
    except ArtefactError as error:
        raise ExportError(
            f"the exported files are refused ({error.file}: {error.reason})", error.remedy
        ) from error
    manifest = msgspec.structs.replace(manifest, parity=parity.check(model, booster, trees))
    own = folder if manifest.version == before.version else folder.parent / manifest.version
    if own != folder:
        own.mkdir(exist_ok=True)
        shutil.copy2(folder / BOOSTER, own / BOOSTER)  # with its time, which is that of the training
    _write(own, files | {MANIFEST: encode(manifest)})
    return manifest


def booster_of(folder: Path, manifest: Manifest) -> lightgbm.Booster:
    """A candidate's booster, if it is the one that was trained: LightGBM takes other text for another model,
    or ends the process.

    Raises:
        ExportError: it is not, or cannot be read.
    """
    file, remedy = folder / BOOSTER, "Train the model again."
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ExportError(f"{file} cannot be read ({error})", remedy) from error
    if sha256_of(text) != manifest.files.get(BOOSTER):
        raise ExportError(f"{file} is not the one that was trained: its sha256 is another", remedy)
    try:
        return lightgbm.Booster(model_str=text.decode())
    except (UnicodeDecodeError, LightGBMError) as error:
        raise ExportError(f"{file} cannot be read ({error})", remedy) from error


def encode(manifest: Manifest) -> bytes:
    """A manifest as its file holds it, with its own sha256 beside the other files' once there are any."""
    if manifest.files:
        manifest = msgspec.structs.replace(manifest, files=manifest.files | {MANIFEST: BLANK})
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    return data.replace(BLANK.encode(), seal_of(data, BLANK).encode()) if manifest.files else data


def pack(arrays: Arrays) -> bytes:
    """Arrays as an npz file; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _build(trees: list[Node], manifest: Manifest, config: Config) -> tuple[dict[str, bytes], Manifest]:
    width = len(manifest.features)
    files = {
        GRAPH: graph_of(trees, calibration=manifest.calibration, width=width),
        TABLES: pack(tables_of(trees, width=width)),
    }
    try:
        knots = score_map(manifest.base_rate, config.scoring.tier_multiples)
    except ValueError as error:
        raise ExportError(
            f"there is no score map ({error})", "Train on more data, or change [scoring] tier_multiples."
        ) from error
    manifest = msgspec.structs.replace(
        manifest,
        expected_margin=expected_margin(trees),
        score_map=knots,
        files={BOOSTER: manifest.files[BOOSTER]} | {name: sha256_of(data) for name, data in files.items()},
        parity={},
    )
    return files | {MANIFEST: encode(manifest)}, manifest


def _manifest(folder: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, MsgspecError) as error:
        raise ExportError(
            f"{folder / MANIFEST} cannot be read ({error})",
            "Train the model again, or check the version's name.",
        ) from error
    if reason := _flaw(manifest):
        raise ExportError(
            f"{folder / MANIFEST}: {reason}", "Train the model again with this version of Stemtide."
        )
    return manifest


def _flaw(manifest: Manifest) -> str | None:
    """What of a manifest cannot be served."""
    slope, intercept = manifest.calibration.slope, manifest.calibration.intercept
    known = registry(Shape(manifest.parts, manifest.meters))
    if (manifest.features, manifest.registry) != (known.names, known.hash):
        return "its features are not those of the registry"
    if not (math.isfinite(slope) and math.isfinite(intercept) and slope > 0):
        return "its calibration does not rise with the margin"
    return flaw_of(manifest)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Everything to a folder beside, then into place, the manifest last: it names the others' hashes."""
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as draft:
        for name, data in files.items():
            (Path(draft) / name).write_bytes(data)
        for name in (GRAPH, TABLES, MANIFEST):
            (Path(draft) / name).replace(folder / name)
