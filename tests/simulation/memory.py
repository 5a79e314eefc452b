"""The ports of both consumers in memory: what is stored, and one environment's way to it.

Written from the ports' contracts (`stemtide.ports`), for speed: between faults an effect costs little more
than its dictionary. `test_memory_contract.py` holds these and the real stores to the same behaviour.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from stemtide.facts import Fact
from stemtide.ports import (
    CUTOVER_SORT,
    ConflictError,
    LedgerRow,
    QuarantineRow,
    StoredState,
    ThrottledError,
    UsageRow,
)
from stemtide.state import State, encode

from tests.simulation.kinds import REFUSED
from tests.simulation.steps import Steps

T = TypeVar("T")
R = TypeVar("R")


class Stored:
    """What is kept outside all environments."""

    __slots__ = ("bodies", "facts", "ledgers", "quarantine", "usage")

    def __init__(self) -> None:
        self.usage: dict[tuple[str, str], UsageRow] = {}
        self.ledgers: tuple[dict[str, LedgerRow], dict[str, LedgerRow]] = ({}, {})
        self.quarantine: dict[tuple[str, int, int], QuarantineRow] = {}
        self.facts: dict[tuple[str, str, int], Fact] = {}
        self.bodies: dict[str, bytes] = {}

    def backfill(self, account: str, covered_ms: int) -> None:
        """A backfill that ended at an instant (epoch ms) and had nothing to bring for these days."""
        self.usage[account, CUTOVER_SORT] = UsageRow(
            account=account,
            sort=CUTOVER_SORT,
            version=1,
            blob=encode(State(covered_ms=covered_ms)),
            events=0,
            expires_at=0,
        )


class MemoryItems:
    """`ports.UsageItems`."""

    def __init__(self, rows: dict[tuple[str, str], UsageRow], steps: Steps) -> None:
        self.rows = rows
        self.steps = steps

    def get(self, account: str, sort: str) -> StoredState | None:
        steps = self.steps
        return self._get(account, sort) if steps.passes() else steps.through(self._get, account, sort)

    def get_day(self, account: str, day: str) -> tuple[StoredState | None, StoredState | None]:
        steps = self.steps
        return self._get_day(account, day) if steps.passes() else steps.through(self._get_day, account, day)

    def put(self, row: UsageRow) -> None:
        steps = self.steps
        return self._put(row) if steps.passes() else steps.through(self._put, row)

    def _get(self, account: str, sort: str) -> StoredState | None:
        row = self.rows.get((account, sort))
        if row is None:
            return None
        return StoredState(version=row.version, blob=row.blob, expires_at=row.expires_at)

    def _get_day(self, account: str, day: str) -> tuple[StoredState | None, StoredState | None]:
        return self._get(account, day), self._get(account, CUTOVER_SORT)

    def _put(self, row: UsageRow) -> None:
        if row.account == self.steps.refused:
            self.steps.around.fired |= REFUSED
            raise ThrottledError
        key = (row.account, row.sort)
        stored = self.rows.get(key)
        if (0 if stored is None else stored.version) != row.version - 1:
            raise ConflictError
        self.rows[key] = row


class MemoryLedger:
    """`ports.Ledger`."""

    def __init__(self, rows: dict[str, LedgerRow], steps: Steps) -> None:
        self.rows = rows
        self.steps = steps

    def read(self, lane: str) -> LedgerRow:
        steps = self.steps
        return self._read(lane) if steps.passes() else steps.through(self._read, lane)

    def write(self, row: LedgerRow, *, over_mark: int) -> None:
        steps = self.steps
        return self._write(row, over_mark) if steps.passes() else steps.through(self._write, row, over_mark)

    def _read(self, lane: str) -> LedgerRow:
        return self.rows.get(lane) or LedgerRow(lane=lane)

    def _write(self, row: LedgerRow, over_mark: int) -> None:
        stored = self.rows.get(row.lane)
        if (-1 if stored is None else stored.mark) != over_mark:
            raise ConflictError
        self.rows[row.lane] = row


class MemoryQuarantine:
    """`ports.Quarantine`."""

    def __init__(self, rows: dict[tuple[str, int, int], QuarantineRow], steps: Steps) -> None:
        self.rows = rows
        self.steps = steps

    def put(self, row: QuarantineRow) -> None:
        steps = self.steps
        return self._put(row) if steps.passes() else steps.through(self._put, row)

    def _put(self, row: QuarantineRow) -> None:
        self.rows.setdefault((row.lane, row.sequence, row.index), row)


class MemoryFacts:
    """`ports.Facts`; a fact is the same when account, id, and the time since when it is known are."""

    def __init__(self, rows: dict[tuple[str, str, int], Fact], steps: Steps) -> None:
        self.rows = rows
        self.steps = steps

    def put_facts(self, account: str, facts: Iterable[Fact]) -> None:
        for fact in facts:
            if self.steps.passes():
                self._put(account, fact)
            else:
                self.steps.through(self._put, account, fact)

    def _put(self, account: str, fact: Fact) -> None:
        self.rows.setdefault((account, fact.id, fact.known_ms), fact)


class MemoryObjects:
    """`archive.Objects`."""

    def __init__(self, bodies: dict[str, bytes], steps: Steps) -> None:
        self.bodies = bodies
        self.steps = steps

    def put(self, key: str, body: bytes) -> None:
        steps = self.steps
        return self._put(key, body) if steps.passes() else steps.through(self._put, key, body)

    def _put(self, key: str, body: bytes) -> None:
        self.bodies[key] = body


def one_by_one(step: Callable[[T], R], items: Iterable[T], /) -> list[R]:
    """`ports.SideBySide` without threads."""
    return [step(item) for item in items]
