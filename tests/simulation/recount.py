"""The product's recompute on what the simulation has stored, while the stream runs and at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from stemtide import recompute
from stemtide.archive import ArchivedRecord, merged
from stemtide.calls import Bounds
from stemtide.canonical import Hashed, Projection, hash_of, project
from stemtide.corrections import Corrector
from stemtide.ports import CUTOVER_SORT, ConflictError, UnavailableError, UsageRow
from stemtide.progress import Hole, Progress
from stemtide.recompute import Outcome, Recompute, Task
from stemtide.recount import ArchivedCall
from stemtide.state import decode
from stemtide.users import Users
from stemtide.users import decode as decode_users

from tests.simulation import plan as p
from tests.simulation.environment import RULES, pace_of
from tests.simulation.kinds import AGGREGATE, ARCHIVE, BIT, RECOUNT
from tests.simulation.letters import Letters
from tests.simulation.memory import MemoryItems, Stored, one_by_one
from tests.simulation.pool import DAY_MS
from tests.simulation.steps import MARGIN_MS, Crash, FunctionError, Steps

if TYPE_CHECKING:
    from tests.simulation.world import World

USERS_SUFFIX: Final = "#users"
UNDER_WAY_MS: Final = MARGIN_MS + 25_000
"""The time of a recompute while the stream runs: it waits once for what lags."""
AT_THE_END_MS: Final = 10 * 60_000


class MemoryUsageStore(MemoryItems):
    """`day_items.UsageStore`."""

    def put_together(self, rows: Sequence[UsageRow]) -> None:
        """All rows or none."""
        return self._put_all(rows) if self.steps.passes() else self.steps.through(self._put_all, rows)

    def _put_all(self, rows: Sequence[UsageRow]) -> None:
        for row in rows:
            stored = self.rows.get((row.account, row.sort))
            if (0 if stored is None else stored.version) != row.version - 1:
                raise ConflictError
        for row in rows:
            self.rows[row.account, row.sort] = row


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
        balances = self.letters.balances(self.stored)
        return Progress(
            aggregate={lane.lane: lane.aggregate_mark for lane in balances},
            archive={lane.lane: lane.archive_mark for lane in balances if (lane.unbalanced or 0) >= 0},
            holes=list(self._holes()),
        )

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


class _Around:
    """Steps of a recompute: whoever goes on meanwhile is the stream."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def fired(self) -> int:
        """The world's."""
        return self.world.fired

    @fired.setter
    def fired(self, bits: int) -> None:
        self.world.fired = bits

    @property
    def story(self) -> list[str] | None:
        """The world's."""
        return self.world.story

    def wake(self, steps: int) -> None:
        """The aggregates are invoked once, with a few records."""
        before = self.world.deliveries
        self.world.consumers[AGGREGATE].invoke(p.Invoke(AGGREGATE, steps, 3 * steps))
        if self.world.deliveries > before:
            self.world.fired |= BIT["recompute: stream goes on"]


def recompute_of(world: World, usage: dict[tuple[str, str], UsageRow], steps: Steps) -> Recompute:
    """The product's recompute of a usage table."""
    corrector = Corrector(
        items=MemoryUsageStore(usage, steps), pace=pace_of(steps), rules=RULES, caps=world.plan.caps
    )
    archive = MemoryArchive(world.stored, world.letters, steps)
    return Recompute(archive=archive, corrector=corrector, side_by_side=one_by_one)


@contextmanager
def reading_once(world: World) -> Iterator[None]:
    """Each record is decoded once in a run, however many recomputes read it: what it says follows from it."""
    decode, known = recompute.calls_of, world.decoded

    def calls_of(lane: str, record: ArchivedRecord, *, bounds: Bounds) -> list[ArchivedCall]:
        found = known.get((lane, record))
        if found is None:
            found = known[lane, record] = decode(lane, record, bounds=bounds)
        return found

    recompute.calls_of = calls_of
    try:
        yield
    finally:
        recompute.calls_of = decode


def arrival_days(world: World) -> tuple[int, int]:
    """First and last UTC day on which something arrived."""
    return world.plan.start_ms // DAY_MS, world.now_ms // DAY_MS


def under_way(world: World, op: p.Recount) -> None:
    """A recompute while the stream runs, which may break off anywhere.

    What was given up is registered before: S3 notifies within seconds, and a recompute is of the days before.
    """
    world.letters.register(world.stored)
    world.recounted = True
    steps = Steps(_Around(world), RECOUNT, budget_ms=UNDER_WAY_MS)
    steps.begin(op.faults, None)
    first, last = arrival_days(world)
    try:
        with reading_once(world):
            recompute_of(world, world.stored.usage, steps).run(Task(first=first, last=last))
    except (Crash, FunctionError, UnavailableError):
        return


def at_the_end(world: World, usage: dict[tuple[str, str], UsageRow], *, by_day: bool, of: int) -> Outcome:
    """Everything recomputed without faults, night by night or at once, in so many buckets."""
    first, last = arrival_days(world)
    spans = [(day, day) for day in range(first, last + 1)] if by_day else [(first, last)]
    total = Outcome()
    for low, high in spans:
        for bucket in range(of):
            steps = Steps(_Around(world), RECOUNT, budget_ms=AT_THE_END_MS)
            task = Task(first=low, last=high, bucket=bucket, of=of)
            with reading_once(world):
                done = recompute_of(world, usage, steps).run(task)
            total.corrected += done.corrected
            total.lagging += done.lagging
            total.postponed += done.postponed
            total.examples += done.examples
    return total


def canonical(usage: dict[tuple[str, str], UsageRow]) -> Hashed:
    """The hash in which two tables with the same usage agree."""
    return hash_of(_projections(usage))


def _projections(usage: dict[tuple[str, str], UsageRow]) -> Iterator[tuple[str, str, Projection]]:
    for (account, sort), row in usage.items():
        if not sort.endswith(USERS_SUFFIX) and sort != CUTOVER_SORT:
            state = decode(row.blob)
            present = Users(state.users)
            if state.spilled:
                present = decode_users(usage[account, sort + USERS_SUFFIX].blob)
            yield account, sort, project(state, present)
