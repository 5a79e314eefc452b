"""The stream and its consumers' ports in memory, with faults between any two I/O steps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from stemtide.aggregate import AggregatePorts
from stemtide.archive import ArchivePorts
from stemtide.commit import Committer
from stemtide.facts import Fact
from stemtide.ports import (
    CUTOVER_SORT,
    ConflictError,
    LedgerRow,
    OutRecord,
    Pace,
    QuarantineRow,
    StoredState,
    ThrottledError,
    UnavailableError,
    UsageRow,
)
from stemtide.repeats import Repeats
from stemtide.state import Caps
from stemtide.store.record_keys import fact_key
from stemtide.warm import WarmCache

T = TypeVar("T")
R = TypeVar("R")


class Crash(BaseException):
    """The process dies here."""


class Fault(Enum):
    """What happens at an I/O step."""

    CRASH_BEFORE = "the process dies before the step"
    CRASH_AFTER = "the process dies after the step"
    THROTTLED = "the step is refused"
    LOST_REPLY = "the step happens, its reply is lost"
    NO_TIME = "the invocation's time is up after the step"
    SUCCESSOR = "another invocation of the same delivery runs from start to end before the step"


@dataclass(slots=True)
class Faults:
    """The faults by number of the step, counted over the whole run."""

    plan: dict[int, Fault] = field(default_factory=dict)
    steps: int = 0
    out_of_time: bool = False
    successor: Callable[[], None] | None = None

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around every effect of a port."""
        self.steps += 1
        fault = self.plan.get(self.steps)
        if fault is Fault.CRASH_BEFORE:
            raise Crash
        if fault is Fault.THROTTLED:
            raise ThrottledError
        if fault is Fault.SUCCESSOR and self.successor is not None:
            run, self.successor = self.successor, None
            run()
        yield
        if fault is Fault.CRASH_AFTER:
            raise Crash
        if fault is Fault.LOST_REPLY:
            raise UnavailableError
        if fault is Fault.NO_TIME:
            self.out_of_time = True


def _stored(row: UsageRow | None) -> StoredState | None:
    if row is None:
        return None
    return StoredState(version=row.version, blob=row.blob, expires_at=row.expires_at)


class MemoryItems:
    """`ports.UsageItems`."""

    def __init__(self, faults: Faults) -> None:
        self.rows: dict[tuple[str, str], UsageRow] = {}
        self.faults = faults

    def get(self, account: str, sort: str) -> StoredState | None:
        with self.faults.step():
            row = self.rows.get((account, sort))
        return _stored(row)

    def get_day(self, account: str, day: str) -> tuple[StoredState | None, StoredState | None]:
        with self.faults.step():
            item, cutover = self.rows.get((account, day)), self.rows.get((account, CUTOVER_SORT))
        return _stored(item), _stored(cutover)

    def put(self, row: UsageRow) -> None:
        with self.faults.step():
            stored = self.rows.get((row.account, row.sort))
            if (0 if stored is None else stored.version) != row.version - 1:
                raise ConflictError
            self.rows[row.account, row.sort] = row


class MemoryLedger:
    """`ports.Ledger`."""

    def __init__(self, faults: Faults) -> None:
        self.rows: dict[str, LedgerRow] = {}
        self.faults = faults

    def read(self, lane: str) -> LedgerRow:
        with self.faults.step():
            return self.rows.get(lane, LedgerRow(lane=lane))

    def write(self, row: LedgerRow, *, over_mark: int) -> None:
        with self.faults.step():
            stored = self.rows.get(row.lane)
            if (-1 if stored is None else stored.mark) != over_mark:
                raise ConflictError
            self.rows[row.lane] = row


class MemoryQuarantine:
    """`ports.Quarantine`."""

    def __init__(self, faults: Faults) -> None:
        self.rows: dict[tuple[str, int, int], QuarantineRow] = {}
        self.faults = faults

    def put(self, row: QuarantineRow) -> None:
        with self.faults.step():
            self.rows.setdefault((row.lane, row.sequence, row.index), row)


