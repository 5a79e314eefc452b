"""Event source mappings' positions in the journal."""

from __future__ import annotations

from infra.local.emulator.durability.journal import Journal


class JournalPositions:
    """Implements the event sources' `PositionStore`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def load(self, esm_id: str, shard_id: str) -> str | None:
        """See `PositionStore.load`."""
        with self._journal.transaction() as database:
            row = database.execute(
                "SELECT position FROM event_source_positions WHERE mapping = ? AND shard = ?",
                (esm_id, shard_id),
            ).fetchone()
        return row[0] if row else None

    def save(self, esm_id: str, shard_id: str, sequence: str) -> None:
        """See `PositionStore.save`."""
        with self._journal.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO event_source_positions VALUES (?, ?, ?)", (esm_id, shard_id, sequence)
            )

    def delete(self, esm_id: str) -> None:
        """See `PositionStore.delete`."""
        with self._journal.transaction() as database:
            database.execute("DELETE FROM event_source_positions WHERE mapping = ?", (esm_id,))
