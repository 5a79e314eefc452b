"""Real and third-party logs: backfilled = streamed = counted by a query of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from stemtide import users
from stemtide_cli import backfill_stage
from stemtide_cli.log import Log, open_log
from stemtide_cli.mapping import find_mapping, load_mapping
from stemtide_cli.position import START

from tests.backfill_memory import MemoryBackfillItems, backfill_of, run
from tests.backfilled import Usage
from tests.open_logs import open_log_folder
from tests.stream_memory import Lab
from tests.stream_world import ARRIVAL_MS
from tests.streamed_logs import stream, usage_of

Counts = dict[tuple[str, str], tuple[dict[str, int], int, int, int]]
"""By account and day: events by name, distinct users, first and last instant (epoch ms)."""
PLAIN = """SELECT account_id AS account, timestamp AS instant, event, 1 AS n,
                  coalesce(user_id, account_id) AS person
           FROM read_parquet('{folder}/events.parquet') WHERE account_id IS NOT NULL"""
OULAD = """SELECT course || ':' || student_id AS account, event, clicks AS n, student_id AS person,
                  CASE right(course, 1) WHEN 'B' THEN make_date(CAST(left(right(course, 5), 4) AS INT), 2, 1)
                                        WHEN 'J' THEN make_date(CAST(left(right(course, 5), 4) AS INT), 10, 1)
                  END + CAST(day AS INT) + INTERVAL 0 DAY AS instant
           FROM read_parquet('{folder}/clicks.parquet')"""


@dataclass(frozen=True)
class OpenLog:
    """A log, the query that counts it, and the first day that a slice of it leaves out."""

    name: str
    query: str
    end: str


LOGS = [
    OpenLog("crm", PLAIN, "2022-01-12"),
    OpenLog("social", PLAIN, "2020-01-12"),
    OpenLog("nova", PLAIN, "2011-06-01"),
    OpenLog("oulad", OULAD, "2013-01-26"),
]


def recount(log: OpenLog, folder: Path, end: str) -> Counts:
    """What a query of its own finds before a day."""
    rows = f"({log.query.format(folder=folder)})"
    names = duckdb.execute(
        f"""SELECT account, strftime(instant, '%Y-%m-%d'), event, CAST(sum(n) AS BIGINT)
            FROM {rows} WHERE instant < CAST(? AS TIMESTAMP) GROUP BY ALL""",
        [end],
    ).fetchall()
    days = duckdb.execute(
        f"""SELECT account, strftime(instant, '%Y-%m-%d'), count(DISTINCT person),
                   epoch_ms(min(instant)), epoch_ms(max(instant))
            FROM {rows} WHERE instant < CAST(? AS TIMESTAMP) GROUP BY ALL""",
        [end],
    ).fetchall()
    counts: Counts = {
        (account, day): ({}, present, first, last) for account, day, present, first, last in days
    }
    for account, day, name, n in names:
        counts[account, day][0][name] = n
    return counts


def counts_of(usage: Usage) -> Counts:
    return {
        key: (found.by_event, users.count(found.users), found.first_ms or 0, found.last_ms or 0)
        for key, found in usage.items()
    }


def microseconds(day: str) -> int:
    ((us,),) = duckdb.execute("SELECT epoch_us(CAST(? AS TIMESTAMP))", [day]).fetchall()
    return int(us)


@contextmanager
def opened(name: str) -> Iterator[tuple[Log, Path, Path]]:
    """The log, its folder, and a folder to work in."""
    folder = open_log_folder(name)
    path = find_mapping(name)
    with TemporaryDirectory() as work:
        spill = Path(work) / "tmp"
        yield (
            open_log(load_mapping(path).events, folder=folder, mapping_path=path, spill=spill),
            folder,
            Path(work),
        )


def backfilled(log: Log, work: Path, end: str) -> Usage:
    """What a backfill of everything before a day makes."""
    lab, stop_us = Lab(take=lambda _: None), microseconds(end)
    with backfill_stage.opened(work / "stage", stop_us=stop_us, now_ms=ARRIVAL_MS) as stage:
        stage.add(0, log, name=log.path.name)
        run(backfill_of(stage, lab, MemoryBackfillItems(lab.items), end_ms=stop_us // 1000))
    return usage_of(lab)


def streamed(log: Log, end: str) -> Usage:
    lab = Lab(take=lambda _: None)
    stream(log, lab, (START, (microseconds(end), 0)))
    return usage_of(lab)


@pytest.mark.parametrize("open_log", LOGS, ids=lambda log: log.name)
def test_a_slice_of_an_open_log_is_the_same_backfilled_streamed_and_counted(open_log: OpenLog) -> None:
    with opened(open_log.name) as (log, folder, work):
        found = backfilled(log, work, open_log.end)

        assert len(found) > 100
        assert found == streamed(log, open_log.end)
        assert counts_of(found) == recount(open_log, folder, open_log.end)


@pytest.mark.long
@pytest.mark.parametrize("open_log", LOGS, ids=lambda log: log.name)
def test_a_whole_open_log_is_the_same_backfilled_and_counted(open_log: OpenLog) -> None:
    with opened(open_log.name) as (log, folder, work):
        assert counts_of(backfilled(log, work, "2030-01-01")) == recount(open_log, folder, "2030-01-01")


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "end"),
    [("crm", "2022-04-01"), ("social", "2030-01-01"), ("nova", "2030-01-01"), ("oulad", "2030-01-01")],
)
def test_months_of_an_open_log_are_the_same_backfilled_and_streamed(name: str, end: str) -> None:
    with opened(name) as (log, _, work):
        assert backfilled(log, work, end) == streamed(log, end)
