"""What many threads want to know, asked by one of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Protocol, TypeVar

from stemtide.ports import UnavailableError

T = TypeVar("T")


class Ask(Protocol):
    """Asks, unless somebody has asked in vain meanwhile."""

    def __call__(self, question: Callable[[], T], /) -> T: ...


class Turns:
    """Threads take turns: whoever comes later finds what was answered. A failure is everybody's who waited,
    or a table that hangs would cost each of them its time-out, one after the other:

        asks: no answer for 20 s            wants to know the same, waits
        fails
                                            fails
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._failures = 0
        self._why = ""

    @contextmanager
    def take(self) -> Iterator[Ask]:
        """Wait for a turn, and ask what is not known by then.

        Raises:
            UnavailableError: no answer, to this or to somebody who was waited for.
        """
        seen = self._failures
        with self._lock:
            yield partial(self._ask, seen)

    def _ask(self, seen: int, question: Callable[[], T]) -> T:
        if self._failures != seen:
            raise UnavailableError(self._why)
        try:
            return question()
        except UnavailableError as error:
            self._failures, self._why = seen + 1, str(error)
            raise
