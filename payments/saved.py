"""The provider's objects in one SQLite file: what a request changed is there before it is answered."""

import json
import sqlite3
from pathlib import Path

from payments.store import Object, Store
from payments.world import World


class Saved:
    """Keeps a world's objects; one process at a time, one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")  # survives the end of the process, not of power
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS objects "
            "(n INTEGER PRIMARY KEY, kind TEXT, id TEXT, body TEXT, UNIQUE (kind, id))"
        )

    def world(self, *, seed: str) -> World | None:
        """The world as it was last saved, None when there is none."""
        rows = self._file.execute("SELECT body FROM objects ORDER BY n")
        objects: list[Object] = [json.loads(body) for (body,) in rows]
        return World.of(objects, seed=seed) if objects else None

    def save(self, store: Store) -> None:
        """Write what has changed, all or nothing."""
        if not store.dirty:
            return
        self._file.execute("BEGIN")
        for kind, object_id, obj in store.taken_dirty():
            if obj is None:
                self._file.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, object_id))
            else:
                self._file.execute(
                    "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?) "
                    "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                    (kind, object_id, json.dumps(obj, separators=(",", ":"))),
                )
        self._file.execute("COMMIT")

    def close(self) -> None:
        self._file.close()
