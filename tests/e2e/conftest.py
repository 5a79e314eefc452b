"""One local cloud with the real stacks, shared by all journeys of a test run and removed afterwards."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.home import ROOT, Home
from tests.e2e.stack import Stack

FOLDER = ROOT / "build" / "e2e"


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """A deployed local cloud of the tests' own (not the one of `make up`)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        home = Home(folder=FOLDER, port=free.getsockname()[1])
    run_local(home, "down")
    run_local(home, "up")
    yield home
    run_local(home, "down")
    assert not home.folder.exists()


@pytest.fixture(scope="session")
def stack(home: Home) -> Stack:
    return Stack.load(home.stack_file)


def run_local(home: Home, command: str) -> str:
    """`make up` and its kin, as a person runs them, on this home; returns what it printed."""
    answer = subprocess.run(
        [ROOT / ".venv" / "bin" / "python", "-m", "infra.local", command],
        cwd=ROOT,
        env=environment(home),
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
