"""The file of a mapping's section beside the events: found, and its columns checked."""

# ruff: noqa: S608 - DuckDB reads a local file; names and values are quoted by `sql.identifier` and `sql.text`

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from stemtide_cli import log_file, sql
from stemtide_cli.errors import CliError
from stemtide_cli.log import readable
from stemtide_cli.mapping_training import Accounts, Enrolments, PlayOutcomes, Subscriptions, Treatments

Section = Subscriptions | Accounts | Enrolments | PlayOutcomes | Treatments


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionFile:
    """A file to read: a table expression with `log_file.ROW`, and its columns with their types."""

    path: Path
    source: str
    columns: dict[str, str]

    def account(self, section: Section) -> str:
        """An expression for the account id, NULL where a part of it is empty."""
        return sql.account(section.account_columns, section.account_separator)

    def number(self, column: str | None, kind: str = "DOUBLE") -> str:
        """An expression for a column's number, NULL where there is none."""
        return "NULL" if column is None else f"TRY_CAST({sql.identifier(column)} AS {kind})"

    def text(self, column: str | None) -> str:
        """An expression for a column's text, NULL where it is empty."""
        return "NULL" if column is None else sql.name_of(column)

    def instant(self, column: str) -> str:
        """An expression for a column's instant in microseconds since 1970, NULL where there is none."""
        return sql.instant_of(column, self.columns[column])

    def as_of(self, instant_us: int, *, start: str, named: Iterable[str | None]) -> "SectionFile":
        """The file as it was at an instant, as far as can be known.

        Rows that start later are gone. What no key of the mapping names is empty: such a column may have
        been written when it was known how things went on.
        """
        kept = set(named)
        empty = [
            f"CAST(NULL AS {kind}) AS {sql.identifier(column)}"
            for column, kind in self.columns.items()
            if column not in kept
        ]
        columns = f"* REPLACE ({', '.join(empty)})" if empty else "*"
        known = f"{self.instant(start)} <= {instant_us}"
        return replace(self, source=f"(SELECT {columns} FROM {self.source} WHERE {known})")


def find_section(
    connection: duckdb.DuckDBPyConnection,
    section: Section,
    *,
    name: str,
    named: dict[str, str | None],
    folder: Path,
    mapping_path: Path,
) -> SectionFile | None:
    """The section's file, None where the folder has none of that name.

    Args:
        name: the section, for errors.
        named: the columns that the section names, by key.

    Raises:
        CliError: several files fit, one is unreadable, or a column does not exist.
    """
    try:
        path = log_file.find_file(folder, section.file, mapping_path)
    except CliError as error:
        if "no such file" in error.message:
            return None
        raise
    texts = {*section.account_columns}
    if isinstance(section, Subscriptions):
        texts |= {column for column in (section.plan, section.units) if column is not None}
    with readable(path):
        source = log_file.source_of(connection, path, texts)
        columns = log_file.columns_of(connection, source)
    wanted = {"account": section.account_columns}
    wanted |= {key: (column,) for key, column in named.items() if column is not None}
    log_file.require(
        {f"{key}` of `[{name}]": columns_of_key for key, columns_of_key in wanted.items()},
        columns,
        mapping_path,
        path,
    )
    return SectionFile(path=path, source=source, columns=columns)


def check_instant(file: SectionFile, column: str, key: str, mapping_path: Path) -> None:
    """Raise the CliError of a column that cannot hold days."""
    if not file.columns[column].startswith(sql.INSTANT_TYPES):
        raise CliError(
            f"{mapping_path}: `{key}` names {column!r}, a {file.columns[column]} column",
            hint="it must hold timestamps, dates or ISO 8601 text",
        )
