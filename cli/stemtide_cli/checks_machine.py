"""Is this machine ready to deploy and run the product?"""

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from stemtide.config import ConfigError, load_config

from stemtide_cli.checks import Check, Run
from stemtide_cli.stack import project_root

MIN_PYTHON = (3, 11)
MIN_NODE = 20
MIN_FREE_GB = 2.0


def machine_checks() -> list[Run]:
    """What to look at on this machine, in order."""
    root = project_root()
    return [
        ("python", python),
        ("virtual environment", lambda: environment(root)),
        ("node", lambda: tool("node", minimum=MIN_NODE)),
        ("npm", lambda: tool("npm", minimum=None)),
        ("CDK command line", lambda: cdk(root)),
        ("disk", lambda: disk(root)),
        ("configuration", lambda: configuration(root)),
    ]


def python() -> Iterator[Check]:
    """The interpreter's version."""
    version = platform.python_version()
    if sys.version_info >= MIN_PYTHON:
        yield Check(name="python", state="ok", says=version)
    else:
        yield Check(
            name="python", state="fail", says=version, do="install Python 3.11 or newer, then `make setup`"
        )


def environment(root: Path) -> Iterator[Check]:
    """Whether this runs in the project's own virtual environment, and that is up to date."""
    name = "virtual environment"
    marker, lock = root / ".venv" / ".installed", root / "requirements" / "dev.txt"
    if Path(sys.prefix).resolve() != (root / ".venv").resolve():
        yield Check(name=name, state="warn", says=f"runs in {sys.prefix}", do="use .venv/bin/stemtide")
    elif not marker.exists() or marker.stat().st_mtime < lock.stat().st_mtime:
        yield Check(name=name, state="warn", says="older than its lock file", do="run `make setup`")
    else:
        yield Check(name=name, state="ok", says=sys.prefix)


def tool(name: str, *, minimum: int | None) -> Iterator[Check]:
    """Whether a program is there and, with `minimum`, new enough (major version)."""
    found = shutil.which(name)
    if found is None:
        yield Check(
            name=name,
            state="fail",
            says="not found",
            do=f"install Node.js {MIN_NODE} or newer, it brings npm",
        )
        return
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - a path from PATH
    major = version.lstrip("v").split(".")[0]
    if minimum is not None and not (major.isdecimal() and int(major) >= minimum):
        yield Check(name=name, state="fail", says=version, do=f"install Node.js {minimum} or newer")
    else:
        yield Check(name=name, state="ok", says=version)


def cdk(root: Path) -> Iterator[Check]:
    """Whether the pinned CDK command line is installed."""
    present = (root / "node_modules" / ".bin" / "cdk").exists()
    yield (
        Check(name="CDK command line", state="ok", says="installed")
        if present
        else Check(name="CDK command line", state="warn", says="not installed", do="run `make setup`")
    )


def disk(root: Path) -> Iterable[Check]:
    """Free space where the local cloud lives."""
    free_gb = shutil.disk_usage(root).free / 1e9
    enough = free_gb >= MIN_FREE_GB
    yield Check(
        name="disk",
        state="ok" if enough else "fail",
        says=f"{free_gb:.1f} GB free",
        do=None if enough else f"free {MIN_FREE_GB:g} GB, or set STEMTIDE_LOCAL_DIR to another disk",
    )


def configuration(root: Path) -> Iterator[Check]:
    """Whether stemtide.toml would pass at synth."""
    path = root / "stemtide.toml"
    try:
        load_config(path)
    except ConfigError as error:
        yield Check(name="configuration", state="fail", says=str(error), do=f"correct {path}")
    else:
        yield Check(name="configuration", state="ok", says=str(path))
