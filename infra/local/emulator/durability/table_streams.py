"""DynamoDB stream records in the journal, with their positions and sequence numbers.

A stream's records are a list of which the front is trimmed after 24 hours; a consumer's position counts from
the stream's creation. The journal keeps each record with that position.
"""

from __future__ import annotations

import json
import time
from typing import Any

from infra.local.emulator.durability.journal import Journal
from infra.local.emulator.durability.sequence import Sequence
from infra.local.emulator.patching import replace

OWNER_PREFIX = "table-stream:"
RETENTION_SECONDS = 24 * 60 * 60

Row = tuple[int, int, float, str]


class DurableTableStreams:
    """Follows the change records of the emulator's DynamoDB tables and writes them to the journal."""

    def __init__(self, dynamodb: Any, journal: Journal) -> None:
        self._dynamodb = dynamodb
        self._journal = journal
        self._sequence = Sequence()
        self._heads: dict[str, int] = {}
        self._collected: dict[str, int] = {}

    def install(self) -> None:
        """Replace the numbering of stream records."""
        replace(
            self._dynamodb,
            "_next_stream_seq",
            self._sequence.next,
            source_sha256="27792e02008df1269783b2355aa7b96523532c93309303a385035e4d25c6d503",
        )

    def load(self) -> None:
        """Bring the records of every enabled stream back, after the tables are loaded."""
        identities = set()
        for key, table in self._dynamodb._tables.all_items():
            identity = _identity(table)
            if identity is None:
                continue
            identities.add(identity)
            self._load_stream(key, identity)
        self._journal.forget_owners(prefix=OWNER_PREFIX, keep=identities)

    def _load_stream(self, key: tuple[str, str, str], identity: str) -> None:
        with self._journal.transaction() as database:
            owner = self._journal.owner(identity)
            rows = database.execute(
                "SELECT position, record FROM stream_records WHERE owner = ? ORDER BY position", (owner,)
            ).fetchall()
            head = database.execute("SELECT position FROM stream_heads WHERE owner = ?", (owner,)).fetchone()
        if head is None:
            return
        records = [json.loads(record) for _, record in rows]
        for record in records[-1:]:
            self._sequence.continue_after(record["dynamodb"]["SequenceNumber"])
        self._heads[identity] = head[0]
        self._dynamodb._stream_records._data[key] = records
        self._dynamodb._stream_trimmed._data[key] = head[0] - len(records)

    def collect(self) -> list[Row]:
        """The records not yet in the journal."""
        rows: list[Row] = []
        self._collected.clear()
        for key, records in self._dynamodb._stream_records.all_items():
            table = self._dynamodb._tables._data.get(key)
            identity = _identity(table) if table else None
            if identity is None:
                continue
            trimmed = self._dynamodb._stream_trimmed._data.get(key, 0)
            head, known = trimmed + len(records), self._heads.get(identity, 0)
            if head > known:
                owner = self._journal.owner(identity)
                first = max(0, known - trimmed)
                rows.extend(
                    _row(owner, trimmed + index, records[index]) for index in range(first, len(records))
                )
                self._collected[identity] = head
        return rows

    def write(self, rows: list[Row]) -> None:
        """Write collected records. Call inside a journal transaction."""
        with self._journal.transaction() as database:
            database.executemany("INSERT OR REPLACE INTO stream_records VALUES (?, ?, ?, ?)", rows)
            heads = [(self._journal.owner(identity), head) for identity, head in self._collected.items()]
            database.executemany("INSERT OR REPLACE INTO stream_heads VALUES (?, ?)", heads)

    def written(self) -> None:
        """What `collect` returned last is committed."""
        self._heads.update(self._collected)

    def remove_expired(self) -> None:
        """Drop records older than 24 hours from the journal."""
        with self._journal.transaction() as database:
            database.execute(
                "DELETE FROM stream_records WHERE created < ?", (time.time() - RETENTION_SECONDS,)
            )


def _row(owner: int, position: int, record: dict[str, Any]) -> Row:
    created = float(record["dynamodb"]["ApproximateCreationDateTime"])
    return owner, position, created, json.dumps(record)


def _identity(table: dict[str, Any]) -> str | None:
    """The enabled stream of a table, or None."""
    if not (table.get("StreamSpecification") or {}).get("StreamEnabled"):
        return None
    arn = table.get("LatestStreamArn")
    return f"{OWNER_PREFIX}{table['TableId']}#{arn}" if arn else None
