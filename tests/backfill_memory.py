"""A backfill into the tables that the stream's consumers have in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from threading import Lock

from stemtide.ports import CUTOVER_SORT, StoredState, UsageRow
from stemtide_cli.backfill_cutovers import Cutovers
from stemtide_cli.backfill_days import Days, put_in_order
from stemtide_cli.backfill_planning import Planner
from stemtide_cli.backfill_run import Backfill
from stemtide_cli.backfill_settling import Settling
from stemtide_cli.backfill_stage import Stage
from stemtide_cli.backfill_writing import Patience, Writer

from tests.stream_memory import Lab, MemoryItems, one_by_one

RETENTION_S = int(timedelta(days=400).total_seconds())


@dataclass
class MemoryBackfillItems:
    """`BackfillItems` over the aggregates' items; what a backfill wrote is marked by its version."""

    items: MemoryItems
    marked: dict[tuple[str, str], int] = field(default_factory=dict)
    sorts: dict[str, list[str]] = field(default_factory=dict)
    """By account, of the first `indexed` rows: none is ever deleted."""
    indexed: int = 0
    lock: Lock = field(default_factory=Lock)

    def of(self, account: str, *, backfilled: bool = False) -> dict[str, StoredState]:
        with self.items.faults.step():
            rows = [(sort, self.items.rows[account, sort]) for sort in self._sorts(account)]
            return {
                sort: stored(row)
                for sort, row in rows
                if backfilled or self.marked.get((account, sort)) != row.version
            }

    def of_day(self, account: str, day: str) -> dict[str, StoredState]:
        return {
            sort: item for sort, item in self.of(account, backfilled=True).items() if sort.startswith(day)
        }

    def _sorts(self, account: str) -> list[str]:
        with self.lock:  # parts are read ahead while others are written
            for owner, sort in list(islice(self.items.rows, self.indexed, None)):
                self.sorts.setdefault(owner, []).append(sort)
                self.indexed += 1
            return list(self.sorts.get(account, ()))

    def put(self, rows: Sequence[UsageRow], *, waiting: Collection[tuple[str, str]] = ()) -> list[int]:
        with self.items.faults.step():
            versions = [self.items.rows.get((row.account, row.sort)) for row in rows]
            found = [0 if kept is None else kept.version for kept in versions]
            refused = [index for index, row in enumerate(rows) if found[index] != row.version - 1]
            if not refused:
                with self.lock:
                    self.items.rows |= {(row.account, row.sort): row for row in rows}
                for row in rows:
                    if row.sort != CUTOVER_SORT and (row.account, row.sort) not in waiting:
                        self.marked[row.account, row.sort] = row.version
        return refused


@dataclass
class Touched:
    """`Records`, as far as a backfill uses it."""

    days: dict[str, str] = field(default_factory=dict)

    def touch(self, account: str, day: str) -> bool:
        self.days[account] = max(day, self.days.get(account, ""))
        return True


def stored(row: UsageRow) -> StoredState:
    return StoredState(version=row.version, blob=row.blob, expires_at=row.expires_at)


def in_order(stage: Stage) -> Days:
    """The days of a stage whose sources are all in."""
    if stage.noted("ordered") is None:
        put_in_order(stage.connection)
        stage.done("ordered")
    return Days(connection=stage.connection.cursor())


def backfill_of(
    stage: Stage,
    lab: Lab,
    items: MemoryBackfillItems,
    *,
    end_ms: int,
    asked: bool = True,
    again: bool = False,
    now_s: int = 1_800_000_000,
    settling: Settling | None = None,
) -> Backfill:
    """A backfill of a counted log into the lab's tables."""
    days, patience = in_order(stage), Patience(say=lambda _: None, sleep=lambda _: None)
    keeper = Cutovers(items=items, patience=patience, side_by_side=one_by_one)  # type: ignore[arg-type]
    planner = Planner(caps=lab.caps, expires_at=now_s + RETENTION_S, again=again)
    names = [account.name for account in days.accounts()]
    return Backfill(
        stage=stage,
        days=days,
        end_ms=end_ms,
        cutovers=keeper.decide(names, end_ms=end_ms, asked=asked),
        writer=Writer(items=items, planner=planner, patience=patience, side_by_side=one_by_one),  # type: ignore[arg-type]
        keeper=keeper,
        records=Touched(),  # type: ignore[arg-type]
        settling=settling or Settling(is_idle=lambda: True),
        tables="memory",
        progress=lambda _: None,
    )


def run(backfill: Backfill, *, now_s: int = 1_800_000_000) -> int:
    """All its steps; how many days were repaired at the end."""
    backfill.keep_cutovers(now_s)
    backfill.write_days()
    return backfill.check()
