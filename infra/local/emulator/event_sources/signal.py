"""Wakes every waiting shard worker when a producer writes, without losing a wake-up."""

from __future__ import annotations

import threading


class WakeUp:
    """A counter of wake-ups: a waiter names the count it has seen, so none falls between look and wait."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0

    def seen(self) -> int:
        """The count to pass to `wait`; take it before looking for work."""
        with self._condition:
            return self._count

    def ring(self) -> None:
        """Wake all waiters."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, seen: int, timeout: float) -> None:
        """Return at the first `ring` after `seen` was taken, or after `timeout` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen, timeout)
