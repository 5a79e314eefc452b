"""The events file of a log: found, described, and the mapping checked against its columns."""

# ruff: noqa: S608 - DuckDB reads a local file; names and values are quoted by `sql.identifier` and `sql.text`

import gzip
import re
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
from stemtide import limits

from stemtide_cli import sql
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Events

ENDINGS = (".parquet", ".csv", ".csv.gz", ".tsv", ".jsonl", ".jsonl.gz", ".ndjson")
SEPARATED = (".csv", ".csv.gz", ".tsv")
WEIGHT_PROPERTY = "count"
NO_PARTITIONS = "hive_partitioning = false"
"""A folder named like `day=1` makes no column: the file alone says what is in it."""
CHUNK_BYTES = 1 << 16
DATES = ("DATE", "TIMESTAMP")
EMPTY_TYPE = '"NULL"'
OF_CSV = "header = true, comment = '', max_line_size = 16777216, buffer_size = 33554432"
"""No character makes a row a comment; a row may be as long as in JSON, within the buffer that is usual."""
OF_JSON = "format = 'newline_delimited', records = 'true', map_inference_threshold = -1"
"""Keys are columns however rare each is."""
ROW = "__stemtide_row"
"""The column of a row's number in its file, by a name that no file has."""


def find_file(folder: Path, name: str, mapping_path: Path) -> Path:
    """The file of that name, or with another ending, or the folder of that name that has its parts."""
    stem = next((name.removesuffix(e) for e in ENDINGS if name.endswith(e)), name)
    if (folder / name).is_file():
        return _with_content(folder / name)
    found = [folder / f"{stem}{ending}" for ending in ENDINGS if (folder / f"{stem}{ending}").is_file()]
    found = found or [place for place in {folder / name, folder / stem} if place.is_dir() and parts_of(place)]
    if len(found) == 1:
        return _with_content(found[0])
    problem = f"several files fit: {', '.join(p.name for p in found)}" if found else "there is no such file"
    raise CliError(
        f"{folder / name}: {problem}",
        hint=f"check --data, or `file` in {mapping_path}; known endings: {', '.join(ENDINGS)}; if it is in"
        f" parts, put them into a folder named {stem}",
    )


def _with_content(path: Path) -> Path:
    if not any(map(has_content, parts_of(path))):
        raise CliError(f"{path} is empty", hint="check --data, and whether the export has come to its end")
    return path


def parts_of(path: Path) -> list[Path]:
    """A file, or the files of a folder by name, but for those that say how it was written (`_SUCCESS`)."""
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.name.endswith(ENDINGS) and not p.name.startswith(("_", ".")))


def source_of(connection: duckdb.DuckDBPyConnection, path: Path, names: Collection[str]) -> str:
    """A table expression of the columns of a file or its parts, the `names` as text, and `ROW`."""
    found = columns_of(connection, _reader(path, ""))
    if parts_of(path)[0].name.endswith(".parquet"):
        values = {name: sql.whole(name) for name in names if found.get(name, "").startswith(sql.FRACTIONAL)}
        values |= {name: "CAST(NULL AS VARCHAR)" for name, kind in found.items() if kind == EMPTY_TYPE}
        replaced = ", ".join(f"{value} AS {sql.identifier(name)}" for name, value in values.items())
        chosen = f"* REPLACE ({replaced})" if replaced else "*"
        return f"(SELECT {chosen} FROM {_reader(path, '')})"
    kinds = as_text(found, names).items()
    return _reader(path, ", ".join(f"{sql.text(column)}: {sql.text(kind)}" for column, kind in kinds))


def _reader(path: Path, types: str) -> str:
    """A table expression of a file or its parts as they are; `types` are of the columns of text files, if
    they are known."""
    parts = parts_of(path)
    files = f"[{', '.join(map(sql.file, parts))}]"
    options = f"{NO_PARTITIONS}, union_by_name = {str(len(parts) > 1).lower()}"
    if all(part.name.endswith(".parquet") for part in parts):
        if len(parts) == 1:
            reader = f"read_parquet({files}, file_row_number = true, {options})"
            return f"(SELECT * EXCLUDE (file_row_number), file_row_number AS {ROW} FROM {reader})"
        reader = f"read_parquet({files}, {options})"
    elif all(part.name.endswith(SEPARATED) for part in parts):
        given = f", types = {{{types}}}" if types else ""
        reader = f"read_csv({files}, {OF_CSV}, sample_size = -1, {options}{given})"
    elif any(part.name.endswith((".parquet", *SEPARATED)) for part in parts):
        raise CliError(f"{path} has parts of several formats", hint="write all of them in one")
    else:
        given = f", columns = {{{types}}}" if types else ""
        reader = f"read_json({files}, {OF_JSON}, sample_size = -1, {options}{given})"
    return f"(SELECT *, row_number() OVER () - 1 AS {ROW} FROM {reader})"


def has_content(path: Path) -> bool:
    """Whether a file has more than blanks in it; a damaged one has, whatever it is."""
    if path.name.endswith(".parquet"):
        return True
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            return any(chunk.strip() for chunk in iter(lambda: file.read(CHUNK_BYTES), b""))
    except (OSError, EOFError, zlib.error):
        return True


