"""One consumer of the stream as Lambda runs it: its place in every shard, its environments, its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stemtide.ports import UnavailableError

from tests.simulation import plan as p
from tests.simulation.answers import BadAnswer, read_answer
from tests.simulation.environment import Environment, Outside
from tests.simulation.kinds import BIT, of_worker
from tests.simulation.letters import AGE, RETRIES
from tests.simulation.source import EVERYTHING, Piece, Source
from tests.simulation.steps import ZOMBIE, Crash, FunctionError
from tests.simulation.stream import Rec, Shard
from tests.simulation.zombies import Zombie

if TYPE_CHECKING:
    from tests.simulation.world import World

MAX_ZOMBIES: Final = 3
INVOCATION_MS: Final = 200
ENVIRONMENTS: Final = 6
"""Places of warm processes; a shard is worked on in two of them."""
CHILD_FIRST: Final = BIT["child before parent"]
AGAIN, BISECTED, BOUNDS, TRIED, AGED, STALE = (
    of_worker(name)
    for name in (
        "same batch again",
        "batch bisected",
        "other bounds",
        "retries reached",
        "too old",
        "stale environment",
    )
)


class Consumer:
    """`early`: shards of which this consumer read something before all that came before them was read."""

    def __init__(self, number: int, world: World, outside: Outside) -> None:
        self.number = number
        self.world = world
        self.outside = outside
        self.sources: list[Source] = []
        self.environments: list[Environment | None] = [None] * ENVIRONMENTS
        self.early: set[Shard] = set()

    def begin_anew(self) -> None:
        """The stream's shards are others."""
        self.sources = []

    def ready(self) -> list[Source]:
        """The sources of which something may be delivered: a child after its parents, if that is the rule."""
        shards, sources, plan = self.world.stream.shards, self.sources, self.world.plan
        while len(sources) < len(shards):
            shard = shards[len(sources)]
            retries, bisects = plan.retries[self.number], plan.bisects[self.number]
            sources.append(Source(self.number, shard, retries=retries, bisects=bisects))
        waiting = [source for source in sources if source.waiting]
        if plan.child_first:
            return waiting
        return [source for source in waiting if not source.shard.parents or self._parents_read(source.shard)]

    def _parents_read(self, shard: Shard) -> bool:
        return all(
            self.sources[parent.number].drained and self._parents_read(parent) for parent in shard.parents
        )

    def invoke(self, op: p.Invoke) -> None:
        """Deliver what is next of one shard."""
        ready = self.ready()
        if not ready:
            return
        world, source = self.world, ready[op.pick % len(ready)]
        world.now_ms += INVOCATION_MS
        if source.position == 0 and source.shard.parents and not self._parents_read(source.shard):
            self.early.add(source.shard)
            world.fired |= CHILD_FIRST
        if op.flags & p.OTHER_BOUNDS and source.cut_anew():
            world.fired |= BOUNDS[self.number]
        piece = source.take(op.size)
        if op.flags & p.TOO_OLD:
            self._too_old(source, piece, 1 + op.pick % (piece.high - piece.low))
            return
        failed = self._deliver(source, piece, op)
        before = len(source.pieces)
        given_up = source.settle(piece, failed, last_try=bool(op.flags & p.RETRIES_REACHED))
        if given_up is not None:
            world.fired |= TRIED[self.number]
            self._give_up(source, given_up, RETRIES)
        elif len(source.pieces) > before + 1:
            world.fired |= BISECTED[self.number]
        elif failed == EVERYTHING:
            world.fired |= AGAIN[self.number]

    def again(self, recs: list[Rec]) -> None:
        """Invoke once with records of the past, whatever comes of it."""
        environment = Environment(self.number, self.outside, self.world.plan.caps)
        environment.invoke({"Records": [rec.entry for rec in recs]})

    def _too_old(self, source: Source, piece: Piece, count: int) -> None:
        """The first records are given up without another try."""
        self.world.fired |= AGED[self.number]
        if piece.low + count < piece.high:
            source.pieces.append(piece._replace(low=piece.low + count))
        self._give_up(source, source.give_up(piece._replace(high=piece.low + count)), AGE)

    def _give_up(self, source: Source, piece: Piece, condition: str) -> None:
        """To the dead letters. No invocation outlives that: it comes after minutes of tries."""
        world = self.world
        world.kill_zombies(source)
        world.tell(f"    given up: {condition}")
        world.letters.add(source, piece, condition, world.now_ms)

    # --- one invocation --------------------------------------------------------------------------

    def _deliver(self, source: Source, piece: Piece, op: p.Invoke) -> int | None:
        """Invoke; what failed, as `Source.settle` takes it."""
        self.world.deliveries += 1
        place, environment = self._environment(source, op.environment)
        recs = source.recs[piece.low : piece.high]
        event = {"Records": [rec.entry for rec in recs]}
        environment.steps.begin(op.faults, op.refused)
        environment.steps.refuses_part = bool(op.flags & p.PARTLY_TAKEN)
        if self.world.story is not None:
            self.world.tell(
                f"    records {piece.low} to {piece.high - 1} of {source.shard.lane}, place {place}"
            )
        if any(fault[1] == ZOMBIE for fault in op.faults):
            return self._perhaps_zombie(source, place, environment, event)
        try:
            answer = environment.invoke(event)
        except Crash:
            self.environments[place] = None
            return EVERYTHING
        except (FunctionError, UnavailableError):
            return EVERYTHING
        try:
            failed = read_answer(self.number, answer, recs)
        except BadAnswer as bad:
            self.world.wrong.append(str(bad))
            return EVERYTHING
        if op.flags & p.SAME_AGAIN:
            return EVERYTHING
        return None if failed is None else piece.low + failed

    def _perhaps_zombie(
        self, source: Source, place: int, environment: Environment, event: dict[str, Any]
    ) -> int | None:
        """An invocation that its caller gives up at a step; else its answer is lost."""

        def ended(zombie: Zombie) -> None:
            environment.busy = False
            if isinstance(zombie.error, Crash) and self.environments[place] is environment:
                self.environments[place] = None
            elif zombie.error and not isinstance(zombie.error, Crash | FunctionError | UnavailableError):
                raise zombie.error

        zombie = Zombie(environment.steps, lambda: environment.invoke(event))
        environment.busy = True
        self.world.bury(MAX_ZOMBIES - 1)
        if zombie.start():
            self.world.zombies.append((zombie, ended, source))
        else:
            ended(zombie)
        return EVERYTHING

    def _environment(self, source: Source, bit: int) -> tuple[int, Environment]:
        """One of the shard's two processes, or another one while it is busy."""
        place = (2 * source.shard.number + bit) % ENVIRONMENTS
        environment = self.environments[place]
        while environment is not None and environment.busy:
            place = (place + 1) % ENVIRONMENTS
            environment = self.environments[place]
        if environment is None:
            environment = Environment(self.number, self.outside, self.world.plan.caps)
            self.environments[place] = environment
        elif source.last not in {-1, place} and place in source.used:
            self.world.fired |= STALE[self.number]
        source.last = place
        source.used.add(place)
        return place, environment
