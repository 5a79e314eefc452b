"""Threads that want to know the same: one asks, and all who wait for it share what comes of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock, Semaphore
from typing import Any

import pytest
from stemtide.config_sources import Source
from stemtide.config_sweep import Freshness
from stemtide.event_days import EventDays
from stemtide.ports import UnavailableError
from stemtide.store import whole_days
from stemtide.store.fresh_sources import FreshSources
from stemtide.store.whole_days import WholeDays
from stemtide.turns import Turns

AT = 1_773_565_200_000
THREADS = 4
LONG_S = 30


class Watched:
    """A lock that tells who comes to it."""

    def __init__(self) -> None:
        self.came = Semaphore(0)
        self._lock = Lock()

    def __enter__(self) -> None:
        self.came.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Table:
    """Is asked, and fails (when told to) once everybody is there."""

    def __init__(self, turns: Turns) -> None:
        self.asked = 0
        self.fails = True
        self._lock = Watched()
        self._all_wait = Event()
        turns._lock = self._lock  # type: ignore[assignment]

    def answer(self) -> None:
        self.asked += 1
        assert self._all_wait.wait(LONG_S)
        if self.fails:
            raise UnavailableError("no answer")

    def asked_by_all(self, look: Callable[[], object]) -> list[Exception | None]:
        """What everybody who looks at the same time meets."""
        with ThreadPoolExecutor(THREADS) as pool:
            looks: list[Future[object]] = [pool.submit(look) for _ in range(THREADS)]
            for _ in looks:
                assert self._lock.came.acquire(timeout=LONG_S)
            self._all_wait.set()
            return [one.exception() for one in looks]  # type: ignore[misc]


def test_a_failure_is_that_of_all_who_waited_and_the_next_asks_anew() -> None:
    turns = Turns()
    table = Table(turns)

    def look() -> None:
        with turns.take() as ask:
            ask(table.answer)

    met = table.asked_by_all(look)

    assert (table.asked, [str(error) for error in met]) == (1, ["no answer"] * THREADS)
    table.fails = False
    look()
    assert table.asked == 2


def test_sources_that_do_not_answer_are_asked_once_for_all_who_wait() -> None:
    def ask(instants: Sequence[int]) -> dict[int, Any]:
        table.answer()
        return {at_ms: {Source.TICKETS: True} for at_ms in instants}

    sources = FreshSources(ask=ask)
    table = Table(sources._turns)

    met = table.asked_by_all(lambda: sources.at([AT]))

    assert (table.asked, [type(error) for error in met]) == (1, [UnavailableError] * THREADS)
    table.fails = False
    assert sources.at([AT]) == {AT: {Source.TICKETS: True}}


@pytest.mark.parametrize("fails", [True, False])
def test_event_days_are_asked_for_once_for_all_who_wait(
    monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    def read(*_: object) -> EventDays:
        table.answer()
        return EventDays(quarters=())

    whole = WholeDays(table=None, config=Freshness())
    table = Table(whole._turns)
    table.fails = fails
    monkeypatch.setattr(whole_days, "read_event_days", read)

    met = table.asked_by_all(lambda: whole.why_not(AT))

    assert (table.asked, [type(error) for error in met]) == (
        1,
        [UnavailableError if fails else type(None)] * THREADS,
    )
