"""Function code and layers, unpacked once per content into a folder that all workers share."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path

READ_ONLY = 0o444
RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
"""What AWS's Python runtime brings along; everything else must come from the function or its layers."""

_lock = threading.Lock()


def folder() -> Path:
    """The root of the shared folders, in the emulator's temporary directory."""
    return Path(os.environ.get("TMPDIR") or tempfile.gettempdir()) / "lambda-unpacked"


def unpack(archive: bytes) -> Path:
    """The folder holding a zip archive's files, unpacked by the first caller.

    Files are read-only; folders are not, so that Python keeps its compiled modules there for the next worker.
    Raises `zipfile.BadZipFile` for what is no zip archive.
    """
    target = folder() / hashlib.sha256(archive).hexdigest()[:32]
    with _lock:
        if not target.exists():
            _unpack_into(target, archive)
    return target


def runtime_packages() -> Path:
    """A folder with links to the packages of AWS's runtime, taken from the emulator's own environment."""
    target = folder() / "runtime"
    with _lock:
        if not target.exists():
            staging = Path(tempfile.mkdtemp(prefix="staging-", dir=_made(folder())))
            for name in RUNTIME_PACKAGES:
                source = _location(name)
                (staging / source.name).symlink_to(source)
            staging.rename(target)
    return target


def _unpack_into(target: Path, archive: bytes) -> None:
    """Unpack beside the target and rename, so that a target is always complete."""
    staging = Path(tempfile.mkdtemp(prefix="staging-", dir=_made(target.parent)))
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
            zipped.extractall(staging)
        for path in staging.rglob("*"):
            if path.is_file():
                path.chmod(READ_ONLY)
        staging.chmod(0o755)
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _location(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is part of AWS's Python runtime and missing here")
    origin = Path(spec.origin)
    return origin.parent if origin.name == "__init__.py" else origin


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
