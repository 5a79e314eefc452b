"""The emulator is killed while a log is replayed; after a restart and a resume nothing differs."""

import os
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from infra.local import emulator_process
from infra.local.home import ROOT, Home
from tests.e2e.conftest import environment, run_local, stemtide
from tests.e2e.stack import Stack, balanced
from tests.e2e.test_replayed_log_equals_duckdb import differences, recount

pytestmark = pytest.mark.e2e

FIRST, LAST = "2023-03-01", "2023-03-05"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small log of the crm shape, so that this journey needs no data from elsewhere."""
    import duckdb

    folder = tmp_path_factory.mktemp("log")
    duckdb.execute(
        """copy (
             select timestamp '2023-03-01' + to_seconds(i * 21) as timestamp,
                    'killed-' || (hash(i) % 40) as account_id, 'user-' || (hash(i * 7) % 9) as user_id,
                    'event_' || (hash(i * 3) % 12) as event, null::double as value
             from range(20000) t(i) order by timestamp
           ) to '"""
        + str(folder / "events.parquet")
        + "' (format parquet)"
    )
    return folder


def test_a_killed_emulator_loses_and_doubles_nothing(home: Home, stack: Stack, log: Path) -> None:
    arguments = ["replay", "--mapping", "crm", "--data", str(log)]
    for _ in range(2):
        replay = subprocess.Popen(
            [ROOT / ".venv" / "bin" / "stemtide", *arguments, "--rate", "1000", "--json"],
            cwd=ROOT,
            env=environment(home) | {"STEMTIDE_STACK": str(home.stack_file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        enough = stack.counters()["applied"] + 500
        assert emulator_process.wait_for(partial(_has_applied, stack, enough), timeout_s=60)
        emulator = emulator_process.running_pid(home)
        assert emulator is not None
        os.kill(emulator, signal.SIGKILL)
        _, complaint = replay.communicate()
        assert replay.returncode == 1, complaint
        assert b"make up" in complaint
        run_local(home, "up")

    stemtide(home, *arguments)
    stemtide(home, "drain")

    assert differences(Stack.load(home.stack_file), recount(log / "events.parquet", LAST), FIRST, LAST) == []
    assert balanced(stack.counters())


def _has_applied(stack: Stack, enough: int) -> bool:
    return stack.counters()["applied"] > enough
