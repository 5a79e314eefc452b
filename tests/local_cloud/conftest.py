"""The emulators of the contract tests: one shared, one for each module that kills it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local_cloud.emulator_process import Emulator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a contract test of the local cloud."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.local_cloud)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The corrected emulator, shared: tests name their resources so that they do not meet."""
    with _running(Emulator(tmp_path_factory.mktemp("emulator") / "state")) as running:
        yield running


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator for the tests of one module that kill and restart it."""
    with _running(Emulator(tmp_path_factory.mktemp("mortal") / "state")) as running:
        yield running


@contextlib.contextmanager
def _running(emulator: Emulator) -> Iterator[Emulator]:
    emulator.start()
    try:
        yield emulator
    finally:
        try:
            emulator.stop()
        except subprocess.TimeoutExpired:
            emulator.kill()
            raise
