"""Rows that executions of a state machine move along: woken when something has happened, started again when
their execution has stopped.

The row decides: it is written before an execution is started, so a start that is repeated, lost or doubled
leaves one row; an hourly look starts what has no execution.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from stemtide.ports import ConflictError

OVERDUE_MS: Final = 3_600_000
"""So long after the instant that a row waited for, somebody must have looked at it."""


class Moved(Protocol):
    """A row: `run` counts the executions that have moved it along, `token` wakes the one that waits,
    `next_ms` is until when."""

    @property
    def id(self) -> str: ...

    @property
    def run(self) -> int: ...

    @property
    def token(self) -> str | None: ...

    @property
    def next_ms(self) -> int | None: ...

    @property
    def execution(self) -> str:
        """The name of its execution, used once."""

    @property
    def is_over(self) -> bool: ...


R = TypeVar("R", bound=Moved)


class Runs(Protocol):
    """The executions of a state machine."""

    def start(self, row: Moved, /) -> None:
        """Start the row's run; one of the same name is left as it is."""

    def runs(self, row: Moved, /) -> bool:
        """Whether the row's run is under way."""

    def wake(self, token: str, /) -> None:
        """End a wait; one that is over already is left as it is."""


class Rows(Protocol[R]):
    """Where rows and their entries are kept."""

    def read(self, row_id: str, /) -> tuple[R, list[Any]] | None:
        """The row and its entries as of now, None: there is none."""

    def append(self, row: R, entries: Sequence[Any], /) -> R:
        """Write the row; as it is then.

        Raises:
            ConflictError: somebody else has moved on.
            UnavailableError: outcome unknown.
        """

    def running(self) -> Iterator[R]:
        """The rows that run."""


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What an hourly look has found: rows that run, executions started again, waits ended."""

    running: int = 0
    restarted: int = 0
    woken: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKeeper(Generic[R]):
    """Wakes and restarts; `now_ms` reads the model clock."""

    episodes: Rows[R]
    runs: Runs
    now_ms: Callable[[], int]

    def look(self, row_id: str) -> bool:
        """Something has happened: the row is looked at at once; False: there is none.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        found = self.episodes.read(row_id)
        if found is None:
            return False
        row = found[0]
        self.runs.start(row)  # it may have died between row and start
        if row.token is not None:
            self.runs.wake(row.token)
        return True

    def sweep(self) -> Swept:
        """Start again what has no execution, and wake what should have looked by now.

        Raises:
            UnavailableError: outcome unknown; the same again goes on.
        """
        running = restarted = woken = 0
        for listed in self.episodes.running():
            found = self.episodes.read(listed.id)
            if found is None or found[0].is_over:
                continue
            row = found[0]
            running += 1
            if not self.runs.runs(row):
                restarted += self._restart(row)
            elif self._is_overdue(row) and row.token is not None:
                self.runs.wake(row.token)
                woken += 1
        return Swept(running=running, restarted=restarted, woken=woken)

    def wait(self, row_id: str, token: str) -> None:
        """Keep the token that wakes a row.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        while (found := self.episodes.read(row_id)) is not None and not found[0].is_over:
            try:
                self.episodes.append(_replaced(found[0], token=token), [])
            except ConflictError:
                continue  # somebody else has moved on: over what he wrote
            return

    def _restart(self, row: R) -> int:
        """Begin another run, under a name that was never used; 0 if somebody else has."""
        try:
            kept = self.episodes.append(_replaced(row, run=row.run + 1, token=None), [])
        except ConflictError:
            return 0
        self.runs.start(kept)
        return 1

    def _is_overdue(self, row: R) -> bool:
        return row.next_ms is not None and row.next_ms + OVERDUE_MS < self.now_ms()


def _replaced(row: R, **changes: Any) -> R:
    """The row with other values: every row is a struct."""
    changed: R = msgspec.structs.replace(row, **changes)  # type: ignore[type-var]
    return changed
