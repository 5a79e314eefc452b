"""The history as it is read: the newest row of each account-day, and what the usage table has.

What imports this needs DuckDB: the command line does, no function.
"""

# ruff: noqa: S608 - the queries are made of this module's own names and quoted paths

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from stemtide import users
from stemtide.features.history import Day
from stemtide.history_keys import PREFIX, may_hold
from stemtide.history_rows import DayRow
from stemtide.ports import SideBySide
from stemtide.store.errors import translated
from stemtide.store.history_parquet import NAMES, connect, create, insert, rows_of
from stemtide.store.usage_rows import read_rows

AT_A_TIME: Final = 32
"""Objects that are on the disk at a time: a day's rows of a thousand accounts are 0.1 MB."""
MEMORY: Final = "512MB"
"""Of the connection that merges; it uses the disk for the rest."""
KEPT, LIVE, ROWS = "kept_rows", "live_rows", "day_rows"
"""Tables: of the objects, of the usage table, and what they come to."""
EPOCH_DAY: Final = "CAST(day - DATE '1970-01-01' AS INTEGER) AS day"
AS_ROWS: Final = f"SELECT {NAMES.replace('day,', f'{EPOCH_DAY},', 1)} FROM {ROWS} ORDER BY account, day"
Say = Callable[[str], None]
"""Is told how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Days from `first` to `last` (both included, since the epoch) of an account (None: of all)."""

    first: int
    last: int
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Reads the objects (S3 client, which threads may share; bucket) and the usage table (boto3 Table)."""

    s3: Any
    bucket: str
    usage: Any
    side_by_side: SideBySide

    def merge(self, connection: duckdb.DuckDBPyConnection, wanted: Wanted, say: Say) -> None:
        """Make the table `ROWS` of the connection: each account-day with calls, once.

        Of the objects' rows those with the greatest version; where the usage table has an item, that one.

        Raises:
            UnavailableError: no answer.
        """
        create(connection, KEPT)
        create(connection, LIVE)
        self._fetch(connection, wanted, say)
        say("reading the usage table")
        live = read_rows(self.usage, wanted.first, wanted.last, account=wanted.account)
        insert(connection, LIVE, live)
        say("merging")
        newest = f"SELECT arg_max(rowid, version) FROM {KEPT} GROUP BY account, day"
        connection.execute(
            f"CREATE TABLE {ROWS} AS SELECT {NAMES} FROM {KEPT} ANTI JOIN {LIVE} USING (account, day)"
            f" WHERE {KEPT}.rowid IN ({newest}) AND calls > 0"
        )
        connection.execute(f"INSERT INTO {ROWS} SELECT {NAMES} FROM {LIVE} WHERE calls > 0")
        for table in (KEPT, LIVE):
            connection.execute(f"DROP TABLE {table}")

    def outlives_the_table(self, account: str, kept_since: datetime) -> bool:
        """Whether there are rows that may be of days which the table has no more: written before an instant
        from which on it keeps everything."""
        wanted = Wanted(first=0, last=0, account=account)
        return any(found["LastModified"] < kept_since for found in self._objects(wanted))

    def _fetch(self, connection: duckdb.DuckDBPyConnection, wanted: Wanted, say: Say) -> None:
        """Bring the rows that are wanted from the objects into `KEPT`, some objects at a time."""
        days = "day BETWEEN DATE '1970-01-01' + CAST(? AS INTEGER) AND DATE '1970-01-01' + CAST(? AS INTEGER)"
        insert_wanted = f"INSERT INTO {KEPT} SELECT {NAMES} FROM read_parquet(?) WHERE {days}"
        values: list[Any] = [wanted.first, wanted.last]
        if wanted.account is not None:
            insert_wanted += " AND account = ?"
            values.append(wanted.account)
        keys, done = (str(found["Key"]) for found in self._objects(wanted)), 0
        while some := list(islice(keys, AT_A_TIME)):
            with TemporaryDirectory(prefix="history-") as folder:
                files = self._download(Path(folder), some)
                connection.execute(insert_wanted, [files, *values])
            done += len(some)
            say(f"{done:,} objects of the history read")

    def _objects(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        with translated():
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=PREFIX)
            for page in pages:
                for found in page.get("Contents", ()):
                    if may_hold(found["Key"], first_day=wanted.first, account=wanted.account):
                        yield found

    def _download(self, folder: Path, keys: Sequence[str]) -> list[str]:
        def download(numbered: tuple[int, str]) -> str:
            number, key = numbered
            path = folder / f"{number}.parquet"
            with translated():
                path.write_bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
            return str(path)

        return self.side_by_side(download, enumerate(keys))


def _silent(_: str) -> None:
    """Tell nobody."""


@contextmanager
def merged(
    history: History, wanted: Wanted, say: Say = _silent, *, work: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the table `ROWS`, in a file below the folder `work` that is gone at the end.

    Raises:
        UnavailableError: no answer.
    """
    with TemporaryDirectory(prefix="history-", dir=work) as name:
        file = str(Path(name) / "rows.duckdb")
        with connect(Path(name) / "spilled", file=file, memory=MEMORY) as connection:
            history.merge(connection, wanted, say)
            yield connection


def read_history_rows(history: History, account: str, first_day: int, last_day: int) -> list[DayRow]:
    """An account's days with calls from `first_day` to `last_day` (both included, since the epoch), in order.

    Raises:
        UnavailableError: no answer.
    """
    with merged(history, Wanted(first=first_day, last=last_day, account=account)) as connection:
        return list(rows_of(connection, AS_ROWS))


def read_history_days(history: History, account: str, first_day: int, last_day: int) -> list[Day]:
    """The same as the features take them.

    Raises:
        UnavailableError: no answer.
    """
    return [day_of_row(row) for row in read_history_rows(history, account, first_day, last_day)]


def day_of_row(row: DayRow) -> Day:
    """A row as the features take it."""
    commenters = users.decode(row.commenters) if row.commenters else users.NOBODY
    return Day(row.day, row.by_event, users.decode(row.users), commenters)