def optional_lacking(events: Events, columns: dict[str, str]) -> tuple[str, ...]:
    """The columns of users and properties that a file lacks; one that differs in case only is a mistake."""
    known = {column.lower() for column in columns}
    users = [events.user] if events.user else []
    optional = users if events.properties == "*" else [*users, *events.properties]
    return tuple(dict.fromkeys(column for column in optional if column.lower() not in known))


def with_empty(source: str, columns: Sequence[str]) -> str:
    """The table expression with further columns that have no values."""
    empty = "".join(f", CAST(NULL AS VARCHAR) AS {sql.identifier(column)}" for column in columns)
    return f"(SELECT *{empty} FROM {source})" if empty else source


def columns_of(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return {name: kind for name, kind, *_ in described if name != ROW}


def as_text(columns: dict[str, str], names: Collection[str]) -> dict[str, str]:
    """What a text file's columns are read as: names as they stand (`007` is not 7), and so what has no value.

    Dates too: which of 01/02/2024 is the month DuckDB would guess, in each file anew.
    """
    return {
        column: "VARCHAR" if column in names or kind == EMPTY_TYPE or kind.startswith(DATES) else kind
        for column, kind in columns.items()
    }


def names_of(events: Events) -> set[str]:
    """The columns whose values are names."""
    return {*events.account_columns, events.event, *([events.user] if events.user else [])}


def check_columns(events: Events, columns: dict[str, str], mapping_path: Path, path: Path) -> None:
    named = {"account": events.account_columns, "event": (events.event,)}
    named |= {"timestamp": (events.timestamp,)} if events.timestamp else {}
    named |= {"day": (events.day.column, events.day.course)} if events.day else {}
    named |= {"user": (events.user,)} if events.user else {}
    named |= {"weight": (events.weight,)} if events.weight else {}
    named |= {} if events.properties == "*" else {"properties": tuple(events.properties)}
    require(named, columns, mapping_path, path)
    if events.timestamp and not columns[events.timestamp].startswith(sql.INSTANT_TYPES):
        raise CliError(
            f"{mapping_path}: `timestamp` names {events.timestamp!r}, a {columns[events.timestamp]} column",
            hint="it must hold timestamps, dates or ISO 8601 text",
        )


def require(
    named: dict[str, tuple[str, ...]], columns: dict[str, str], mapping_path: Path, path: Path
) -> None:
    """Raise the CliError that names the first of the columns that a file does not have, and its key."""
    for key, wanted in named.items():
        for column in wanted:
            if column not in columns and _has_in_header(path, column):
                raise CliError(
                    f"{path} is not a regular file: its rows do not have the same number of values",
                    hint=f"its header has {column!r}; write every row with as many values, and text that has"
                    " separators or line breaks in quotes",
                )
            if column not in columns:
                raise CliError(
                    f"{mapping_path}: `{key}` names the column {column!r}, which {path} does not have",
                    hint=f"its columns are {', '.join(columns)}",
                )


def _has_in_header(path: Path, column: str) -> bool:
    """Whether a text file's first line names a column."""
    first = parts_of(path)[0]
    if not first.name.endswith(SEPARATED):
        return False
    with gzip.open(first) if first.name.endswith(".gz") else first.open("rb") as file:
        line = file.readline(CHUNK_BYTES).decode("utf-8-sig", errors="replace")
    return column in (name.strip().strip('"') for name in re.split(r"[,;|\t]", line))


def chosen_properties(events: Events, columns: dict[str, str], mapping_path: Path) -> list[str]:
    used = {*events.account_columns, events.event, events.timestamp, events.user, events.weight}
    used |= {events.day.column, events.day.course} if events.day else set()
    chosen = [c for c in columns if c not in used] if events.properties == "*" else list(events.properties)
    if WEIGHT_PROPERTY in chosen:
        raise CliError(
            f"{mapping_path}: as a property, {WEIGHT_PROPERTY!r} would make a row stand for that many events",
            hint=f'set `weight = "{WEIGHT_PROPERTY}"` if it does, else list the others in `properties`',
        )
    if len(chosen) >= limits.MAX_PROPERTIES or any(len(c) > limits.MAX_KEY_CHARS for c in chosen):
        raise CliError(
            f"{mapping_path}: {len(chosen)} columns would become properties, or one with a very long name",
            hint=f"list at most {limits.MAX_PROPERTIES - 1} short ones in `properties`",
        )
    return chosen


def check_courses(
    connection: duckdb.DuckDBPyConnection, events: Events, source: str, mapping_path: Path
) -> None:
    day = events.day
    assert day is not None
    course = sql.identifier(day.course)
    suffixes = ", ".join(sql.text(name) for name in day.starts)
    unknown = connection.execute(
        f"SELECT min({course}) FROM {source} WHERE {course} IS NOT NULL AND"
        f" regexp_extract({course}, {sql.text(sql.COURSE_NAME)}, 2) NOT IN ({suffixes})"
    ).fetchall()[0][0]
    if unknown is not None:
        raise CliError(
            f"{mapping_path}: [events.day.starts] has no day zero for {unknown!r}",
            hint=f"add the suffix after its year; it has {', '.join(day.starts)}",
        )
