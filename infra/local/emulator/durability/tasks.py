"""Work that was accepted and is still to be done: asynchronous invocations and notifications.

A task is in the journal before whoever asked for it hears that it was accepted, and is removed when it is
finished. After a kill the unfinished ones are started again, so a task may run twice, as on AWS.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from infra.local.emulator.durability.journal import Journal

Starter = Callable[[str, Any], None]


class Tasks:
    """The accepted tasks by kind; `resume` hands the left-over ones to their starters."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._starters: dict[str, Starter] = {}

    def register(self, kind: str, starter: Starter) -> None:
        """Name what starts a task of a kind, called with the task's id and body."""
        self._starters[kind] = starter

    def accept(self, kind: str, body: Any) -> str:
        """Keep a task (its body as JSON) and return its id."""
        identifier = uuid.uuid4().hex
        with self._journal.transaction() as database:
            database.execute(
                "INSERT INTO tasks VALUES (?, ?, ?, ?)", (identifier, kind, time.time(), json.dumps(body))
            )
        return identifier

    def finish(self, identifier: str) -> None:
        """Forget a finished task."""
        with self._journal.transaction() as database:
            database.execute("DELETE FROM tasks WHERE id = ?", (identifier,))

    def unfinished(self) -> int:
        """How many tasks are kept."""
        with self._journal.transaction() as database:
            return int(database.execute("SELECT count(*) FROM tasks").fetchone()[0])

    def resume(self) -> None:
        """Start every task that the previous process left, oldest first."""
        with self._journal.transaction() as database:
            left = database.execute("SELECT id, kind, body FROM tasks ORDER BY created").fetchall()
        for identifier, kind, body in left:
            self._starters[kind](identifier, json.loads(body))
