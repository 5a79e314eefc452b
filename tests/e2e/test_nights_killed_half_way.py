"""2,000 simulated customers: a night killed half-way ends with each of them scored once, by one version."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stemtide.config import bundled_config
from stemtide.store.sweeps import read_batches

from infra.local import emulator_process
from infra.local.home import ROOT, Home
from models.export import export
from tests.e2e import activity
from tests.e2e.conftest import run_local, stemtide
from tests.e2e.nights import NIGHT, Nights, yesterday
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained

pytestmark = [pytest.mark.e2e, pytest.mark.long]

ACCOUNTS, DAYS = 2000, 21


def half_past_two(minutes_later: int = 0) -> datetime:
    """The firing of today's schedule, or one so much later: whatever the hour of the test, of one night."""
    return datetime.now(UTC).replace(hour=2, minute=30, second=0) + timedelta(minutes=minutes_later)


@pytest.fixture(scope="module")
def night_home() -> Iterator[Home]:
    """A local cloud of this journey's own: its customers are no other journey's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        home = Home(folder=ROOT / "build" / "e2e-nights", port=free.getsockname()[1])
    run_local(home, "down")
    run_local(home, "up")
    yield home
    run_local(home, "down")


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Two models that differ."""
    found = {}
    for name, rounds in (("v1", 2), ("v2", 5)):
        folder = tmp_path_factory.mktemp("m") / name
        export(candidate(folder, trained(rows(300), rounds=rounds), version=name), CONFIG)
        found[name] = files_of(folder)
    return found


@pytest.fixture(scope="module")
def nights(
    night_home: Home, versions: dict[str, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> Nights:
    """The customers' past loaded, v1 serving, and what comes to the bus kept in a queue."""
    folder = tmp_path_factory.mktemp("base")
    size = ("--accounts", str(ACCOUNTS), "--days", str(DAYS), "--end", yesterday())
    stemtide(night_home, "simulate", "--out", str(folder), *size)
    stemtide(night_home, "backfill", "--mapping", "simulated", "--data", str(folder))
    found = Nights(night_home)
    for name, files in versions.items():
        found.models().versions.put("churn", name, files)
    found.models().promote("churn", "v1", now_ms=int(time.time() * 1000))
    activity.post(found.stack, [activity.until_midnight()])
    stemtide(night_home, "drain", "--timeout", "1800")
    found.listen()
    return found


def test_a_night_killed_half_way_scores_every_customer_once_by_the_version_it_began_with(
    nights: Nights, record_property: Any
) -> None:
    run = nights.fire(half_past_two()).rpartition(":")[2]
    table = nights.table("ingest")
    assert emulator_process.wait_for(lambda: len(read_batches(table, run, "score")) >= 1, timeout_s=900)
    emulator = emulator_process.running_pid(nights.home)
    assert emulator is not None
    os.kill(emulator, signal.SIGKILL)
    run_local(nights.home, "up")
    half = sum(row["model_version"] == "v1" for row in nights.scores().values())
    nights.models().promote("churn", "v2", now_ms=int(time.time() * 1000))

    ended = nights.result(nights.fire(half_past_two(20)))

    assert 0 < half < ACCOUNTS
    assert (ended["nights"], ended["model_version"], ended["failed"]) == ([NIGHT], "v1", 0)
    assert ended["scored"] + ended["unchanged"] + ended["not_customers"] == ended["accounts"] > ACCOUNTS
    assert ended["unchanged"] >= half
    customers = ended["scored"] + ended["unchanged"]
    scored = {name: row for name, row in nights.scores().items() if row["model_version"] is not None}
    assert len(scored) == customers > 0.8 * ACCOUNTS
    assert {row["as_of"] for row in scored.values()} == {NIGHT}
    known_since, enough = nights.first_days(), bundled_config().scoring.least_history_days
    latest = (datetime.fromisoformat(NIGHT) - timedelta(days=enough - 1)).date().isoformat()
    by = {name: "v1" if known_since.get(name, "9") <= latest else "rules" for name in scored}
    assert {name: row["model_version"] for name, row in scored.items()} == by
    assert list(by.values()).count("v1") > 0.7 * ACCOUNTS
    kept = [row["account"] for row in nights.items(f"score#{NIGHT}")]
    assert len(kept) == len(set(kept)) == customers
    assert nights.overheard() > 0
    last = dict(stemtide(nights.home, "status"))["last_sweep"]
    assert isinstance(last, dict)
    stages = {stage["name"]: stage for stage in last["stages"]}
    assert list(stages) == ["extract_features", "quality_gate", "score_accounts", "flag_at_risk"]
    for name, stage in stages.items():
        record_property(name, stage["seconds"])
        assert stage["state"] == "passed", stage
    assert stages["extract_features"]["seconds"] > 0 < stages["score_accounts"]["seconds"]


def test_the_same_night_again_changes_nothing(nights: Nights) -> None:
    """The schedule finds it done."""
    before = nights.scores()

    fired = nights.result(nights.fire(half_past_two(40)))

    assert fired["nights"] == []
    assert nights.scores() == before
    assert nights.overheard() == 0
