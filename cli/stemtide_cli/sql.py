"""The DuckDB query that reads a log as calls, in (instant, row) order."""

# ruff: noqa: S608 - DuckDB reads a local file; every name and value is quoted by `identifier` and `text`

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from stemtide import limits
from stemtide.calls import DAY_MS

from stemtide_cli.mapping import DayZero, Events

INSTANT_TYPES = ("TIMESTAMP", "DATE", "VARCHAR")
COURSE_NAME = r"([0-9]{4})([A-Za-z]+)$"
DAY_US = DAY_MS * 1000
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""From year 1 to 9999: what a date can be."""
ZONE = "ZONE"
"""In the type of instants with a zone."""
OFFSET_APART = r"regexp_replace({}, ' ([+-][0-9]{{2}}):?([0-9]{{2}})$', '\1:\2')"
"""Snowflake writes `2026-03-14 10:00:00.000 +0100`; DuckDB takes no space there."""
NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG)INT|U?INTEGER|DOUBLE|FLOAT|BOOLEAN)$")
WIDE_NUMERIC = re.compile(r"(U?HUGEINT|DECIMAL)")
WILDCARD = re.compile(r"[\[\]*?]")
FRACTIONAL = ("FLOAT", "DOUBLE", "DECIMAL")


def identifier(name: str) -> str:
    """A column name, quoted."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def file(path: Path) -> str:
    """A string literal that names one file, also one whose name is a pattern: `part[1].csv`."""
    return text(WILDCARD.sub(r"[\g<0>]", str(path)))


def instant(events: Events, columns: Mapping[str, str]) -> str:
    """An expression for the event's instant in microseconds since 1970, NULL where there is none."""
    if events.day is not None:
        return f"epoch_us({day_zero(events.day)} + {day_of_course(events.day)})"
    return instant_of(str(events.timestamp), columns[str(events.timestamp)])


def instant_of(name: str, kind: str) -> str:
    """An expression for the instant that a column of that type holds, in microseconds since 1970."""
    column = identifier(name)
    if kind == "VARCHAR":
        return _within_years(f"epoch_us(TRY_CAST({OFFSET_APART.format(column)} AS TIMESTAMPTZ))")
    if kind.endswith("_NS"):  # a cast would round, and has none for such with a zone
        ns = f"epoch_ns({column})"
        return f"({ns} - ({ns} % 1000 + 1000) % 1000) // 1000"
    return _within_years(f"epoch_us({column if ZONE in kind else f'TRY_CAST({column} AS TIMESTAMP)'})")


def _within_years(instant: str) -> str:
    return f"CASE WHEN {instant} BETWEEN {FIRST_US} AND {LAST_US} THEN {instant} END"


def day_of(instant: str) -> str:
    """The UTC day (since 1970-01-01) of an instant in microseconds; DuckDB's `//` rounds towards zero."""
    return f"(({instant}) - (({instant}) % {DAY_US} + {DAY_US}) % {DAY_US}) // {DAY_US}"


def day_zero(day: DayZero) -> str:
    """An expression for the date of day zero of a row's course."""
    course = identifier(day.course)
    year = f"TRY_CAST(regexp_extract({course}, {text(COURSE_NAME)}, 1) AS INTEGER)"
    suffix = f"regexp_extract({course}, {text(COURSE_NAME)}, 2)"
    cases = []
    for name, start in day.starts.items():
        month, day_of_month = (int(part) for part in start.split("-"))
        cases.append(f"WHEN {text(name)} THEN make_date({year}, {month}, {day_of_month})")
    return f"(CASE {suffix} {' '.join(cases)} END)"


def whole(name: str) -> str:
    """An expression for a name that is kept as a number which may have a fraction: 7 for 7.0, NULL for NaN.

    Such a column is one of whole numbers that had gaps, or of a warehouse that knows decimals only. The same
    account is 7 in a file without gaps.
    """
    column = identifier(name)
    number, written = f"TRY_CAST({column} AS HUGEINT)", f"CAST({column} AS VARCHAR)"
    return (
        f"CASE WHEN NOT isfinite(CAST({column} AS DOUBLE)) THEN NULL"
        f" WHEN {column} = floor({column}) THEN coalesce(CAST({number} AS VARCHAR), {written})"
        f" ELSE {written} END"
    )


