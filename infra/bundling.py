"""The layers' content, made on this machine without Docker and kept by the hash of what it is made from.

Same input, same bytes: nothing of this machine (paths, names, compiled caches) goes in.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from stemtide.config import FILE_NAME

from infra.config import Deployment, native_platform

ROOT: Final = Path(__file__).resolve().parents[1]
DOMAIN: Final = ROOT / "layers" / "domain" / "python"
CONFIGURATION: Final = Path(os.environ.get("STEMTIDE_CONFIG") or ROOT / FILE_NAME).resolve()
"""The company's configuration that is deployed."""
LOCK: Final = ROOT / "requirements" / "layer.txt"
INFERENCE_LOCK: Final = ROOT / "requirements" / "inference.txt"
HISTORY_LOCK: Final = ROOT / "requirements" / "history.txt"
OUTREACH_LOCK: Final = ROOT / "requirements" / "outreach.txt"
BUILD: Final = ROOT / "build" / "layers"
PLATFORMS: Final = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
"""Amazon Linux 2023, the base of the Python 3.12+ runtimes, has glibc 2.34; wheels ask for 2.28 at most."""
RECIPE: Final = "1"
"""Changes when the way of bundling does, so that kept layers are made anew."""
MACHINE_FILES: Final = (
    "bin",
    "__pycache__",
    ".lock",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/uv_cache.json",
    "*.dist-info/direct_url.json",
)
"""What an installer writes about the machine it ran on; nothing reads it in a Lambda function."""

UNUSED_OF_NUMPY: Final = (
    *(f"numpy/{part}" for part in ("_core/include", "_pyinstaller", "distutils", "doc", "f2py", "testing")),
    *("numpy/**/tests", "numpy/_core/*_tests.*.so", "**/*.a", "**/*.pxd", "**/*.pyi"),
)
ONLY_FOR_DEMONSTRATION: Final = tuple(
    f"{package}{rest}"
    for package in ("requests", "urllib3", "certifi", "idna", "charset_normalizer")
    for rest in ("", "-*")
)
"""What vaderSentiment's own demonstration loads. A urllib3 here would also take the place of boto3's."""
NOT_FOR_SCORING: Final = (
    *(f"onnxruntime/{part}" for part in ("backend", "datasets", "quantization", "tools", "transformers")),
    "onnxruntime/capi/libonnxruntime.so.*",  # for programs in C; Python's module holds it all once more
    *("google", "protobuf-*", "flatbuffers", "flatbuffers-*", "packaging", "packaging-*"),
    *("numpy", "numpy-*", "numpy.libs"),  # in the runtime layer
    *("**/*.a", "**/*.pxd", "**/*.pyi"),
)
"""What NumPy and onnxruntime bring and no function loads, a third of their size. Nothing is stripped: that
breaks OpenBLAS."""
UNUSED_OF_DUCKDB: Final = ("duckdb/experimental", "adbc_driver_duckdb", "**/*.pyi")
NOT_FOR_OUTREACH: Final = (
    *("urllib3", "urllib3-*"),  # boto3 brings its own
    *("babel/messages", "**/*.pyi"),
)


class BundlingError(RuntimeError):
    """A layer could not be made; the message holds the installer's own words."""


def domain_layer() -> Path:
    """The domain package and the company's stemtide.toml beside it."""
    files = sorted(p for p in DOMAIN.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    digest = hashlib.sha256(RECIPE.encode())
    named = {path: str(path.relative_to(ROOT)) for path in files} | {CONFIGURATION: FILE_NAME}
    for path, name in named.items():
        digest.update(f"\0{name}\0".encode() + path.read_bytes())

    def fill(python: Path) -> None:
        for path in files:
            target = python / path.relative_to(DOMAIN)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        shutil.copyfile(CONFIGURATION, python / FILE_NAME)

    return _kept("domain", digest.hexdigest(), fill)


def runtime_layer(deployment: Deployment) -> Path:
    """The locked third-party packages, for AWS Lambda or for this machine's interpreter.

    Raises:
        BundlingError: a package has no wheel for the target, or its hash differs from the lock's.
    """
    return _third_party("runtime", LOCK, deployment, without=(*UNUSED_OF_NUMPY, *ONLY_FOR_DEMONSTRATION))


def inference_layer(deployment: Deployment) -> Path:
    """What scoring needs on top of the runtime layer, for the same target, and nothing else of it.

    Raises:
        BundlingError: see `runtime_layer`.
    """
    return _third_party("inference", INFERENCE_LOCK, deployment, without=NOT_FOR_SCORING)


def history_layer(deployment: Deployment) -> Path:
    """What writes Parquet, for the same target as the runtime layer.

    Raises:
        BundlingError: see `runtime_layer`.
    """
    return _third_party("history", HISTORY_LOCK, deployment, without=UNUSED_OF_DUCKDB)


def outreach_layer(deployment: Deployment) -> Path:
    """What speaks to the payment provider and writes mails, for the same target as the runtime layer.

    Raises:
        BundlingError: see `runtime_layer`.
    """
    return _third_party("outreach", OUTREACH_LOCK, deployment, without=NOT_FOR_OUTREACH)


def _third_party(name: str, lock: Path, deployment: Deployment, without: Sequence[str] = ()) -> Path:
    if deployment.native_layers:
        version, machine = native_platform()
        target = ["--python", sys.executable]
    else:
        version, machine = deployment.python_version, PLATFORMS[deployment.architecture]
        target = ["--python-version", version, "--python-platform", machine]
    digest = hashlib.sha256("\0".join((RECIPE, version, machine, lock.read_text(), *without)).encode())

    def fill(python: Path) -> None:
        _install(target, python, lock)
        for pattern in [*(f"**/{name}" for name in MACHINE_FILES), *without]:
            for path in list(python.glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return _kept(f"{name}-{version.replace('.', '')}-{machine}", digest.hexdigest(), fill)


def _install(target: list[str], python: Path, lock: Path) -> None:
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--color", "never"]
    exactly = ["--require-hashes", "--only-binary", ":all:", "--link-mode", "copy", "-r", str(lock)]
    command = [*uv, *exactly, *target, "--target", str(python)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode:
        raise BundlingError(f"the layer of {lock.name} could not be bundled:\n{answer.stderr.strip()}")


def _kept(name: str, digest: str, fill: Callable[[Path], None]) -> Path:
    """The folder of this content; made in a private folder and moved into place, so it is whole or absent."""
    folder = BUILD / f"{name}-{digest[:16]}"
    if not folder.exists():
        draft = BUILD / f".{folder.name}.{os.getpid()}"
        try:
            (draft / "python").mkdir(parents=True)
            fill(draft / "python")
            draft.rename(folder)
        except OSError:
            if not folder.exists():  # otherwise another process was quicker
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def unzipped_bytes(folder: Path) -> int:
    """Size as Lambda counts it: of the files, without folders' own entries."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
