"""Day rows as DuckDB tables and Parquet files. What imports this needs DuckDB."""

# ruff: noqa: S608 - the queries are made of this module's own names

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import msgspec

from stemtide.history_rows import ROWS_AT_ONCE, DayRow

MEMORY: Final = "256MB"
"""Of one connection: the rows of a file are at most a tenth of it."""
ROW_GROUP: Final = 4_096
"""Rows that a reader of one account has to look at: groups are told apart by account and day."""
COLUMNS: Final = {
    "account": "VARCHAR",
    "day": "DATE",
    "version": "BIGINT",
    "calls": "BIGINT",
    "events": "BIGINT",
    "by_event": "MAP(VARCHAR, BIGINT)",
    "users": "BLOB",
    "commenters": "BLOB",
    "first_ms": "BIGINT",
    "last_ms": "BIGINT",
}
"""Of a file; only more may come, at the end."""
NAMES: Final = ", ".join(COLUMNS)
_GIVEN: Final = {**COLUMNS, "day": "INTEGER", "by_event": "VARCHAR"}
"""What DuckDB is given: days since the epoch, and JSON, which takes a quarter of the time of nested lists."""
_LISTS: Final = ", ".join(f"unnest(CAST(${name} AS {kind}[])) AS {name}" for name, kind in _GIVEN.items())
_ROWS: Final = (
    "SELECT * REPLACE (DATE '1970-01-01' + day AS day,"
    f" CAST(CAST(by_event AS JSON) AS {COLUMNS['by_event']}) AS by_event) FROM (SELECT {_LISTS})"
)
_encode = msgspec.json.Encoder().encode


def connect(folder: Path, *, file: str = ":memory:", memory: str = MEMORY) -> duckdb.DuckDBPyConnection:
    """A connection that keeps to its memory, uses `folder` for the rest, and fetches no extension."""
    return duckdb.connect(
        file,
        config={
            "threads": 1,
            "memory_limit": memory,
            "temp_directory": str(folder),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": False,
        },
    )


def create(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """An empty table of rows."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute(f"CREATE TABLE {table} ({columns})")


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[DayRow]) -> int:
    """Put rows into a table, some thousand at a time; how many."""
    waiting, count = iter(rows), 0
    while some := list(islice(waiting, ROWS_AT_ONCE)):
        connection.execute(f"INSERT INTO {table} {_ROWS}", _arguments(some))
        count += len(some)
    return count


def _arguments(rows: Sequence[DayRow]) -> dict[str, list[Any]]:
    columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    return {**columns, "by_event": [_encode(row.by_event).decode() for row in rows]}


def write(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """The result of a query as a Parquet file; the same rows in the same order are the same bytes."""
    target = "'" + str(path).replace("'", "''") + "'"
    connection.execute(
        f"COPY ({query}) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    )


def parquet_of(rows: Iterable[DayRow]) -> bytes:
    """Rows as the content of a file, by account and day."""
    with TemporaryDirectory(prefix="history-") as name:
        path = Path(name) / "rows.parquet"
        with connect(Path(name)) as connection:
            create(connection, "day_rows")
            insert(connection, "day_rows", rows)
            write(connection, f"SELECT {NAMES} FROM day_rows ORDER BY account, day, version", path)
        return path.read_bytes()


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[DayRow]:
    """The rows of a query whose columns are `COLUMNS`, except that `day` is a number."""
    reader = connection.cursor()
    reader.execute(query)
    while found := reader.fetchmany(ROWS_AT_ONCE):
        yield from map(DayRow._make, found)
