"""The recompute's ports over the consumers' in-memory ones: what they wrote is what it reads."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from stemtide.aggregate import Rules
from stemtide.archive import ArchivedRecord, merged
from stemtide.calls import DAY_MS, Bounds, day_number
from stemtide.canonical import Projection, project
from stemtide.corrections import Corrector
from stemtide.day_items import Item, read_item
from stemtide.ports import ConflictError, StoredState, UsageRow, is_day
from stemtide.progress import Hole, Progress
from stemtide.recompute import Outcome, Recompute, Task

from tests.stream_memory import Lab, MemoryItems, MemoryLedger, one_by_one

RULES = Rules(bounds=Bounds(max_lateness=timedelta(days=180)), retention=timedelta(days=400))


@dataclass
class MemoryUsage:
    """`day_items.UsageStore` over the aggregates' items."""

    items: MemoryItems

    def get(self, account: str, sort: str) -> StoredState | None:
        return self.items.get(account, sort)

    def get_day(self, account: str, day: str) -> tuple[StoredState | None, StoredState | None]:
        return self.items.get_day(account, day)

    def put_together(self, rows: Sequence[UsageRow]) -> None:
        with self.items.faults.step():
            for row in rows:
                stored = self.items.rows.get((row.account, row.sort))
                if (0 if stored is None else stored.version) != row.version - 1:
                    raise ConflictError
            for row in rows:
                self.items.rows[row.account, row.sort] = row


@dataclass
class MemoryArchive:
    """`recompute.Archive` over the archive's objects and both ledgers."""

    bodies: dict[str, bytes]
    aggregate: MemoryLedger
    archive: MemoryLedger
    holes: list[Hole] = field(default_factory=list)
    given_up: dict[str, int] = field(default_factory=dict)
    """By lane the last record that the aggregates gave up."""
    archive_given_up: dict[str, int] = field(default_factory=dict)
    """The same of the archive."""

    def progress(self) -> Progress:
        return Progress(
            aggregate=_marks(self.aggregate, self.given_up),
            archive=_marks(self.archive, self.archive_given_up),
            holes=list(self.holes),
        )

    def records(self, day: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, ArchivedRecord]]:
        keys: dict[str, list[str]] = {}
        for key in sorted(self.bodies):
            _, of, lane, _ = key.split("/")
            if of == day:
                keys.setdefault(lane.replace("_", "/"), []).append(key)
        for lane, found in keys.items():
            for record in merged((self.bodies[key] for key in found), wanted):
                yield lane, record


def _marks(ledger: MemoryLedger, given_up: dict[str, int]) -> dict[str, int]:
    counted = {lane: row.mark for lane, row in ledger.rows.items()}
    return {
        lane: max(counted.get(lane, -1), given_up.get(lane, -1)) for lane in counted.keys() | given_up.keys()
    }


def archive_of(lab: Lab) -> MemoryArchive:
    """The archive that the lab's consumers wrote."""
    return MemoryArchive(lab.objects.bodies, lab.ledger, lab.archive_ledger)


def recompute_of(lab: Lab, archive: MemoryArchive | None = None, *, rules: Rules = RULES) -> Recompute:
    """A recompute of the lab's items."""
    return Recompute(
        archive=archive or archive_of(lab),
        corrector=Corrector(
            items=MemoryUsage(lab.items), pace=lab.pace(), rules=rules, caps=lab.caps, broken=raised
        ),
        side_by_side=one_by_one,
    )


def days_of(archive: MemoryArchive) -> tuple[int, int]:
    """First and last arrival day in the archive."""
    numbers = [
        record.arrival_ms // DAY_MS
        for key in archive.bodies
        for _, record in archive.records(key.split("/")[1], lambda key: True)
    ]
    return min(numbers), max(numbers)


def recompute_all(lab: Lab, *, of: int = 1) -> list[Outcome]:
    """Recompute everything that is in the archive."""
    archive = archive_of(lab)
    first, last = days_of(archive)
    return [
        recompute_of(lab, archive).run(Task(first=first, last=last, bucket=bucket, of=of))
        for bucket in range(of)
    ]


def projections(lab: Lab) -> Iterable[tuple[str, str, Projection]]:
    """Every account-day of the table."""
    usage = MemoryUsage(lab.items)
    for account, sort in sorted(lab.items.rows):
        if is_day(sort):
            item = read_item(usage, account, day_number(sort))
            yield account, sort, project(item.state, item.users)


def raised(item: Item, error: Exception) -> None:
    """No item may be broken where nothing breaks it."""
    raise AssertionError(f"{item.account} on {item.sort}") from error
