"""Invocations that were given up by their caller and go on: threads of which exactly one runs at a time."""

from collections.abc import Callable
from threading import Lock, Thread
from typing import Any, Final

from tests.simulation.steps import NEVER, Crash, Steps

_idle: Final[list["_Worker"]] = []


def _nothing() -> None:
    """What an idle thread has to do."""


class _Worker:
    """A thread that runs one function after the other, each when told to."""

    def __init__(self) -> None:
        self.go, self.back = Lock(), Lock()
        self.go.acquire()
        self.back.acquire()
        self.run: Callable[[], None] = _nothing
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            self.go.acquire()
            self.run()
            self.back.release()

    def switch(self) -> None:
        """Let the thread run until it waits or is done."""
        self.go.release()
        self.back.acquire()


class Zombie:
    """An invocation that can be parked before one of its steps and woken again."""

    def __init__(self, steps: Steps, run: Callable[[], Any]) -> None:
        self._steps = steps
        self._run = run
        self._worker = _idle.pop() if _idle else _Worker()
        self._granted = 0
        self.over = False
        self.result: Any = None
        self.error: BaseException | None = None

    def start(self) -> bool:
        """Run until the planned step; whether it is parked there (else it has ended)."""
        self._steps.parked = self._park
        self._worker.run = self._work
        return self._switch()

    def wake(self, steps: int = NEVER) -> bool:
        """Go on for so many steps; whether it is parked again."""
        self._granted = steps
        return self._switch()

    def kill(self) -> None:
        """The process ends where it waits."""
        self._granted = -1
        self._switch()

    def _switch(self) -> bool:
        self._worker.switch()
        if self.over:
            self._steps.parked = None
            self._worker.run = _nothing
            _idle.append(self._worker)
        return not self.over

    def _park(self) -> int:
        self._worker.back.release()
        self._worker.go.acquire()
        if self._granted < 0:
            raise Crash
        return self._granted

    def _work(self) -> None:
        try:
            self.result = self._run()
        except BaseException as error:
            self.error = error
        self.over = True
