"""Sequence numbers that only grow: across threads, clock steps and restarts."""

from __future__ import annotations

import threading
import time

COUNTER_DIGITS = 20


class Sequence:
    """Makes numbers shaped like AWS's: 56 decimal digits, the first being 4.

    The order comes from the milliseconds together with a counter, and never goes back when the clock does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._counter = 0

    def next(self) -> str:
        """The next number; greater, as text and as integer, than every one before."""
        with self._lock:
            self._milliseconds = max(self._milliseconds, time.time_ns() // 1_000_000)
            self._counter += 1
            return f"4959{self._milliseconds:020d}{0:012d}{self._counter:0{COUNTER_DIGITS}d}"

    def continue_after(self, number: str) -> None:
        """Make every later number greater than this one, given as text of the same shape."""
        with self._lock:
            self._milliseconds = max(self._milliseconds, int(number[4:24]))
            self._counter = max(self._counter, int(number[-COUNTER_DIGITS:]))
