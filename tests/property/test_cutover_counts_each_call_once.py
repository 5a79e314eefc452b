"""Stream and backfill of one log, in any order, cut over anywhere, killed anywhere: each call counts once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.aggregate import aggregate
from stemtide.archive import archive
from stemtide.state import Caps
from stemtide_cli import backfill_stage, packing
from stemtide_cli.backfill_run import Backfill
from stemtide_cli.backfill_stage import Stage
from stemtide_cli.log import Log
from stemtide_cli.position import END, START

from tests import random_logs
from tests.backfill_memory import MemoryBackfillItems, backfill_of
from tests.backfilled import Usage, projected
from tests.random_logs import COMMENTS, Moment
from tests.recompute_memory import recompute_all
from tests.stream_memory import Crash, Fault, Lab
from tests.stream_world import ARRIVAL_MS, RULES
from tests.streams import event, record

CAPS = Caps(id_window=6, inline_users=3, event_types=4, remembered_ids=0, is_comment=COMMENTS.__contains__)
BEGIN_MS = 1_677_628_800_000
"""2023-03-01."""
HOUR_S = 3600
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.integers(-4, 28).map(lambda hours: str(Moment(float(hours * HOUR_S)))),
            "org": st.sampled_from(["acme", "acme", "bee"]),
            "who": st.sampled_from([None, *(f"u{i}" for i in range(7))]),
            "what": st.sampled_from([f"Event {i}" for i in range(6)]),
            "n": st.sampled_from([1, 2]),
            "plan": st.none(),
            "mrr": st.none(),
            "note": st.none(),
        }
    ),
    min_size=10,
    max_size=40,
)
CUTOVERS = st.integers(-5, 29).map(lambda hours: BEGIN_MS + hours * HOUR_S * 1000)
FAULTS = st.lists(
    st.sampled_from([*[None] * 5, Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.THROTTLED, Fault.LOST_REPLY]),
    max_size=60,
).map(lambda plan: {step: fault for step, fault in enumerate(plan, 1) if fault is not None})


@dataclass
class World:
    """The stream's consumers, a log in a stage, and how far the stream has come."""

    log: Log
    stage: Stage
    cutover_ms: int
    lab: Lab = field(default_factory=lambda: Lab(take=lambda _: None, caps=CAPS))
    sent: int = 0

    def __post_init__(self) -> None:
        self.items = MemoryBackfillItems(self.lab.items)

    def stream(
        self, rows: Sequence[tuple[Any, ...]], *, within: Callable[[], None] | None = None, step: int = 0
    ) -> None:
        """Send rows through both consumers; `within` happens before a step of the aggregates."""
        packed = packing.pack(rows, fingerprint=self.log.fingerprint, properties=self.log.properties)
        entries = [entry for request in packed.requests for entry in request]
        if not entries:
            if within is not None:
                within()
            return
        batch = event(*(record(e.data, at=self.sent + i, key=e.account) for i, e in enumerate(entries)))
        self.sent += len(entries)
        faults = self.lab.faults
        faults.plan, faults.successor = {faults.steps + step: Fault.SUCCESSOR}, within
        assert aggregate(batch, ports=self.lab.ports(), rules=RULES) == {"batchItemFailures": []}
        left, faults.plan, faults.successor = faults.successor, {}, None
        if left is not None:  # the delivery had fewer steps
            left()
        archive(batch, ports=self.lab.archive_ports())

    def backfill(self) -> Backfill:
        return backfill_of(self.stage, self.lab, self.items, end_ms=self.cutover_ms)

    def write(self, faults: dict[int, Fault], between: Callable[[], None] | None = None) -> None:
        """The cutovers and the days, from the beginning whenever it was killed; something between the two."""
        if between is not None:
            self.backfill().keep_cutovers(1_800_000_000)
            between()
        begun = self.lab.faults.steps
        self.lab.faults.plan |= {begun + step: fault for step, fault in faults.items()}
        while True:
            try:
                work = self.backfill()
                work.keep_cutovers(1_800_000_000)
                work.write_days()
            except Crash:
                note("killed")
                continue
            assert work.told.others == []
            if work.told.for_archive:
                note("waits for the archive")
            self.lab.faults.plan = {}
            return

    def finish(self) -> None:
        """The last look, and the recompute where it asks for one."""
        while True:
            try:
                work = self.backfill()
                repaired = work.check()
                break
            except Crash:
                continue
        if repaired:
            note("repaired")

    def usage(self) -> Usage:
        return projected({key: row.blob for key, row in self.lab.items.rows.items()})


def rows_of(log: Log) -> list[tuple[Any, ...]]:
    return [row for some in log.rows((START, END), batch=1000) for row in some]


def truth(log: Log) -> Usage:
    """What the stream alone makes of the log."""
    with (
        TemporaryDirectory() as name,
        backfill_stage.opened(
            Path(name), stop_us=None, now_ms=ARRIVAL_MS, is_comment=COMMENTS.__contains__
        ) as stage,
    ):
        world = World(log=log, stage=stage, cutover_ms=0)
        world.stream(rows_of(log))
        return world.usage()


@settings(max_examples=100)
@given(
    rows=ROWS,
    cutover=CUTOVERS,
    streamed=st.integers(0, 40),
    step=st.integers(0, 12),
    faults=FAULTS,
    late=st.booleans(),
    unknown=st.sets(st.integers(0, 39), max_size=20),
    order=st.sampled_from(["by time", "after the cutover", "between the steps"]),
)
def test_each_call_counts_once_whatever_comes_first(
    rows: list[dict[str, Any]],
    cutover: int,
    streamed: int,
    step: int,
    faults: dict[int, Fault],
    late: bool,
    unknown: set[int],
    order: str,
) -> None:
    """The stream never sees the `unknown` rows before the cutover; it gets some rows before the backfill."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = random_logs.opened(random_logs.write(rows, folder, "jsonl"), folder)
        known = [i not in unknown or row[0] >= cutover * 1000 for i, row in enumerate(rows_of(log))]
        ordered = list(compress(rows_of(log), known))
        if order != "by time":  # stable: else by time
            ordered.sort(key=lambda row: row[0] < cutover * 1000)
        first, rest = ordered[:streamed], ordered[streamed:]
        with backfill_stage.opened(
            folder / "stage", stop_us=cutover * 1000, now_ms=ARRIVAL_MS, is_comment=COMMENTS.__contains__
        ) as stage:
            stage.add(0, log, name="events")
            world = World(log=log, stage=stage, cutover_ms=cutover)
            if order == "between the steps":
                world.write(faults, between=lambda: world.stream(first))
            elif step:
                world.stream(first, within=lambda: world.write(faults), step=step)
            else:
                world.stream(first)
                world.write(faults)
            world.stream(rest)
            if late:
                world.stream([row for row in ordered if row[0] < cutover * 1000])
            world.finish()
            waiting = world.backfill()
            waiting.write_days()
            waiting.check()
            if waiting.told.for_archive:
                note("recomputed")
                recompute_all(world.lab)

        assert world.usage() == truth(log)
