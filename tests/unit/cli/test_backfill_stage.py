"""What a stage keeps of a counted log."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from stemtide.calls import DAY_MS
from stemtide_cli import backfill_stage
from stemtide_cli.backfill_days import Days, put_in_order
from stemtide_cli.backfill_stage import Stage
from stemtide_cli.log import connect

NOW_MS = 1_800_000_000_000
ACCOUNTS = 40
DAYS = 10


class Counting:
    """A connection that counts what is executed."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection, self.executed = connection, 0

    def execute(self, *query: object) -> duckdb.DuckDBPyConnection:
        self.executed += 1
        return self.connection.execute(*query)  # type: ignore[arg-type]

    def executemany(self, *query: object) -> None:
        raise AssertionError(query)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        return self.connection.cursor()

    def __enter__(self) -> "Counting":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with backfill_stage.opened(tmp_path / "stage", stop_us=None, now_ms=NOW_MS) as stage:
        yield stage


def fill(stage: Stage) -> None:
    """Ten days from 1970-01-11 of every account: a call of `a` and three of `b`, which begin a day later."""
    for name, calls, late in (("a", 1, 0), ("b", 3, 1)):
        stage.connection.execute(
            "INSERT INTO counts SELECT 'account-' || (i // ?), 10 + ? + i % ?, ?, ?, ?, i, i, i"
            " FROM range(?) t(i)",
            [DAYS, late, DAYS, name, calls, calls, ACCOUNTS * DAYS],
        )
    put_in_order(stage.connection)


def test_days_before_instants_are_counted_by_one_query(stage: Stage) -> None:
    fill(stage)
    counting = Counting(stage.connection)
    days = Days(connection=counting)  # type: ignore[arg-type]
    never = {f"account-{number}": 10**15 for number in range(ACCOUNTS)}

    everything = days.before(never)
    counting.executed = 0
    some = days.before({**never, "account-7": 13 * DAY_MS, "account-8": 13 * DAY_MS + 1, "account-9": 0})

    assert everything == (ACCOUNTS * 11, ACCOUNTS * 40)
    assert some == (ACCOUNTS * 11 - 8 - 7 - 11, ACCOUNTS * 40 - 31 - 27 - 40)
    assert counting.executed <= 2


def test_stops_are_kept_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_stage, "connect", lambda *at, **file: Counting(connect(*at, **file)))
    stops = {f"account-{number}": number for number in range(3000)}

    with backfill_stage.opened(tmp_path / "stage", stop_us=None, now_ms=NOW_MS, stops=stops) as stage:
        found = dict(stage.connection.execute("SELECT account, stop_us FROM stops").fetchall())

    assert found == stops
