"""The synthesized cloud assembly, kept while nothing that it is made from changes."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = (
    "infra",
    "functions",
    "layers/domain",
    "stemtide.toml",
    "cdk.json",
    "requirements",
    "package.json",
)
NOT_SYNTHESIZED: Final = ROOT / "infra" / "local"
STAMP: Final = "made-from"


def made_from(context: Mapping[str, str]) -> str:
    """A digest of every source file, the context and the interpreter."""
    digest = hashlib.sha256(json.dumps([sys.version, sorted(context.items())]).encode())
    for path in sorted(_files()):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    for name in SOURCES:
        source = ROOT / name
        for path in [source] if source.is_file() else source.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and NOT_SYNTHESIZED not in path.parents:
                yield path


def is_current(assembly: Path, stamp: str) -> bool:
    """Whether the assembly was made from exactly these inputs."""
    file = assembly / STAMP
    return file.exists() and file.read_text() == stamp


def discard(assembly: Path) -> None:
    """Remove an old assembly with its staged assets, which would otherwise pile up."""
    shutil.rmtree(assembly, ignore_errors=True)


def remember(assembly: Path, stamp: str) -> None:
    """Note what the assembly was made from; called when the synth has succeeded."""
    (assembly / STAMP).write_text(stamp)
