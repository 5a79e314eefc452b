"""The rows of a log as a backfill sees them: what counts, what is the stream's, what is refused and why."""

# ruff: noqa: S608 - DuckDB reads local files; every name and value is a number, the log's own query or quoted

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import duckdb
from stemtide import limits
from stemtide.calls import MAX_AHEAD_MS, RESERVED_PREFIX

from stemtide_cli import log_file, sql
from stemtide_cli.log import Log
from stemtide_cli.log_file import ROW

LATER: Final = "later"
"""Rows of the cutover and after it: the stream's."""
SPECIAL: Final = "special"
YEAR_1_US: Final = -62_135_596_800_000_000
YEAR_10000_US: Final = 253_402_300_800_000_000
"""The years that the stream takes, in microseconds since 1970."""
ESCAPED_BYTES: Final = 6
"""The most that one byte of text becomes in JSON (`\\u0000`)."""
CALL_BYTES: Final = 4096
"""Room for the rest of a call: account, event, ids and names."""
SHOWN_CHARS: Final = 4096
"""Of a refused row's value: enough to find it."""
VALUE_BYTES: Final = 32
"""Room for a number in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which rows count: those before `stop_us` (None: all), as they would arrive at `now_ms`.

    `stops` are the accounts whose own cutover (epoch us) lies within a day and earlier.
    """

    stop_us: int | None
    now_ms: int
    stops: Mapping[str, int] = field(default_factory=dict)

    def rows(self, log: Log) -> str:
        """A table expression of the log's rows, with `own_stop` (`stops` is at hand as a table)."""
        if not self.stops:
            return f"(SELECT *, NULL AS own_stop FROM ({log.query}))"
        joined = f"({log.query}) AS rows LEFT JOIN stops USING (account)"
        return f"(SELECT rows.*, stops.stop_us AS own_stop FROM {joined})"


def narrow(connection: duckdb.DuckDBPyConnection, log: Log, scope: Scope) -> str:
    """A table expression: account, person, event, instant, day, weight, _row, reason, special.

    Text files are parsed once, into a temporary table; Parquet is read column by column whenever needed.
    """
    chosen = _narrow(connection, log, scope)
    if log.path.name.endswith(".parquet"):
        return f"({chosen})"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE narrow AS {chosen}")
    return "narrow"


def special(log: Log, scope: Scope, connection: duckdb.DuckDBPyConnection) -> str:
    """The query of the rows that take a second look, as `log.Row`."""
    return (
        f"SELECT * EXCLUDE (own_stop) FROM {scope.rows(log)}"
        f" WHERE {(special := _is_special(connection, log))} AND ({_reason(scope, special)}) IS NULL"
    )


def refused(connection: duckdb.DuckDBPyConnection, log: Log, scope: Scope, *, name: str) -> str:
    """The query of the refused rows, with their values as they stand in the file, long texts cut (`judged` is
    at hand)."""
    kinds = log_file.columns_of(connection, log.source)
    values = ", ".join(f"{sql.text(name)}: {_shown(name, kind)}" for name, kind in kinds.items())
    reason = _reason(scope, _is_special(connection, log))
    reasons = (
        f"SELECT _row, coalesce(judged.reason, found.reason) AS reason FROM"
        f" (SELECT _row, {reason} AS reason FROM {scope.rows(log)}) AS found"
        " LEFT JOIN judged ON judged.row = found._row"
    )
    return (
        f"SELECT {sql.text(name)} AS file, _row AS row, reason, values"
        f" FROM (SELECT {ROW} AS _row, {{{values}}} AS values FROM {log.source})"
        f" JOIN ({reasons}) USING (_row)"
        f" WHERE reason IS NOT NULL AND reason <> {sql.text(LATER)} ORDER BY row"
    )


def _shown(name: str, kind: str) -> str:
    column = sql.identifier(name)
    return f"left({column}, {SHOWN_CHARS})" if kind in ("VARCHAR", "JSON") else column


def _narrow(connection: duckdb.DuckDBPyConnection, log: Log, scope: Scope) -> str:
    special = _is_special(connection, log)
    day = f"CAST({sql.day_of('instant')} AS INTEGER)"
    return (
        f"SELECT account, coalesce(person, account) AS person, event, instant, {day} AS day,"
        f" coalesce(weight, 1) AS weight, _row, {_reason(scope, special)} AS reason,"
        f" {special} AS special FROM {scope.rows(log)}"
    )


def _reason(scope: Scope, special: str) -> str:
    """Why a row does not count, in the order in which `replay` and then the stream find it; else NULL.

    What the stream finds in special rows only its decoder tells: that they are too large comes first.
    """
    ahead = (scope.now_ms + MAX_AHEAD_MS + 1) * 1000
    cases = ["WHEN instant IS NULL THEN 'no_timestamp'"]
    if scope.stop_us is not None:
        cases.append(f"WHEN instant >= {scope.stop_us} THEN {sql.text(LATER)}")
    if scope.stops:
        cases.append(f"WHEN instant >= own_stop THEN {sql.text(LATER)}")
    cases += [
        "WHEN skip IS NOT NULL THEN skip",
        f"WHEN {special} THEN NULL",
        f"WHEN instant < {YEAR_1_US} OR instant >= {YEAR_10000_US} THEN 'bad_timestamp'",
        f"WHEN instant >= {ahead} THEN 'in_the_future'",
    ]
    return f"CASE {' '.join(cases)} END"


def _is_special(connection: duckdb.DuckDBPyConnection, log: Log) -> str:
    """Whether a row may be a fact, or a call larger than a record: what only the stream's decoder tells."""
    columns = connection.execute(f"DESCRIBE {log.query}").fetchall()
    texts = [
        name for name, kind, *_ in columns if kind == "VARCHAR" and name[:1] == "p" and name[1:].isdigit()
    ]
    size = " + ".join(f"coalesce(strlen({name}), 0)" for name in ("person", *texts))
    names = sum(len(name.encode()) + VALUE_BYTES for name in log.properties)
    reserved = " OR ".join(f"starts_with(event, {sql.text(prefix)})" for prefix in RESERVED_PREFIX)
    room = limits.MAX_RECORD_BYTES - CALL_BYTES - ESCAPED_BYTES * names
    return f"({reserved} OR {size} > {room // ESCAPED_BYTES})"
