"""A product's real log, every record of it repeated within a day: the recount equals DuckDB's count."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
from stemtide import users
from stemtide.archive import object_key, pack
from stemtide.calls import DAY_MS, day_number, day_of
from stemtide.kinesis_event import Delivered
from stemtide.ports import LedgerRow
from stemtide.recompute import Task
from stemtide.state import Caps
from stemtide_cli import packing
from stemtide_cli.log import open_log
from stemtide_cli.mapping import find_mapping, load_mapping

from tests.archived_logs import ignored
from tests.open_logs import open_log_folder
from tests.recompute_memory import projections, recompute_of
from tests.stream_memory import Lab

FIRST, LAST = "2022-02-27", "2022-03-01"
ARRIVED = "2026-03-14"
LANE = "1000/0"
RECOUNT = """
    SELECT account_id, strftime(timestamp, '%Y-%m-%d'), count(*),
           count(DISTINCT coalesce(user_id, account_id)), count(DISTINCT event),
           epoch_ms(min(timestamp)), epoch_ms(max(timestamp))
    FROM read_parquet(?) WHERE account_id IS NOT NULL AND timestamp::DATE BETWEEN ?::DATE AND ?::DATE
    GROUP BY ALL"""


def microseconds(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000


def sent(folder: Path, spill: Path) -> Iterator[packing.Entry]:
    """The records of a replay of these days."""
    path = find_mapping("crm")
    log = open_log(load_mapping(path).events, folder=folder, mapping_path=path, spill=spill)
    until = microseconds(LAST) + packing.DAY_US
    for rows in log.rows(((microseconds(FIRST), 0), (until, 0)), batch=5_000):
        packed = packing.pack(rows, fingerprint=log.fingerprint, properties=log.properties)
        yield from (entry for request in packed.requests for entry in request)


def arrived(entries: Iterator[packing.Entry]) -> list[Delivered]:
    """The records within a minute, each again one second to 23 hours later; in the order of their arrival."""
    chance = Random(1)
    start = day_number(ARRIVED) * DAY_MS
    day = timedelta(hours=23) // timedelta(milliseconds=1)
    at = [(start + chance.randrange(60_000), entry) for entry in entries]
    twice = at + [(ms + chance.randrange(1000, day), entry) for ms, entry in at]
    twice.sort(key=lambda one: one[0])
    return [Delivered(place, entry.account, ms, entry.data) for place, (ms, entry) in enumerate(twice)]


def test_every_account_day_equals_duckdbs_count_though_everything_came_twice(tmp_path: Path) -> None:
    folder = open_log_folder("crm")
    lab = Lab(take=ignored, caps=Caps())
    records = arrived(sent(folder, tmp_path))
    for start in range(0, len(records), 500):
        some = records[start : start + 500]
        for day in sorted({day_of(one.arrival_ms) for one in some}):
            of_day = [one for one in some if day_of(one.arrival_ms) == day]
            lab.objects.bodies[object_key(LANE, day, of_day)] = pack(of_day)
    for ledger in (lab.ledger, lab.archive_ledger):
        ledger.rows[LANE] = LedgerRow(lane=LANE, mark=len(records))

    first = day_number(ARRIVED)
    outcomes = [recompute_of(lab).run(Task(first=first, last=first + 1, bucket=b, of=2)) for b in range(2)]

    found = {
        (account, day, one.calls, users.count(one.users), len(one.by_event), one.first_ms, one.last_ms)
        for account, day, one in projections(lab)
    }
    expected = duckdb.execute(RECOUNT, [str(folder / "events.parquet"), FIRST, LAST]).fetchall()
    assert len(expected) > 100
    assert found == set(expected)
    assert sum(outcome.calls_added for outcome in outcomes) == sum(row[2] for row in expected)