class MemoryFacts:
    """`ports.Facts`."""

    def __init__(self, faults: Faults) -> None:
        self.rows: dict[tuple[str, str], Fact] = {}
        self.faults = faults

    def put_facts(self, account: str, facts: Iterable[Fact]) -> None:
        for fact in facts:
            with self.faults.step():
                self.rows.setdefault((account, fact_key(fact)), fact)

    def of(self, account: str) -> list[Fact]:
        """Everything that was said of the account."""
        return [fact for (owner, _), fact in sorted(self.rows.items()) if owner == account]


class MemoryStream:
    """`ports.Stream`; `take` says where a record goes."""

    def __init__(self, faults: Faults, take: Callable[[OutRecord], None]) -> None:
        self.faults = faults
        self.take = take

    def put(self, records: Sequence[OutRecord]) -> list[int]:
        with self.faults.step():
            for entry in records:
                self.take(entry)
        return []


class MemoryObjects:
    """`archive.Objects`."""

    def __init__(self, faults: Faults) -> None:
        self.bodies: dict[str, bytes] = {}
        self.faults = faults

    def put(self, key: str, body: bytes) -> None:
        with self.faults.step():
            self.bodies[key] = body


class FixedIncarnations:
    """`ports.Incarnations`: created at `value`; a look-up is believed until `refresh`."""

    def __init__(self, value: int = 1000) -> None:
        self.value = value
        self.believed = value

    def created_ms(self, stream_arn: str, *, arrival_ms: int, refresh: bool = False) -> int:
        if refresh:
            self.believed = self.value
        return self.believed


def one_by_one(step: Callable[[T], R], items: Iterable[T], /) -> list[R]:
    """`ports.SideBySide` without threads."""
    return [step(item) for item in items]


class Lab:
    """Both consumers on memory."""

    def __init__(self, *, take: Callable[[OutRecord], None], caps: Caps | None = None) -> None:
        self.faults = Faults()
        self.items = MemoryItems(self.faults)
        self.quarantine = MemoryQuarantine(self.faults)
        self.facts = MemoryFacts(self.faults)
        self.stream = MemoryStream(self.faults, take)
        self.objects = MemoryObjects(self.faults)
        self.incarnations = FixedIncarnations()
        self.ledger = MemoryLedger(self.faults)
        self.archive_ledger = MemoryLedger(self.faults)
        self.caps = caps or Caps()

    def ports(self) -> AggregatePorts:
        """The aggregates in an execution environment of their own, where nothing is warm."""
        pace = self.pace()
        return AggregatePorts(
            committer=Committer(
                items=self.items,
                states=WarmCache(max_entries=50, max_bytes=1_000_000),
                sketches=WarmCache(max_entries=50, max_bytes=100_000),
                caps=self.caps,
                pace=pace,
            ),
            ledger=self.ledger,
            quarantine=self.quarantine,
            facts=self.facts,
            repeats=Repeats(),
            stream=self.stream,
            incarnations=self.incarnations,
            pace=pace,
            side_by_side=one_by_one,
        )

    def archive_ports(self) -> ArchivePorts:
        return ArchivePorts(
            objects=self.objects,
            ledger=self.archive_ledger,
            incarnations=self.incarnations,
            pace=self.pace(),
        )

    def pace(self) -> Pace:
        return Pace(
            remaining_ms=lambda: 0 if self.faults.out_of_time else 60_000,
            pause=lambda seconds: None,
            jitter=lambda: 0.5,
            margin_ms=10_000,
        )

    def counts(self) -> dict[str, int]:
        """The aggregates' counters over all lanes."""
        total: dict[str, Any] = {}
        for row in self.ledger.rows.values():
            for name, value in row.counts.items():
                total[name] = total.get(name, 0) + value
        return total
