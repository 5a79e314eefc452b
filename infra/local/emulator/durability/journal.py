"""The journal: a SQLite file to which acknowledged data is written before the reply leaves.

It guards against a killed process, not against a machine that loses power: SQLite's write-ahead log without
fsync. One connection is shared by all threads under one lock; a `with journal.transaction()` block is atomic.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS owners (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS kinesis_records (
    owner INTEGER NOT NULL, shard TEXT NOT NULL, sequence TEXT NOT NULL, arrival REAL NOT NULL,
    partition_key TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    owner INTEGER NOT NULL, key TEXT NOT NULL, item TEXT NOT NULL, PRIMARY KEY (owner, key));
CREATE TABLE IF NOT EXISTS stream_records (
    owner INTEGER NOT NULL, position INTEGER NOT NULL, created REAL NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (owner, position));
CREATE TABLE IF NOT EXISTS stream_heads (owner INTEGER PRIMARY KEY, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS transaction_tokens (
    key TEXT PRIMARY KEY, completed REAL NOT NULL, entry TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS event_source_positions (
    mapping TEXT NOT NULL, shard TEXT NOT NULL, position TEXT NOT NULL, PRIMARY KEY (mapping, shard));
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, created REAL NOT NULL, body TEXT NOT NULL);
"""


class Journal:
    """The open journal file. Raises `sqlite3.Error` when it cannot be written: the request then fails."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(SCHEMA)
        self._owners: dict[str, int] = {}
        self._load_owners()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction; nested ones join the outermost. Rolled back when the block raises."""
        with self._lock:
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._database
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    if self._database.in_transaction:  # SQLite itself rolls back where the disk is full
                        self._database.execute("ROLLBACK")
                    self._load_owners()
                raise
            self._depth -= 1
            if self._depth == 0:
                self._database.execute("COMMIT")

    def _load_owners(self) -> None:
        self._owners = {
            name: number for number, name in self._database.execute("SELECT id, name FROM owners")
        }

    def knows(self, owner: str) -> bool:
        """Whether rows of this owner (a table's or stream's identity) may have been written before."""
        return owner in self._owners

    def owner(self, name: str) -> int:
        """The number that stands for a table or stream in the rows; allocated at first use."""
        with self._lock:
            number = self._owners.get(name)
            if number is None:
                number = self._database.execute("INSERT INTO owners (name) VALUES (?)", (name,)).lastrowid
                assert number is not None
                self._owners[name] = number
            return number

    def forget_owners(self, *, prefix: str, keep: set[str]) -> None:
        """Delete the rows of every owner whose name starts with `prefix` and is not in `keep`."""
        gone = [name for name in self._owners if name.startswith(prefix) and name not in keep]
        with self.transaction() as database:
            for name in gone:
                number = self._owners.pop(name)
                for table in ("kinesis_records", "items", "stream_records", "stream_heads"):
                    database.execute(f"DELETE FROM {table} WHERE owner = ?", (number,))  # noqa: S608
                database.execute("DELETE FROM owners WHERE id = ?", (number,))

    def document(self, name: str) -> str | None:
        """The stored document, or None."""
        with self._lock:
            row = self._database.execute("SELECT body FROM documents WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def put_document(self, name: str, body: str) -> None:
        """Store a document under its name."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO documents VALUES (?, ?)", (name, body))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()
