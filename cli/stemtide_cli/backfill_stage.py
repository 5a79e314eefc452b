"""A log counted by account and day, out of core, in a DuckDB file that a later run goes on from.

Each source file is counted in one transaction: a run that is killed leaves whole files or nothing of them.
"""

# ruff: noqa: S608 - DuckDB reads local files; every name and value is a number, the log's own query or quoted

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
from stemtide.calls import DAY_MS
from stemtide.event_days import QUARTER_MS

from stemtide_cli import backfill_rows as rows
from stemtide_cli import sql
from stemtide_cli.backfill_judge import judge
from stemtide_cli.backfill_rows import LATER, Scope
from stemtide_cli.errors import CliError
from stemtide_cli.log import Log, connect, readable

VERSION: Final = 8
"""Of the file's layout and of what a run leaves and reads: with 8, names and dates of a file as they are."""
ROW_BITS: Final = 40
PLACE: Final = 1 << (ROW_BITS + 16)
"""A row's place is its instant, then 16 bits of its file's number, then 40 of its row's."""
FETCHED: Final = 1_000
"""Rows at a time: each may be as large as a record."""
PRIVATE: Final = 0o700
"""Of a stage's folder: what is in it names users."""
BEGUN: Final = "begun"
TABLES: Final = (
    "sources (number INTEGER PRIMARY KEY, fingerprint VARCHAR, rows BIGINT, last BIGINT, lacks VARCHAR[])",
    "refused (source INTEGER, reason VARCHAR, n BIGINT)",
    "counts (account VARCHAR, day INTEGER, event VARCHAR, calls BIGINT, events BIGINT, place HUGEINT,"
    " first BIGINT, last BIGINT)",
    "present (account VARCHAR, day INTEGER, person VARCHAR, comments BOOLEAN)",
    "heard (account VARCHAR, day INTEGER, quarters HUGEINT)",
    "said (account VARCHAR, fact BLOB)",
    "stops (account VARCHAR, stop_us BIGINT)",
    "progress (name VARCHAR PRIMARY KEY, value VARCHAR)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Rows of the sources: all, the stream's, the refused by reason; the last instant of those that count."""

    rows: int
    later: int
    refused: dict[str, int]
    last_us: int | None

    @property
    def counted(self) -> int:
        return self.rows - self.later - sum(self.refused.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The open file, what of the rows counts, and where refused rows go (a file of each source);
    `is_comment` tells the event types whose users are those who comment."""

    connection: duckdb.DuckDBPyConnection
    scope: Scope
    rejected: Path
    is_comment: Callable[[str], bool] | None = None

    @property
    def folder(self) -> Path:
        """Where it is, and where a run keeps what it needs besides."""
        return self.rejected.parent

    def has(self, number: int) -> bool:
        """Whether a source is in."""
        found = self.connection.execute("SELECT count(*) FROM sources WHERE number = ?", [number]).fetchall()
        return bool(found[0][0])

    def add(self, number: int, log: Log, *, name: str) -> None:
        """Count a source: its calls by account, day and event, its users by account and day.

        Raises:
            CliError: DuckDB cannot read the file.
        """
        with readable(log.path), self._whole():
            source = rows.narrow(self.connection, log, self.scope)
            tally = self._tally(source)
            judged = self._judge(number, log) if tally.pop(rows.SPECIAL) else {}
            good = f"{source} WHERE reason IS NULL AND _row NOT IN (SELECT row FROM judged)"
            self._count(number, good if judged else f"{source} WHERE reason IS NULL")
            self._keep(number, log, name, tally, judged)

    def totals(self) -> Totals:
        """Of all sources that are in."""
        ((count, last),) = self.connection.execute("SELECT sum(rows), max(last) FROM sources").fetchall()
        reasons: dict[str, int] = dict(
            self.connection.execute(
                "SELECT reason, sum(n) FROM refused GROUP BY reason ORDER BY 1"
            ).fetchall()
        )
        later = int(reasons.pop(LATER, 0))
        refused = {reason: int(n) for reason, n in reasons.items()}
        return Totals(rows=int(count or 0), later=later, refused=refused, last_us=last)

    def fingerprints(self) -> tuple[str, ...]:
        """Of the sources, in their order."""
        found = self.connection.execute("SELECT fingerprint FROM sources ORDER BY number").fetchall()
        return tuple(fingerprint for (fingerprint,) in found)

    def lacking(self) -> dict[str, int]:
        """The optional columns that sources do not have, and in how many."""
        found = self.connection.execute(
            "SELECT name, count(*) FROM (SELECT unnest(lacks) AS name FROM sources) GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return dict(found)

    def said(self) -> Iterator[tuple[str, bytes]]:
        """The facts among the events: (account, encoded fact)."""
        reader = self.connection.cursor()
        reader.execute("SELECT account, fact FROM said")
        while found := reader.fetchmany(FETCHED):
            yield from found

    def done(self, step: str, value: str = "") -> None:
        """Note a step as done. Any thread may."""
        self.connection.cursor().execute("INSERT OR REPLACE INTO progress VALUES (?, ?)", [step, value])

    def noted(self, step: str) -> str | None:
        """What was noted with a step; None if it was not done."""
        reader = self.connection.cursor()
        found = reader.execute("SELECT value FROM progress WHERE name = ?", [step]).fetchall()
        return None if not found else str(found[0][0])

    def join_rejected(self) -> Path | None:
        """The one file of all refused rows; None if there are none."""
        parts = sorted(path for path in self.rejected.glob("*.jsonl") if path.stat().st_size)
        if not parts:
            return None
        joined = self.folder / "rejected.jsonl"
        with joined.open("wb") as target:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, target)
        return joined

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self.connection.execute("CREATE OR REPLACE TEMP TABLE judged (row BIGINT, reason VARCHAR)")
        self.connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        self.connection.execute("DROP TABLE IF EXISTS temp.narrow")

    def _tally(self, source: str) -> dict[str, int]:
        """Rows by reason ('' for those that count), and how many of those take a second look."""
        found = self.connection.execute(
            f"SELECT coalesce(reason, ''), count(*), count(*) FILTER (special) FROM {source} GROUP BY 1"
        ).fetchall()
        special = sum(second for reason, _, second in found if not reason)
        return {**{reason: count for reason, count, _ in found}, rows.SPECIAL: special}

    def _judge(self, number: int, log: Log) -> dict[str, int]:
        """Look at the rows that may be facts or too large; the refused by reason."""
        refused: dict[str, int] = {}
        reader = self.connection.cursor()
        reader.execute(rows.special(log, self.scope, reader))
        while found := reader.fetchmany(FETCHED):
            verdicts = list(judge(found, log, now_ms=self.scope.now_ms))
            bad = [(one.row, one.reason) for one in verdicts if one.reason is not None]
            said = [(one.account, msgspec.json.encode(one.fact)) for one in verdicts if one.fact is not None]
            _insert(self.connection, "judged", ("BIGINT", "VARCHAR"), bad)
            _insert(self.connection, "said", ("VARCHAR", "BLOB"), said)
            for _, reason in bad:
                refused[str(reason)] = refused.get(str(reason), 0) + 1
        return refused

    def _count(self, number: int, good: str) -> None:
        base = number << ROW_BITS
        self.connection.execute(
            "INSERT INTO counts SELECT account, day, event, count(*), sum(weight),"
            f" min(instant::HUGEINT * {PLACE} + {base} + _row), min(instant), max(instant)"
            f" FROM {good} GROUP BY account, day, event"
        )
        self.connection.execute(
            f"INSERT INTO present SELECT account, day, person, bool_or({self._commented()}) FROM {good}"
            " GROUP BY ALL"
        )

        quarter = f"(instant - day * {DAY_MS * 1000}::BIGINT) // {QUARTER_MS * 1000}"
        self.connection.execute(
            f"INSERT INTO heard SELECT account, day, bit_or(1::HUGEINT << CAST({quarter} AS INTEGER))"
            f" FROM {good} GROUP BY account, day"
        )

    def _commented(self) -> str:
        """SQL: whether a counted row is a comment."""
        if self.is_comment is None:
            return "false"
        events = self.connection.execute("SELECT DISTINCT event FROM counts").fetchall()
        return sql.among("event", filter(self.is_comment, (name for (name,) in events)))

    def _keep(self, number: int, log: Log, name: str, tally: dict[str, int], judged: dict[str, int]) -> None:
        last = "SELECT max(last) FROM counts"
        self.connection.execute(
            f"INSERT INTO sources VALUES (?, ?, ?, ({last}), ?)",
            [number, log.fingerprint, sum(tally.values()), list(log.lacks)],
        )
        reasons = {reason: n for reason, n in tally.items() if reason}
        for reason, n in judged.items():
            reasons[reason] = reasons.get(reason, 0) + n
        if reasons.keys() - {LATER}:
            query = rows.refused(self.connection, log, self.scope, name=name)
            target = sql.text(str(self.rejected / f"{number:05d}.jsonl"))
            self.connection.execute(f"COPY ({query}) TO {target} (FORMAT json)")
        if reasons:
            self.connection.executemany(
                "INSERT INTO refused VALUES (?, ?, ?)", [(number, reason, n) for reason, n in reasons.items()]
            )


@contextmanager
def opened(
    folder: Path,
    *,
    stop_us: int | None,
    now_ms: int,
    stops: Mapping[str, int] | None = None,
    is_comment: Callable[[str], bool] | None = None,
) -> Iterator[Stage]:
    """The stage in a folder, made if there is none; rows arrive when its first run did.

    Args:
        stops: see `Scope`; a folder's are always the same.
        is_comment: see `Stage`.

    Raises:
        CliError: another process has it.
    """
    rejected = folder / "rejected"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(PRIVATE)
    rejected.mkdir(exist_ok=True)
    try:
        connection = connect(folder / "tmp", file=folder / "stage.duckdb")
    except duckdb.IOException as error:
        raise CliError(
            f"{folder} is in use by another process, or is no stage: {error}",
            hint="wait for its end; if there is none, remove the folder and run the command again",
        ) from error
    with connection:
        for table in TABLES:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        stops = stops or {}
        connection.execute("DELETE FROM stops")
        _insert(connection, "stops", ("VARCHAR", "BIGINT"), list(stops.items()))
        scope = Scope(stop_us=stop_us, now_ms=now_ms, stops=stops)
        stage = Stage(connection=connection, scope=scope, rejected=rejected, is_comment=is_comment)
        first = stage.noted(BEGUN)
        if first is None:
            stage.done(BEGUN, str(now_ms))
            yield stage
        else:
            yield replace(stage, scope=replace(scope, now_ms=int(first)))


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, kinds: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Put all rows into a table at once; `kinds` are the types of its columns."""
    lists = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in kinds)
    columns = [list(column) for column in zip(*rows, strict=True)]
    if columns:
        connection.execute(f"INSERT INTO {table} SELECT {lists}", columns)
