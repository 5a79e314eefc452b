"""Where each mapping stands in each shard: everything up to the saved sequence number is settled."""

from __future__ import annotations

import threading
from typing import Protocol


class PositionStore(Protocol):
    """Kept by the emulator's journal so that a killed emulator redelivers only what was not settled."""

    def load(self, esm_id: str, shard_id: str) -> str | None:
        """The sequence number settled last, or None when the mapping has never been at this shard."""

    def save(self, esm_id: str, shard_id: str, sequence: str) -> None:
        """Keep `sequence`; it survives the emulator's death once this returns."""

    def delete(self, esm_id: str) -> None:
        """Forget every shard of a mapping."""


class MemoryPositions:
    """Positions that end with the process."""

    def __init__(self) -> None:
        self._positions: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def load(self, esm_id: str, shard_id: str) -> str | None:
        """See `PositionStore.load`."""
        with self._lock:
            return self._positions.get((esm_id, shard_id))

    def save(self, esm_id: str, shard_id: str, sequence: str) -> None:
        """See `PositionStore.save`."""
        with self._lock:
            self._positions[esm_id, shard_id] = sequence

    def delete(self, esm_id: str) -> None:
        """See `PositionStore.delete`."""
        with self._lock:
            for key in [key for key in self._positions if key[0] == esm_id]:
                del self._positions[key]
