"""What a version is named after: all that its files follow from, so that another content has another name."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

import msgspec
from stemtide.scoring.manifest import Manifest

BOOSTER: Final = "booster.txt"
"""LightGBM's text: the manifest has its sha256 from training on."""
TIERS: Final = "tier_multiples"
"""In a manifest's `data`: what its score map was, or is to be, made with."""
HASH_CHARS: Final = 8
_TOOLS: Final = ("lightgbm", "onnx", "onnxruntime", "skl2onnx")


def sha256_of(content: bytes) -> str:
    """As manifests name files."""
    return hashlib.sha256(content).hexdigest()


def settled(manifest: Manifest, multiples: Sequence[float]) -> Manifest:
    """The manifest with what the export hangs on besides the booster: the tiers' multiples of the base rate
    and the versions of its tools."""
    return msgspec.structs.replace(
        manifest,
        data=manifest.data | {TIERS: list(multiples)},
        versions=manifest.versions | {tool: version(tool) for tool in _TOOLS},
    )


def named(manifest: Manifest, prefix: str) -> Manifest:
    """The manifest under the name that follows from its content, the booster's sha256 included; what the
    export fills in follows from that."""
    content = msgspec.structs.replace(
        manifest,
        version="",
        files={BOOSTER: manifest.files[BOOSTER]},
        expected_margin=0.0,
        score_map=(),
        parity={},
    )
    name = f"{prefix}-{sha256_of(msgspec.json.encode(content, order='deterministic'))[:HASH_CHARS]}"
    return msgspec.structs.replace(manifest, version=name)
