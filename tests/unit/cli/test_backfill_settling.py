"""How long a backfill waits for those who had not seen the cutovers yet."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from stemtide.ports import UnavailableError, UsageRow
from stemtide_cli import backfill_settling, backfill_stage
from stemtide_cli.backfill_settling import AGGREGATE_S, POLL_S, Settling
from stemtide_cli.stack import Stack

from tests import random_logs
from tests.backfill_memory import MemoryBackfillItems, backfill_of
from tests.stream_memory import Lab
from tests.stream_world import ARRIVAL_MS

BEGIN_S = 1_800_000_000.0


@dataclass
class Clock:
    """Time that passes by sleeping alone."""

    now_s: float = BEGIN_S
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


@dataclass
class SlowItems(MemoryBackfillItems):
    """Items that take long to be written."""

    clock: Clock = field(default_factory=Clock)

    def put(self, rows: Sequence[UsageRow], *, waiting: Collection[tuple[str, str]] = ()) -> list[int]:
        self.clock.now_s += 500
        return super().put(rows, waiting=waiting)


def test_it_waits_until_every_invocation_of_before_is_over() -> None:
    clock = Clock(now_s=BEGIN_S + 100)

    Settling(is_idle=lambda: False, clock=clock, sleep=clock.sleep).wait(BEGIN_S, lambda _: None)

    assert sum(clock.slept) == AGGREGATE_S - 100


def test_it_waits_no_longer_than_until_the_stream_is_idle() -> None:
    clock, answers = Clock(), iter([False, False, True])

    settling = Settling(is_idle=lambda: next(answers), clock=clock, sleep=clock.sleep)
    settling.wait(BEGIN_S, lambda _: None)

    assert clock.slept == [POLL_S, POLL_S]


def test_what_is_over_is_not_asked_for() -> None:
    clock = Clock(now_s=BEGIN_S + AGGREGATE_S)

    def asked() -> bool:
        raise AssertionError

    Settling(is_idle=asked, clock=clock, sleep=clock.sleep).wait(BEGIN_S, lambda _: None)

    assert clock.slept == []


def test_a_stack_that_does_not_answer_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(_: object) -> None:
        raise UnavailableError

    monkeypatch.setattr(backfill_settling, "read_counters", unavailable)
    monkeypatch.setattr(Stack, "table", lambda *_: None)

    assert not backfill_settling.idle(Stack.__new__(Stack))


def test_the_wait_begins_when_the_cutovers_are_written(tmp_path: Path) -> None:
    clock, lab = Clock(), Lab(take=lambda _: None)
    rows = [{"at": "2023-03-01 10:00:00", "org": "acme", "who": "u", "what": "x", "n": 1}]
    log = random_logs.opened(random_logs.write(rows, tmp_path, "csv"), tmp_path)
    with backfill_stage.opened(tmp_path / "stage", stop_us=None, now_ms=ARRIVAL_MS) as stage:
        stage.add(0, log, name="events")
        settling = Settling(is_idle=lambda: False, clock=clock, sleep=clock.sleep)
        items = SlowItems(lab.items, clock=clock)
        backfill = backfill_of(stage, lab, items, end_ms=ARRIVAL_MS, settling=settling)

        backfill.keep_cutovers(int(BEGIN_S))
        backfill.check()

    assert sum(clock.slept) == AGGREGATE_S
