"""Merged rows of the history as Parquet files for those who work with data."""

# ruff: noqa: S608 - every value in the queries is a date of the table itself

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import duckdb
from stemtide import users
from stemtide.store.history import ROWS
from stemtide.store.history_parquet import NAMES, write

ENDING: Final = ".parquet"
COUNT: Final = "active_users"
"""The one column that the files have besides the rows': how many distinct `users`."""
EXPORTED: Final = NAMES.replace("events,", f"events, {COUNT}(users) AS {COUNT},", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Writes the table `ROWS` of the connection to a file, or to a file a month in a folder."""

    connection: duckdb.DuckDBPyConnection
    output: Path
    progress: Callable[[str], None]

    def totals(self) -> tuple[int, int]:
        """How many rows of how many accounts there are."""
        query = f"SELECT count(*), count(DISTINCT account) FROM {ROWS}"
        ((rows, accounts),) = self.connection.execute(query).fetchall()
        return int(rows), int(accounts)

    def write(self) -> list[Path]:
        """The files, each whole or as it was before."""
        self.connection.create_function(COUNT, _count, ["BLOB"], "BIGINT")
        if self.output.suffix == ENDING:
            self.progress(f"writing {self.output}")
            return [self._write("true", self.output)]
        self.output.mkdir(exist_ok=True)
        months = self._months()
        written = []
        for number, month in enumerate(months, 1):
            self.progress(f"writing {month:%Y-%m}, {number} of {len(months)} months")
            within = f"date_trunc('month', day) = DATE '{month}'"
            written.append(self._write(within, self.output / f"{month:%Y-%m}{ENDING}"))
        return written

    def _months(self) -> list[date]:
        query = f"SELECT DISTINCT date_trunc('month', day)::DATE FROM {ROWS} ORDER BY 1"
        return [month for (month,) in self.connection.execute(query).fetchall()]

    def _write(self, within: str, path: Path) -> Path:
        draft = path.with_name(f".{path.name}.part")
        write(self.connection, f"SELECT {EXPORTED} FROM {ROWS} WHERE {within} ORDER BY account, day", draft)
        return draft.replace(path)


def _count(stored: bytes) -> int:
    """How many users are stored."""
    return users.count(users.decode(stored))
