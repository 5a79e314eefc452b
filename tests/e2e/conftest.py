"""One local cloud with the real stacks, shared by all journeys of a test run and removed afterwards."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.local.home import ROOT, Home
from tests.e2e.stack import Stack

FOLDER = ROOT / "build" / "e2e"
CONFIGURATION = ROOT / "tests" / "e2e" / "stemtide.toml"
DAY_S = 6
"""Real seconds of a model day where the clock hurries."""


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """A deployed local cloud of the tests' own (not the one of `make up`)."""
    with cloud(FOLDER) as home:
        yield home
    assert not home.folder.exists()


@pytest.fixture(scope="session")
def hurried_home() -> Iterator[Home]:
    """Another one, whose clock hurries."""
    with cloud(ROOT / "build" / "e2e-hurried", CLOCK_SCALE=str(86_400 // DAY_S)) as home:
        yield home


@pytest.fixture(scope="session")
def hurried(hurried_home: Home) -> Stack:
    return Stack.load(hurried_home.stack_file)


@contextmanager
def cloud(folder: Path, **env: str) -> Iterator[Home]:
    """A local cloud while it is used."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        home = Home(folder=folder, port=free.getsockname()[1])
    run_local(home, "down")
    try:
        run_local(home, "up", **env)
        yield home
    finally:
        run_local(home, "down")


@pytest.fixture(scope="session")
def stack(home: Home) -> Stack:
    return Stack.load(home.stack_file)


def run_local(home: Home, command: str, **env: str) -> str:
    """`make up` and its kin, as a person runs them, on this home; returns what it printed."""
    answer = subprocess.run(
        [ROOT / ".venv" / "bin" / "python", "-m", "infra.local", command],
        cwd=ROOT,
        env=environment(home) | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stderr


def environment(home: Home) -> dict[str, str]:
    """This home's environment; the emulator enforces each function's IAM policy, so that a permission
    that a role lacks fails here."""
    return dict(os.environ) | {
        "STEMTIDE_LOCAL_DIR": str(home.folder),
        "STEMTIDE_PORT": str(home.port),
        "STEMTIDE_CONFIG": str(CONFIGURATION),
        "AUTH": "true",
    }


def stemtide(home: Home, *arguments: str, expect: int = 0) -> dict[str, Any]:
    """Run the command line against this home and return what it printed with --json."""
    answer = subprocess.run(
        [ROOT / ".venv" / "bin" / "stemtide", *arguments, "--json"],
        cwd=ROOT,
        env=environment(home) | {"STEMTIDE_STACK": str(home.stack_file)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == expect, f"{arguments}: {answer.stdout}\n{answer.stderr}"
    parsed: dict[str, Any] = json.loads(answer.stdout)
    return parsed
