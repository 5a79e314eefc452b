"""A bounded cache that a warm Lambda keeps between invocations; losing any of it is harmless."""

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class WarmCache(Generic[V]):
    """The oldest entries go first when there are too many or they are too big together.

    It holds only what was read from or acknowledged by the table, so an old entry costs a refused write
    and a re-read, never a wrong number. Threads may share it.
    """

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, str], tuple[V, int]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: tuple[str, str]) -> V | None:
        """The value, None when it is not (or no longer) here."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: tuple[str, str], value: V, *, size: int) -> None:
        """Keep a value that takes `size` bytes; one that takes another's place has its age, too."""
        with self._lock:
            before = self._entries.get(key)
            self._entries[key] = (value, size)
            self._bytes += size if before is None else size - before[1]
            while self._bytes > self._max_bytes or len(self._entries) > self._max_entries:
                self._remove(next(iter(self._entries)))

    def drop(self, key: tuple[str, str]) -> None:
        """Forget a value."""
        with self._lock:
            self._remove(key)

    def _remove(self, key: tuple[str, str]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[1]
