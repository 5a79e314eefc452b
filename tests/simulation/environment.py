"""Execution environments: what stays warm between the invocations of one process, and what dies with it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from stemtide.aggregate import AggregatePorts, Rules, aggregate
from stemtide.archive import ArchivePorts, archive
from stemtide.calls import Bounds
from stemtide.commit import Committer
from stemtide.ports import Pace
from stemtide.repeats import Repeats
from stemtide.state import Caps
from stemtide.warm import WarmCache

from tests.simulation import memory, stream_ports
from tests.simulation.kinds import AGGREGATE, ARCHIVE
from tests.simulation.pool import MAX_LATENESS
from tests.simulation.steps import MARGIN_MS, Around, Steps

RULES: Final = Rules(bounds=Bounds(max_lateness=MAX_LATENESS), retention=timedelta(days=400))


class Outside:
    """What an environment is connected to."""

    __slots__ = ("around", "look_up", "stored", "take")

    def __init__(
        self,
        *,
        around: Around,
        stored: memory.Stored,
        take: Callable[[Any], None],
        look_up: Callable[[], tuple[int, int]],
    ) -> None:
        self.around = around
        self.stored = stored
        self.take = take
        self.look_up = look_up


class Environment:
    """One process of a consumer. `busy`: an invocation is still in it, though given up by its caller."""

    __slots__ = ("busy", "consumer", "ports", "steps")

    def __init__(self, consumer: int, outside: Outside, caps: Caps) -> None:
        self.consumer = consumer
        self.steps = Steps(outside.around, consumer)
        self.busy = False
        make = _aggregate_ports if consumer == AGGREGATE else _archive_ports
        self.ports: Any = make(outside, self.steps, caps)

    def invoke(self, event: dict[str, Any]) -> Any:
        """Call the product's handler as Lambda does."""
        if self.consumer == ARCHIVE:
            return archive(event, ports=self.ports)
        return aggregate(event, ports=self.ports, rules=RULES)


def pace_of(steps: Steps) -> Pace:
    """Time as an invocation sees it."""
    return Pace(remaining_ms=steps.remaining_ms, pause=steps.pause, jitter=_middle, margin_ms=MARGIN_MS)


def _middle() -> float:
    return 0.5


def _aggregate_ports(outside: Outside, steps: Steps, caps: Caps) -> AggregatePorts:
    stored, pace = outside.stored, pace_of(steps)
    return AggregatePorts(
        committer=Committer(
            items=memory.MemoryItems(stored.usage, steps),
            states=WarmCache(max_entries=50, max_bytes=100_000),
            sketches=WarmCache(max_entries=50, max_bytes=100_000),
            caps=caps,
            pace=pace,
        ),
        ledger=memory.MemoryLedger(stored.ledgers[AGGREGATE], steps),
        quarantine=memory.MemoryQuarantine(stored.quarantine, steps),
        facts=memory.MemoryFacts(stored.facts, steps),
        repeats=Repeats(),
        stream=stream_ports.MemoryStream(outside.take, steps),
        incarnations=stream_ports.MemoryIncarnations(outside.look_up, steps),
        pace=pace,
        side_by_side=memory.one_by_one,
    )


def _archive_ports(outside: Outside, steps: Steps, caps: Caps) -> ArchivePorts:
    return ArchivePorts(
        objects=memory.MemoryObjects(outside.stored.bodies, steps),
        ledger=memory.MemoryLedger(outside.stored.ledgers[ARCHIVE], steps),
        incarnations=stream_ports.MemoryIncarnations(outside.look_up, steps),
        pace=pace_of(steps),
    )
