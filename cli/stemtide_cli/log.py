"""A log on disk: found, identified by its content, and read out of core in a stable order."""

# ruff: noqa: S608 - DuckDB reads a local file; names and values are quoted by `sql.identifier` and `sql.text`

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from stemtide_cli import log_file, sql
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Events
from stemtide_cli.position import END, START, Interval

FINGERPRINT_CHARS = 16
"""64 bits of SHA-256: names a log in message ids and position files."""
MEMORY_LIMIT = "512MB"
"""DuckDB sorts what does not fit on disk."""

NO_TIMESTAMP = "no_timestamp"
"""Why a row has no place in the order."""
FETCHED = 1_000
BATCH_CHARS = 1 << 26
"""Of a list of rows, about: some hundred MB with what is made of them."""
SAMPLED = 8

ROW_OF_ERROR = re.compile(r"\s*(?:\n|: Object \{)")
"""Where DuckDB's text on an error goes on with the row, and so with users' ids, or with the query."""
HINT = "is the file complete, and what its ending says?"
HINTS = {
    "Maximum line size": "a row may have at most 16 MB",
    "maximum_object_size": "a row may have at most 16 MB",
    "not utf-8": "write the file in UTF-8",
    "byte order mark": "write the file in UTF-8, without a byte order mark",
    "sniffing file": "write every row with as many values, the same separators and the same ends of lines",
    "non-record JSON": "write one JSON object a line",
    "duplicate key": "a row may have each key once",
    "recursion depth": "a row may nest no deeper than 128 levels",
    "Out of Memory": "leave columns of long texts out (`properties` of [events]), or make room on the disk",
}
"""What to do, by what the text has."""

Row = tuple[Any, ...]
"""(instant_us, row, skip, account, user, event, timestamp, weight, *properties)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log's events: how to read them, and what they are known by."""

    path: Path
    fingerprint: str
    properties: tuple[str, ...]
    query: str
    spill: Path
    source: str = ""
    """A table expression with the file's own columns."""
    lacks: tuple[str, ...] = ()
    """Optional columns that the mapping names and the file does not have."""

    def rows(self, interval: Interval, *, batch: int, limit: int | None = None) -> Iterator[list[Row]]:
        """The rows of an interval of (instant, row), in order, in lists of `batch`, of large ones fewer."""
        query = f"{self.query} WHERE {_within(interval)} ORDER BY instant, _row"
        with readable(self.path), connect(self.spill) as connection:
            found = connection.execute(query + (f" LIMIT {limit}" if limit is not None else ""))
            rows, size = [], 0
            while some := found.fetchmany(min(batch, FETCHED)):
                rows += some
                size += _size(some)
                if len(rows) >= batch or size >= BATCH_CHARS:
                    yield rows
                    rows, size = [], 0
            if rows:
                yield rows

    def as_of(self, instant_us: int) -> "Log":
        """The log as it was at an instant: what came later is gone."""
        earlier = f"SELECT * FROM ({self.query}) WHERE instant <= {instant_us}"
        return replace(self, query=f"SELECT * FROM ({earlier})")

    def unusable(self) -> dict[str, int]:
        """How many rows cannot be sent, by reason, most first; none if there is one that can."""
        with readable(self.path), connect(self.spill) as connection:
            if connection.execute(f"SELECT 1 FROM {self._judged()} WHERE reason IS NULL LIMIT 1").fetchall():
                return {}
        counted = [(reason, count) for reason, count in self.by_reason().items() if reason is not None]
        return dict(sorted(counted, key=lambda one: (-one[1], one[0])))

    def without_instant(self) -> int:
        """How many rows have no usable timestamp, and so no place in the order."""
        with readable(self.path), connect(self.spill) as connection:
            counted = connection.execute(f"SELECT count(*) FROM ({self.query}) WHERE instant IS NULL")
            return int(counted.fetchall()[0][0])

    def by_reason(self) -> dict[str | None, int]:
        """How many rows cannot be counted, by reason; None: those that can."""
        with readable(self.path), connect(self.spill) as connection:
            counted = connection.execute(f"SELECT reason, count(*) FROM {self._judged()} GROUP BY reason")
            return dict(counted.fetchall())

    def _judged(self) -> str:
        reason = f"CASE WHEN instant IS NULL THEN {sql.text(NO_TIMESTAMP)} ELSE skip END"
        return f"(SELECT {reason} AS reason FROM ({self.query}))"


def open_log(events: Events, *, folder: Path, mapping_path: Path, spill: Path) -> Log:
    """Find the events file of a log and check the mapping against its columns.

    Args:
        folder: the log's folder.
        mapping_path: named in errors.
        spill: where DuckDB may put what does not fit in memory.

    Raises:
        CliError: no such file, unreadable, or a mapped column does not exist.
    """
    return log_of(events, log_file.find_file(folder, events.file, mapping_path), mapping_path, spill)


def log_of(events: Events, path: Path, mapping_path: Path, spill: Path, *, is_part: bool = False) -> Log:
    """The log that is in one file; see `open_log`.

    Args:
        is_part: of a log in several files: columns of users and properties that it lacks are empty.
    """
    with readable(path), connect(spill) as connection:
        source = log_file.source_of(connection, path, log_file.names_of(events))
        columns = log_file.columns_of(connection, source)
        lacks = log_file.optional_lacking(events, columns) if is_part else ()
        log_file.check_columns(events, columns | dict.fromkeys(lacks, ""), mapping_path, path)
        whole = log_file.with_empty(source, lacks)
        columns |= dict.fromkeys(lacks, "VARCHAR")
        properties = log_file.chosen_properties(events, columns, mapping_path)
        query = sql.calls(events, source=whole, row=log_file.ROW, columns=columns, properties=properties)
        if events.day is not None:
            log_file.check_courses(connection, events, source, mapping_path)
    return Log(
        path=path,
        fingerprint=fingerprint_of(path),
        properties=tuple(properties),
        query=query,
        spill=spill,
        source=source,
        lacks=lacks,
    )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Names the file where DuckDB fails on it."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        said = ROW_OF_ERROR.split(text, maxsplit=1)[0].strip()
        hint = next((hint for sign, hint in HINTS.items() if sign in text), HINT)
        raise CliError(f"{path} cannot be read: {said}", hint=hint) from error


def connect(spill: Path, *, file: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own (in memory, or in a file), bounded in memory, in UTC."""
    spill.mkdir(parents=True, exist_ok=True)
    return duckdb.connect(
        ":memory:" if file is None else file,
        config={
            "autoinstall_known_extensions": "false",
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(spill),
            "TimeZone": "UTC",
        },
    )


def _size(rows: list[Row]) -> int:
    """About how many characters rows have: every so many is looked at."""
    texts = (len(value) for row in rows[::SAMPLED] for value in row if isinstance(value, str))
    return SAMPLED * sum(texts)


def _within(interval: Interval) -> str:
    (low, low_row), (high, high_row) = interval
    parts = ["instant IS NOT NULL"]
    if interval[0] > START:
        parts.append(f"(instant > {low} OR (instant = {low} AND _row >= {low_row}))")
    if interval[1] < END:
        parts.append(f"(instant < {high} OR (instant = {high} AND _row < {high_row}))")
    return " AND ".join(parts)


def fingerprint_of(path: Path) -> str:
    """What names a file's content, or that of its parts in their order."""
    parts = log_file.parts_of(path)
    digests = []
    for part in parts:
        with part.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    whole = digests[0] if len(parts) == 1 else hashlib.sha256(",".join(digests).encode()).hexdigest()
    return whole[:FINGERPRINT_CHARS]
