"""What a recompute works on, in memory: the usage table, the archive and how far the consumers have come."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from stemtide.archive import ArchivedRecord, merged
from stemtide.ports import ConflictError, UsageRow
from stemtide.progress import Hole, Progress, progress_of

from tests.simulation.kinds import ARCHIVE
from tests.simulation.letters import Letters
from tests.simulation.memory import MemoryItems, Stored
from tests.simulation.pool import DAY_MS
from tests.simulation.steps import Steps


class MemoryUsageStore(MemoryItems):
    """`day_items.UsageStore`."""

    def put_together(self, rows: Sequence[UsageRow]) -> None:
        """All rows or none."""
        return self._put_all(rows) if self.steps.passes() else self.steps.through(self._put_all, rows)

    def _put_all(self, rows: Sequence[UsageRow]) -> None:
        if len(rows) == 1 and _stands(self.rows.get((rows[0].account, rows[0].sort)), rows[0]):
            return
        for row in rows:
            stored = self.rows.get((row.account, row.sort))
            if (0 if stored is None else stored.version) != row.version - 1:
                raise ConflictError
        for row in rows:
            self.rows[row.account, row.sort] = row


def _stands(stored: UsageRow | None, row: UsageRow) -> bool:
    return stored is not None and (stored.version, stored.blob) == (row.version, row.blob)


class MemoryArchive:
    """`recompute.Archive` over the archive's objects, both ledgers and what was given up."""

    def __init__(self, stored: Stored, letters: Letters, steps: Steps) -> None:
        self.stored = stored
        self.letters = letters
        self.steps = steps

    def progress(self) -> Progress:
        """How far both consumers have come."""
        return self._progress() if self.steps.passes() else self.steps.through(self._progress)

    def records(self, day: str, wanted: Callable[[str], bool]) -> Iterable[tuple[str, ArchivedRecord]]:
        """A day's records, lane by lane."""
        steps = self.steps
        return self._records(day, wanted) if steps.passes() else steps.through(self._records, day, wanted)

    def _progress(self) -> Progress:
        return progress_of(self.letters.balances(self.stored), self._holes())

    def _holes(self) -> Iterator[Hole]:
        for letter in self.letters.all:
            if letter.consumer == ARCHIVE and letter.lost and not letter.put_back:
                first, last = letter.recs[0], letter.recs[-1]
                days = first.arrival_ms // DAY_MS, last.arrival_ms // DAY_MS
                yield Hole(letter.lane, first.sequence, last.sequence, *days)

    def _records(self, day: str, wanted: Callable[[str], bool]) -> list[tuple[str, ArchivedRecord]]:
        return list(read_day(self.stored.bodies, day, wanted))


def read_day(
    bodies: dict[str, bytes], day: str, wanted: Callable[[str], bool] | None = None
) -> Iterator[tuple[str, ArchivedRecord]]:
    """An arrival day's (lane, record), each once, in order within a lane."""
    by_lane: dict[str, list[str]] = {}
    for key in bodies:
        _, its_day, lane, _ = key.split("/")
        if its_day == day:
            by_lane.setdefault(lane, []).append(key)
    for lane, keys in sorted(by_lane.items()):
        for record in merged([bodies[key] for key in sorted(keys)], wanted):
            yield lane.replace("_", "/"), record
