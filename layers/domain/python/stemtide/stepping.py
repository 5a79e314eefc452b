"""One step of a run: read the row, its ledger and what is true, and let the journey do one thing about it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from stemtide.dunning.ledger import Entry, whole
from stemtide.ports import ConflictError
from stemtide.runs import Moved


class Seen(Protocol):
    """The facts of a decision."""

    def seen(self) -> str:
        """A digest of what others say: another when something has happened."""


R = TypeVar("R", bound=Moved)
R_co = TypeVar("R_co", covariant=True)
F = TypeVar("F", bound=Seen)


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """What the state machine does next: step on at once, wait until an instant, or end.

    `seen` is the digest of the facts that a wait was decided on: it is over when they are others.
    """

    do: str
    until_ms: int | None = None
    reason: str | None = None
    seen: str | None = None


AGAIN: Final = Next(do="again")
END: Final = Next(do="end")
SOON_MS: Final = 3_600_000
"""When somebody does not answer, or has just refused for its rate."""
SOONEST_MS: Final = 60_000
"""A mail that was put off is not asked for sooner, whenever it may go."""


class Read(Protocol[R_co]):
    """Where rows and their ledgers are read."""

    def read(self, row_id: str, /) -> tuple[R_co, list[Entry]] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepping(ABC, Generic[R, F]):
    """Moves rows along; `now_ms` reads the model clock."""

    episodes: Read[R]
    read_facts: Callable[[R, list[Entry]], F]
    now_ms: Callable[[], int]

    def step(self, row_id: str, run: int) -> Next:
        """Do the next thing about a row; an execution that was replaced by a later run ends.

        Raises:
            UnavailableError: something did not answer; the same step again is safe.
            LedgerGapError: the ledger is not whole.
        """
        kept = self.episodes.read(row_id)
        if kept is None or kept[0].is_over or kept[0].run != run:
            return END
        row, entries = kept[0], whole(kept[1])
        facts = self.read_facts(row, entries)
        try:
            found = self._acted(row, entries, facts)
        except ConflictError:
            return AGAIN  # somebody else has moved on: look again
        return found if found.do != "wait" else msgspec.structs.replace(found, seen=facts.seen())

    def still_waits(self, row_id: str, seen: str) -> bool:
        """Whether nothing has happened to a row since it was decided to wait."""
        found = self.episodes.read(row_id)
        if found is None or found[0].is_over:
            return False
        return self.read_facts(found[0], whole(found[1])).seen() == seen

    @abstractmethod
    def _acted(self, row: R, entries: list[Entry], facts: F) -> Next:
        """Decide, and do at most one thing."""

    def _deferred_until(self, until_ms: int | None, *, else_ms: int | None) -> int:
        """When a deferred mail is asked for again: at its time, or at what is due before that."""
        now_ms = self.now_ms()
        at_ms = max(until_ms or now_ms + SOON_MS, now_ms + SOONEST_MS)
        return at_ms if else_ms is None else min(at_ms, else_ms)
