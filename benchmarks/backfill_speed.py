"""How many events a core backfills, from the log's file to the write requests, and in how much memory.

A process of its own counts a generated log of the crm shape (an account is there every other day, with a
dozen of its users and three of 25 event types; rows in the order of time) and writes its days through the
real store, whose client takes each request at once and knows no item. Not in it: what botocore does with a
request (serialising, signing, sending), the tables' answers, the touched accounts, the facts of
subscriptions and accounts, and the last look at every account. docs/backfill.md has a whole run.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
from stemtide.state import Caps
from stemtide.store.backfill_items import BackfillItems
from stemtide.store.history_objects import HistoryObjects
from stemtide.store.pace import Threads
from stemtide_cli.backfill_cutovers import Cutover, Cutovers
from stemtide_cli.backfill_days import Days, put_in_order
from stemtide_cli.backfill_planning import Planner
from stemtide_cli.backfill_run import Backfill
from stemtide_cli.backfill_settling import Settling
from stemtide_cli.backfill_stage import opened
from stemtide_cli.backfill_steps import THREADS
from stemtide_cli.backfill_writing import Patience, Writer
from stemtide_cli.log import log_of
from stemtide_cli.mapping import find_mapping, load_mapping

EVENTS: Final = 5_000_000
ACCOUNTS: Final = 364
USERS: Final = 18
USERS_A_DAY: Final = 12
TYPES: Final = 25
TYPES_A_DAY: Final = 3
DAYS: Final = 480
DAY_US: Final = 86_400_000_000
NOW_MS: Final = 1_772_000_000_000
MIB: Final = 1 << 20


class Taken:
    """A DynamoDB and S3 client that takes every request, and knows no item."""

    def __init__(self) -> None:
        self.items = 0

    def transact_write_items(self, **request: Any) -> None:
        self.items += len(request["TransactItems"])

    def put_object(self, **request: Any) -> None:
        """Keep nothing."""

    def query(self, **request: Any) -> dict[str, Any]:
        return {"Items": []}


class Touched:
    """`Records`, as far as a backfill uses it."""

    def touch(self, account: str, day: str) -> bool:
        return True


def write_log(path: Path, events: int = EVENTS) -> None:
    """The log; every number follows from the row's, so it is the same every time."""
    instant = f"timestamp '2022-01-01' + to_microseconds(CAST(i * {DAYS * DAY_US / events} AS BIGINT))"
    duckdb.execute("SET enable_progress_bar = false")
    duckdb.execute(
        f"""COPY (
             SELECT instant AS timestamp, 'acct-' || lpad(CAST(account AS VARCHAR), 4, '0') AS account_id,
                    'user-' || account || '-' || ((day + hash(i * 7) % {USERS_A_DAY}) % {USERS}) AS user_id,
                    'event_' || ((day + hash(i * 3) % {TYPES_A_DAY} * 7) % {TYPES}) AS event,
                    NULL::DOUBLE AS value
             FROM (SELECT i, {instant} AS instant, day,
                          2 * (hash(i) % {ACCOUNTS // 2}) + day % 2 AS account
                   FROM (SELECT i, i * {DAYS} // {events} AS day FROM range({events}) t(i)))
           ) TO '{path}' (FORMAT parquet)"""  # noqa: S608 - every value is a number
    )


def run() -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure once, in a process of its own; the figures, and what was run."""
    with TemporaryDirectory() as name:
        log = Path(name) / "events.parquet"
        write_log(log)
        command = [sys.executable, "-m", "benchmarks.backfill_speed", str(log), name]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    ran: dict[str, Any] = json.loads(answer.stdout)
    figures = {
        "backfill.events_per_s": round(ran["events"] / ran["cpu_s"]),
        "backfill.peak_mb": ran.pop("peak_mb"),
    }
    return figures, ran


def measure(path: Path, folder: Path) -> dict[str, Any]:
    """Backfill a log of the crm shape; how long all cores together worked, and the most memory it took."""
    mapping_path = find_mapping("crm")
    began, began_cpu = time.perf_counter(), time.process_time()
    client = Taken()
    with opened(folder / "stage", stop_us=None, now_ms=NOW_MS) as stage:
        log = log_of(load_mapping(mapping_path).events, path, mapping_path, folder / "tmp")
        stage.add(0, log, name=path.name)
        put_in_order(stage.connection)
        days = Days(connection=stage.connection.cursor())
        end_ms = (stage.totals().last_us or 0) // 1000 + 1
        items, patience = BackfillItems(client=client, table_name="usage"), Patience(say=print)
        threads = Threads(max_workers=THREADS)
        work = Backfill(
            stage=stage,
            days=days,
            end_ms=end_ms,
            cutovers={a.name: Cutover(at_ms=end_ms, stored=False, streamed=False) for a in days.accounts()},
            writer=Writer(
                items=items,
                planner=Planner(caps=Caps(), expires_at=NOW_MS, again=False),
                patience=patience,
                side_by_side=threads,
            ),
            keeper=Cutovers(items=items, patience=patience, side_by_side=threads),
            records=Touched(),  # type: ignore[arg-type]
            settling=Settling(is_idle=lambda: True),
            tables="none",
            progress=lambda _: None,
            history=HistoryObjects(client=client, bucket="archive"),
        )
        work.keep_cutovers(NOW_MS // 1000)
        work.write_days()
    return {
        "events": EVENTS,
        "days": work.told.written,
        "items": client.items,
        "cpu_s": round(time.process_time() - began_cpu, 2),
        "seconds": round(time.perf_counter() - began, 2),
        "peak_mb": round(getrusage(RUSAGE_SELF).ru_maxrss * 1024 / MIB),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]))))
