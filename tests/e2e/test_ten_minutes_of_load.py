"""Ten minutes at four fifths of what the local cloud can do, killed twice: each event counts once."""

import json
import os
import signal
import subprocess
import time
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pytest

from infra.local import emulator_process
from infra.local.home import ROOT, Home
from tests.e2e.conftest import environment, run_local, stemtide
from tests.e2e.stack import Stack, balanced
from tests.e2e.test_replayed_log_equals_duckdb import differences, recount

pytestmark = [pytest.mark.e2e, pytest.mark.long]

CEILING_ROWS = 150_000
SHARE = 0.8
LOAD_S = 600
ACCOUNTS = 500
FIRST = date(2023, 6, 1)
DAYS = 5
KILLS = 2


def write_log(folder: Path, rows: int, *, accounts: str, first: date) -> Path:
    """A log of the crm shape: `rows` events of 500 accounts over five days."""
    folder.mkdir()
    step_us = DAYS * 86_400_000_000 // rows
    target = str(folder / "events.parquet")
    duckdb.execute(
        f"""copy (
             select timestamp '{first}' + to_microseconds(i * {step_us}) as timestamp,
                    '{accounts}-' || (hash(i) % {ACCOUNTS}) as account_id,
                    'user-' || (hash(i * 7) % 40) as user_id,
                    'event_' || (hash(i * 3) % 25) as event, null::double as value
             from range({rows}) t(i) order by timestamp
           ) to '{target}' (format parquet)"""
    )
    return folder


def ceiling(home: Home, folder: Path) -> float:
    """Rows a second from the first put until all are counted."""
    began = time.monotonic()
    stemtide(home, "replay", "--mapping", "crm", "--data", str(folder))
    stemtide(home, "drain")
    return CEILING_ROWS / (time.monotonic() - began)


def test_ten_minutes_of_load_with_two_kills_change_nothing(
    home: Home, stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    most = ceiling(home, write_log(tmp_path / "ceiling", CEILING_ROWS, accounts="ceiling", first=FIRST))
    rate = int(SHARE * most)
    load = write_log(tmp_path / "load", rate * LOAD_S, accounts="load", first=FIRST)
    before, began = stack.counters()["applied"], time.monotonic()

    for kill in range(1, KILLS + 1):
        replay = start_replay(home, load, rate)
        enough = before + kill * rate * LOAD_S // (KILLS + 1)
        assert emulator_process.wait_for(partial(_has_applied, stack, enough), timeout_s=2 * LOAD_S)
        emulator = emulator_process.running_pid(home)
        assert emulator is not None
        os.kill(emulator, signal.SIGKILL)
        _, complaint = replay.communicate()
        assert replay.returncode == 1, complaint
        run_local(home, "up")
    last = start_replay(home, load, rate)
    said, complaint = last.communicate()
    assert last.returncode == 0, complaint
    stemtide(home, "drain")
    took = time.monotonic() - began

    end = (FIRST + timedelta(days=DAYS)).isoformat()
    expected = recount(load / "events.parquet", end)
    counters = stack.counters()
    assert differences(Stack.load(home.stack_file), expected, FIRST.isoformat(), end) == []
    assert balanced(counters)
    assert took >= LOAD_S
    report = {
        "ceiling_rows_per_s": round(most),
        "rate_rows_per_s": rate,
        "seconds": round(took),
        "rows": rate * LOAD_S,
        "account_days": len(expected),
        "counters": counters,
        "last_replay": json.loads(said),
    }
    with capsys.disabled():
        print(json.dumps(report))


def start_replay(home: Home, folder: Path, rate: int) -> "subprocess.Popen[bytes]":
    arguments = ["replay", "--mapping", "crm", "--data", str(folder), "--rate", str(rate), "--json"]
    return subprocess.Popen(
        [ROOT / ".venv" / "bin" / "stemtide", *arguments],
        cwd=ROOT,
        env=environment(home) | {"STEMTIDE_STACK": str(home.stack_file)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _has_applied(stack: Stack, enough: int) -> bool:
    return stack.counters()["applied"] > enough
