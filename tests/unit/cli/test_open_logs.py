"""The shipped mappings on the open logs: what is sent stands for exactly what the log holds."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec
import pytest
from stemtide_cli import packing
from stemtide_cli.log import open_log
from stemtide_cli.mapping import find_mapping, load_mapping

from tests.open_logs import open_log_folder

BY_TIME = """
    SELECT account_id, strftime(timestamp, '%Y-%m-%d'), event, count(*) FROM read_parquet(?)
    WHERE account_id IS NOT NULL AND timestamp::DATE BETWEEN ?::DATE AND ?::DATE GROUP BY ALL"""
BY_DAY = """
    SELECT course || ':' || student_id, strftime(on_day, '%Y-%m-%d'), event, sum(clicks)::BIGINT
    FROM (SELECT *, make_date(left(right(course, 5), 4)::INTEGER,
                              CASE right(course, 1) WHEN 'B' THEN 2 ELSE 10 END, 1) + day::INTEGER AS on_day
          FROM read_parquet(?))
    WHERE on_day BETWEEN ?::DATE AND ?::DATE GROUP BY ALL"""


def microseconds(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("name", "file", "recount", "first", "last"),
    [
        ("crm", "events.parquet", BY_TIME, "2022-02-27", "2022-03-01"),
        ("social", "events.parquet", BY_TIME, "2020-01-01", "2020-01-09"),
        ("nova", "events.parquet", BY_TIME, "2010-01-01", "2013-12-31"),
        ("oulad", "clicks.parquet", BY_DAY, "2013-09-20", "2013-10-09"),
    ],
)
def test_the_calls_of_an_open_log_equal_a_recount(
    tmp_path: Path, name: str, file: str, recount: str, first: str, last: str
) -> None:
    folder = open_log_folder(name)
    path = find_mapping(name)
    log = open_log(load_mapping(path).events, folder=folder, mapping_path=path, spill=tmp_path)
    until = microseconds(last) + packing.DAY_US

    counted: Counter[tuple[str, str, str]] = Counter()
    for rows in log.rows(((microseconds(first), 0), (until, 0)), batch=20_000):
        packed = packing.pack(rows, fingerprint=log.fingerprint, properties=log.properties)
        for entry in (entry for request in packed.requests for entry in request):
            for call in msgspec.json.decode(entry.data)["batch"]:
                weight = call.get("properties", {}).get("count", 1)
                counted[entry.account, call["timestamp"][:10], call["event"]] += weight

    expected = duckdb.execute(recount, [str(folder / file), first, last]).fetchall()
    assert len(expected) > 1000
    assert counted == {(account, day, event): n for account, day, event, n in expected}