def name_of(column: str) -> str:
    """An expression for a name as text, NULL where it is empty."""
    return f"NULLIF(CAST({identifier(column)} AS VARCHAR), '')"


def day_of_course(day: DayZero) -> str:
    """An expression for a row's days since day zero, NULL where there are none, or more than can be."""
    return f"TRY_CAST({identifier(day.column)} AS SMALLINT)"


def account(columns: Iterable[str], separator: str) -> str:
    """An expression for the account id: the columns joined, NULL where one of them is empty."""
    return f" || {text(separator)} || ".join(map(name_of, columns))


def prop(name: str, kind: str) -> str:
    """An expression for a property: numbers and booleans as they are, all else as text."""
    column = identifier(name)
    if NUMERIC.match(kind):
        return column
    return f"CAST({column} AS {'DOUBLE' if is_number(kind) else 'VARCHAR'})"


def is_number(kind: str) -> bool:
    """Whether a property of a column of that type is no text."""
    return bool(NUMERIC.match(kind) or WIDE_NUMERIC.match(kind))


_ALLOWED = f"^[A-Za-z0-9._:@-]{{1,{limits.MAX_ACCOUNT_ID_CHARS}}}$"
ACCOUNT_CASES = (
    "WHEN account IS NULL THEN 'no_account'",
    f"WHEN NOT regexp_matches(account, {text(_ALLOWED)}) THEN 'bad_account'",
)
"""Why no call can be made for an account."""


def skip_reason(events: Events) -> str:
    """An expression that names why a row cannot be sent, NULL for the others."""
    cases = [
        *ACCOUNT_CASES,
        "WHEN event IS NULL OR event = '' THEN 'no_event'",
        f"WHEN length(event) > {limits.MAX_EVENT_NAME_CHARS} THEN 'bad_event'",
    ]
    if events.weight is not None:
        within = f"weight BETWEEN 1 AND {limits.MAX_WEIGHT} AND weight = floor(weight)"
        cases.append(f"WHEN NOT coalesce({within}, false) THEN 'bad_weight'")
    cases.append("WHEN huge THEN 'too_large'")
    return f"CASE {' '.join(cases)} END"


def calls(events: Events, *, source: str, row: str, columns: Mapping[str, str], properties: list[str]) -> str:
    """Rows (instant_us, row, skip, account, user, event, timestamp, weight, *properties), unordered.

    What is larger than a record as text alone has neither user nor properties: nobody needs them in memory.

    Args:
        source: a table expression with the log's columns.
        row: its column of row numbers.
    """
    user = name_of(events.user) if events.user else "NULL"
    weight = f"TRY_CAST({identifier(events.weight)} AS DOUBLE)" if events.weight else "NULL"
    extra = "".join(f", {prop(name, columns[name])} AS p{i}" for i, name in enumerate(properties))
    texts = ["person", *(f"p{i}" for i, name in enumerate(properties) if not is_number(columns[name]))]
    size = " + ".join(f"coalesce(strlen({name}), 0)" for name in texts)
    inner = (
        f"SELECT {instant(events, columns)} AS instant, {row} AS _row,"
        f" {account(events.account_columns, events.account_separator)} AS account,"
        f" {user} AS person, CAST({identifier(events.event)} AS VARCHAR) AS event,"
        f" {weight} AS weight{extra} FROM {source}"
    )
    sized = f"SELECT *, {size} > {limits.MAX_RECORD_BYTES} AS huge FROM ({inner})"
    kept = {name: f"CASE WHEN NOT huge THEN {name} END" for name in texts}
    names = "".join(f", {kept.get(f'p{i}', f'p{i}')} AS p{i}" for i in range(len(properties)))
    return (
        f"SELECT instant, _row, {skip_reason(events)} AS skip, account, {kept['person']} AS person, event,"
        " strftime(make_timestamp(instant), '%Y-%m-%dT%H:%M:%S.%gZ') AS at,"
        f" CASE WHEN weight = floor(weight) THEN TRY_CAST(weight AS BIGINT) END AS weight{names}"
        f" FROM ({sized})"
    )


def among(column: str, values: Iterable[str]) -> str:
    """Whether a column has one of the values."""
    listed = ", ".join(map(text, values))
    return f"{column} IN ({listed})" if listed else "false"
