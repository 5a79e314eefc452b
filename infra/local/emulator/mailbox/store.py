"""The mails on disk: they outlive a restart and a kill, as everything of the local cloud does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.emulator.mailbox.letter import Row


class Mailbox:
    """Rows in the order of their arrival. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS mails (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
            "at TEXT NOT NULL, account TEXT, recipients TEXT NOT NULL, row TEXT NOT NULL)"
        )
        self._database.execute("CREATE INDEX IF NOT EXISTS by_account ON mails (account)")

    def add(self, row: Row) -> None:
        """Keep a mail."""
        self._database.execute(
            "INSERT INTO mails (id, at, account, recipients, row) VALUES (?, ?, ?, ?, ?)",
            (row["id"], row["at"], row["account"], _folded(row["to"]), json.dumps(row)),
        )

    def rows(
        self, *, account: str | None = None, to: str | None = None, since: datetime | None = None
    ) -> Iterator[Row]:
        """The mails of an account, to an address, of an instant or later; newest first."""
        found = self._database.execute(
            "SELECT row FROM mails WHERE (?1 IS NULL OR account = ?1) "
            "AND (?2 IS NULL OR instr(recipients, ?2) > 0) AND (?3 IS NULL OR at >= ?3) ORDER BY n DESC",
            (account, None if to is None else _folded(to), None if since is None else _text(since)),
        )
        for (text,) in found:
            yield json.loads(text)

    def get(self, mail_id: str) -> Row | None:
        """One mail."""
        found: Any = self._database.execute("SELECT row FROM mails WHERE id = ?", (mail_id,)).fetchone()
        return None if found is None else json.loads(found[0])

    def empty(self) -> int:
        """Throw all mails away; how many those were."""
        return int(self._database.execute("DELETE FROM mails").rowcount)


def _folded(addresses: str) -> str:
    """`,ada@b.example,` so that an address is found as a whole."""
    return "," + ",".join(one.strip().casefold() for one in addresses.split(",")) + ","


def _text(since: datetime) -> str:
    return since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
