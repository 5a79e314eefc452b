"""What an export says of its accounts, as rows of the accounts table: the facts that a replay would send."""

# ruff: noqa: S608 - DuckDB reads local files; every name is the log's own query or quoted

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from stemtide.facts import Fact
from stemtide.ports import SideBySide
from stemtide.store.backfill_items import put_facts
from stemtide.store.batches import MAX_PUTS

from stemtide_cli import sql
from stemtide_cli.backfill_judge import judge
from stemtide_cli.backfill_stage import Stage
from stemtide_cli.backfill_writing import Patience
from stemtide_cli.facts_log import KINDS, Facts, Seen, open_facts
from stemtide_cli.log import NO_TIMESTAMP, Log, Row, connect, readable
from stemtide_cli.mapping import Mapping
from stemtide_cli.position import END, START

CHUNK: Final = 5_000
NAMES: Final = ("instant", "row", "skip", "account", "user", "event", "at", "weight")


@dataclass(slots=True, kw_only=True)
class Told:
    """Facts: `new` rows of the accounts table, those that were there, the refused by reason."""

    new: int = 0
    known: int = 0
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactWriter:
    """Writes facts to the accounts table (boto3 Table resource)."""

    table: Any
    patience: Patience
    side_by_side: SideBySide
    now_ms: int

    def write(self, facts: Facts, stage: Stage, *, stop_us: int | None) -> Told:
        """Bring in what the files of subscriptions and accounts say, and the events that are facts.

        Args:
            stop_us: facts from this instant on are left out (`--until`).
        """
        told = Told()
        rejected = stage.rejected / "facts.jsonl"
        rejected.unlink(missing_ok=True)
        for chunk in _cut(self._all(facts, stage, stop_us, told, rejected)):
            groups = [chunk[at : at + MAX_PUTS] for at in range(0, len(chunk), MAX_PUTS)]
            new = sum(self.side_by_side(self._put, groups))
            told.new += new
            told.known += len(chunk) - new
        return told

    def _put(self, facts: list[tuple[str, Fact]]) -> int:
        return self.patience(partial(put_facts, self.table, facts))

    def _all(
        self, facts: Facts, stage: Stage, stop_us: int | None, told: Told, rejected: Path
    ) -> Iterator[tuple[str, Fact]]:
        yield from ((account, msgspec.json.decode(fact, type=Fact)) for account, fact in stage.said())
        if facts.log is None:
            return
        stop = END if stop_us is None else (stop_us, 0)
        for rows in facts.log.rows((START, stop), batch=CHUNK):
            by_number = {row[1]: row for row in rows}
            for one in judge(rows, facts.log, now_ms=self.now_ms, facts=True):
                if one.reason is not None:
                    _refuse(by_number[one.row], one.reason, facts.log, told, rejected)
                elif one.fact is not None:
                    yield str(one.account), one.fact
        for row in _without_instant(facts.log):
            _refuse(row, NO_TIMESTAMP, facts.log, told, rejected)


def facts_of(mapping: Mapping, *, folder: Path, mapping_path: Path, stage: Stage, spill: Path) -> Facts:
    """The facts of an export whose events are counted in the stage; `folder` has the sections' files."""
    seen = stage.rejected.parent / "seen.parquet"
    first = "SELECT account, min(first) AS instant FROM counts GROUP BY account"
    stage.connection.execute(f"COPY ({first}) TO {sql.text(str(seen))} (FORMAT parquet)")
    query = f"SELECT account, instant FROM read_parquet({sql.file(seen)})"
    known = Seen(query=query, fingerprints=stage.fingerprints())
    return open_facts(mapping, folder=folder, mapping_path=mapping_path, spill=spill, seen=known)


def _without_instant(log: Log) -> list[Row]:
    with readable(log.path), connect(log.spill) as connection:
        return connection.execute(f"SELECT * FROM ({log.query}) WHERE instant IS NULL").fetchall()


def _refuse(row: Row, reason: str, log: Log, told: Told, rejected: Path) -> None:
    told.refused[reason] = told.refused.get(reason, 0) + 1
    values = dict(zip((*NAMES, *log.properties), row, strict=True))
    kept = {
        name: value for name, value in values.items() if value is not None and name not in ("row", "skip")
    }
    line = {"file": log.path.name, "row": row[1] // KINDS, "reason": reason, "values": kept}
    with rejected.open("a") as file:
        file.write(json.dumps(line, default=str) + "\n")


def _cut(facts: Iterable[tuple[str, Fact]]) -> Iterator[list[tuple[str, Fact]]]:
    chunk: list[tuple[str, Fact]] = []
    for fact in facts:
        chunk.append(fact)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
