"""A model as it is loaded to score: everything is checked before any of it runs, nothing is unpickled."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from stemtide.scoring.explanation import Explainer
from stemtide.scoring.explanation_arrays import DTYPES, TablesError
from stemtide.scoring.graph_check import GraphError, check_graph
from stemtide.scoring.manifest import FORMAT, GRAPH, MANIFEST, TABLES, Manifest, flaw_of, seal_of
from stemtide.scoring.plain_arrays import ArraysError, read_arrays

Floats = npt.NDArray[np.float64]

FILES: Final = (MANIFEST, GRAPH, TABLES)
CAPS: Final = {MANIFEST: 1_000_000, GRAPH: 32_000_000, TABLES: 64_000_000}
"""Bytes that a file may have; ten times what 500 trees need, and far below a function's memory."""
UNPACKED_CAP: Final = 256_000_000
"""Bytes that the tables may have once unpacked."""
TOGETHER: Final = 1e-6
"""Largest difference between a margin and its explanation's sum, a thousand times what the export allows."""
AGAIN: Final = "Export the model again (`stemtide export`) and promote that version."


class ArtefactError(ValueError):
    """A file of a model that must not be used; says which, why, and what to do."""

    def __init__(self, file: str, reason: str, remedy: str = AGAIN) -> None:
        super().__init__(f"{file}: {reason}. {remedy}")
        self.file = file
        self.reason = reason
        self.remedy = remedy


class Prediction(NamedTuple):
    """Of N rows: the model's margin (log odds) and the calibrated probability, both [N]."""

    margin: Floats
    probability: Floats


@dataclass(frozen=True, slots=True)
class Model:
    """A checked model, ready to score. Rows are float64 [N, F] in the manifest's order; NaN is 'missing'."""

    manifest: Manifest
    session: Any
    explainer: Explainer

    @property
    def version(self) -> str:
        return self.manifest.version

    def predict(self, x: Floats) -> Prediction:
        """Margin and probability of each row."""
        rows = np.ascontiguousarray(x, np.float64)
        if not len(rows):
            return Prediction(np.empty(0), np.empty(0))
        margin, probability = self.session.run(["margin", "probability"], {"features": rows})
        return Prediction(margin.reshape(-1), probability.reshape(-1))

    def explain(self, x: Floats) -> Floats:
        """Exact SHAP contributions [N, F] to the margin; with `expected_margin` they add up to it."""
        return self.explainer.explain(np.ascontiguousarray(x, np.float64))


def load(files: Mapping[str, bytes]) -> Model:
    """The model in `files` (content by name).

    Raises:
        ArtefactError: a file is missing, too large, damaged, not the one that was exported, or made for other
            features than this package computes.
    """
    _check_sizes(files)
    manifest = _manifest(files[MANIFEST])
    for name in (GRAPH, TABLES):
        if hashlib.sha256(files[name]).hexdigest() != manifest.files.get(name):
            raise ArtefactError(
                name, "its sha256 is not the one that the manifest names: damaged or exchanged"
            )
    _check_registry(manifest)
    try:
        check_graph(files[GRAPH])
    except GraphError as error:
        raise ArtefactError(GRAPH, str(error)) from error
    explainer = _explainer(files[TABLES])
    if explainer.width != len(manifest.features):
        raise ArtefactError(TABLES, "it explains another number of features than the manifest names")
    model = Model(manifest, session_of(files[GRAPH], width=len(manifest.features)), explainer)
    _check_together(model)
    return model


def session_of(graph: bytes, *, width: int) -> Any:
    """An onnxruntime session on one thread: a function has one core, and results must not depend on it.

    Raises:
        ArtefactError: the runtime refuses the graph, or it takes or gives something else than ours do.
    """
    import onnxruntime  # a third of a second that scoring by rules need not spend

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors share no public base class
        raise ArtefactError(GRAPH, f"onnxruntime refuses it ({str(error)[:200]})") from error
    taken = [(i.name, i.type, i.shape[1:]) for i in session.get_inputs()]
    given = {o.name: o.type for o in session.get_outputs()}
    if taken != [("features", "tensor(double)", [width])]:
        raise ArtefactError(GRAPH, f"it does not take 'features' of {width} doubles")
    if given != {"margin": "tensor(double)", "probability": "tensor(double)"}:
        raise ArtefactError(GRAPH, "it does not give 'margin' and 'probability' as doubles")
    return session


def _check_together(model: Model) -> None:
    """Graph and tables are of one model: explanations add up to the margin where all is unknown, or zero."""
    x = np.zeros((2, model.explainer.width))
    x[0] = np.nan
    try:
        margin = model.predict(x).margin
    except Exception as error:  # the runtime's errors share no public base class
        raise ArtefactError(GRAPH, f"onnxruntime cannot run it ({str(error)[:200]})") from error
    sums = model.explain(x).sum(axis=1) + model.manifest.expected_margin
    if not (np.abs(sums - margin) <= TOGETHER * np.maximum(1.0, np.abs(margin))).all():
        raise ArtefactError(TABLES, "its explanations do not add up to what the graph says")


def _check_sizes(files: Mapping[str, bytes]) -> None:
    for name in FILES:
        if name not in files:
            raise ArtefactError(name, "it is missing")
        if len(files[name]) > CAPS[name]:
            raise ArtefactError(name, f"it has {len(files[name]):,} bytes, more than {CAPS[name]:,}")


def _manifest(data: bytes) -> Manifest:
    try:
        declared = msgspec.json.decode(data, type=dict[str, Any]).get("format")
        if declared != FORMAT:
            raise ArtefactError(
                MANIFEST,
                f"it has format {declared!r}, this version reads {FORMAT}",
                "Export the model with the version of Stemtide that is deployed.",
            )
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArtefactError(MANIFEST, f"it cannot be read ({error})") from error
    if not manifest.score_map or not manifest.bins:
        raise ArtefactError(MANIFEST, "it has no score map or no bins: the model was never exported")
    seal = manifest.files.get(MANIFEST, "")
    if seal != seal_of(data, seal):
        raise ArtefactError(MANIFEST, "its sha256 is not the one that it names: damaged or changed")
    if flaw := flaw_of(manifest):
        raise ArtefactError(MANIFEST, flaw)
    return manifest


def _check_registry(manifest: Manifest) -> None:
    from stemtide.features.registry import Shape, registry

    known = registry(Shape(manifest.parts, manifest.meters))
    if (manifest.registry, manifest.features) != (known.hash, known.names):
        raise ArtefactError(
            MANIFEST,
            "the model was trained on other features than this version computes",
            "Train and export it with this version of Stemtide, or deploy the version it was made with.",
        )


def _explainer(data: bytes) -> Explainer:
    try:
        return Explainer(read_arrays(data, DTYPES, cap=UNPACKED_CAP))
    except (ArraysError, TablesError) as error:
        raise ArtefactError(TABLES, str(error)) from error
