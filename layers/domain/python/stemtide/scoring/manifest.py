"""What a model artefact says of itself: everything a scorer needs beside the graph and the arrays."""

import hashlib
from itertools import pairwise
from typing import Any, Final

import msgspec

from stemtide.scoring.anomaly import UsualRange

FORMAT: Final = 2
GRAPH: Final = "model.onnx"
TABLES: Final = "explain.npz"
MANIFEST: Final = "manifest.json"
BLANK: Final = "0" * 64
"""What stands for a manifest's own sha256 while that is computed."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """probability = sigmoid(slope x margin + intercept); the slope is positive."""

    slope: float
    intercept: float


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Calibration rows with a probability below `upper` (and not below the previous bin's), and the 90 %
    interval of their observed rate."""

    upper: float
    rows: int
    positives: int
    low: float
    high: float


class Knot(msgspec.Struct, frozen=True, array_like=True):
    """A point of the monotone map from probability to score; linear in between."""

    probability: float
    score: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How young accounts were in training: nearly all rows (see `models.train.YOUNG`) had at least so many
    days of known usage and of tenure. Younger ones are none that the model has learnt of."""

    history_days: int = 0
    tenure_days: int = 0


EVERYBODY: Final = Seen()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One trained model; `parts` and `meters` are the names that the configuration had, `usual` what an
    anomaly of use is held against, `seen` how young accounts were in training. The export fills in `files`,
    `parity` and `score_map`.

    `features` are the graph's inputs in order, `registry` the hash of their declarations, `medians` their
    typical value in training (null where unknown), `expected_margin` the explanation's base value.
    `files` holds the sha256 of each file, the manifest's own among them (see `seal_of`), and from training on
    that of the booster's text, which stays where it was trained.
    """

    name: str
    version: str
    target: str
    horizon_days: int
    features: tuple[str, ...]
    registry: str
    base_rate: float
    calibration: Calibration
    bins: tuple[Bin, ...]
    medians: tuple[float | None, ...]
    data: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
    parts: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()
    usual: UsualRange | None = None
    seen: Seen = EVERYBODY
    expected_margin: float = 0.0
    score_map: tuple[Knot, ...] = ()
    parity: dict[str, Any] = {}
    files: dict[str, str] = {}
    format: int = FORMAT


def seal_of(data: bytes, seal: str) -> str:
    """The sha256 of a manifest's bytes in which `BLANK` stands for `seal`, the sha256 that it names.

    It finds damage: one digit of a cut or of a typical value would be wrong without a sign of it.
    """
    return hashlib.sha256(data.replace(seal.encode(), BLANK.encode()) if seal else data).hexdigest()


def flaw_of(manifest: Manifest) -> str | None:
    """What of a manifest contradicts itself, None if nothing does; a map that is still to be made is none."""
    knots = manifest.score_map
    if len(manifest.medians) != len(manifest.features):
        return "it does not have one median per feature"
    if manifest.horizon_days < 1:
        return "its horizon is no day"
    if not manifest.bins or any(b.upper <= a.upper for a, b in pairwise(manifest.bins)):
        return "its bins do not rise"
    if any(not 0 <= b.low <= b.high <= 1 for b in manifest.bins):
        return "the interval of a bin is none"
    rises = all(a.probability < b.probability and a.score <= b.score for a, b in pairwise(knots))
    if knots and not (rises and knots[0] == Knot(0.0, 0.0) and knots[-1] == Knot(1.0, 100.0)):
        return "its score map does not rise from 0 to 100"
    return None
