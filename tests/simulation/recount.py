"""The product's recompute on what the simulation has stored, while the stream runs and at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from stemtide.canonical import Hashed, Projection, hash_of, project
from stemtide.corrections import Corrector
from stemtide.day_items import Item
from stemtide.ports import CUTOVER_SORT, UnavailableError, UsageRow
from stemtide.recompute import Outcome, Recompute, Task
from stemtide.state import decode
from stemtide.users import Users
from stemtide.users import decode as decode_users

from tests.recompute_memory import raised
from tests.simulation import plan as p
from tests.simulation.environment import RULES, pace_of
from tests.simulation.kinds import AGGREGATE, BIT, RECOUNT
from tests.simulation.memory import one_by_one
from tests.simulation.pool import DAY_MS
from tests.simulation.recount_stores import MemoryArchive, MemoryUsageStore
from tests.simulation.steps import MARGIN_MS, Crash, FunctionError, Steps

if TYPE_CHECKING:
    from tests.simulation.world import World

USERS_SUFFIX: Final = "#users"
UNDER_WAY_MS: Final = MARGIN_MS + 25_000
"""The time of a recompute while the stream runs: it waits once for what lags."""
AT_THE_END_MS: Final = 10 * 60_000


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
        items=MemoryUsageStore(usage, steps),
        pace=pace_of(steps),
        rules=RULES,
        caps=world.plan.caps,
        broken=_broken,
    )
    archive = MemoryArchive(world.stored, world.letters, steps)
    return Recompute(archive=archive, corrector=corrector, side_by_side=one_by_one)


def _broken(item: Item, error: Exception) -> None:
    """An item may be broken by a planned error only."""
    if not isinstance(error, FunctionError):
        raised(item, error)


def arrival_days(world: World) -> tuple[int, int]:
    """First and last UTC day on which something arrived."""
    return world.plan.start_ms // DAY_MS, world.now_ms // DAY_MS


def under_way(world: World, op: p.Recount) -> None:
    """A recompute while the stream runs, which may break off anywhere."""
    world.recounted = True
    steps = Steps(_Around(world), RECOUNT, budget_ms=UNDER_WAY_MS)
    steps.begin(op.faults, None)
    first, last = arrival_days(world)
    try:
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
