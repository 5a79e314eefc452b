"""One run: the plan's steps done to a stream, two consumers and everything they store."""

import traceback
from collections.abc import Callable
from typing import Any, Final

from tests.simulation import plan as p
from tests.simulation.consumer import Consumer
from tests.simulation.environment import Outside
from tests.simulation.kinds import AGGREGATE, ARCHIVE, BIT
from tests.simulation.letters import Letters
from tests.simulation.memory import Stored
from tests.simulation.pool import ACCOUNTS, pool
from tests.simulation.producers import Producers
from tests.simulation.recount import under_way
from tests.simulation.source import Source
from tests.simulation.story import of_op
from tests.simulation.stream import Stream
from tests.simulation.zombies import Zombie

RESHARD_MS: Final = 10_000
"""A reshard takes Kinesis some 30 s, longer than anybody believes in the stream that was there before."""
DRAIN_SIZE: Final = 60
MAX_ROUNDS: Final = 400
"""Rounds of working off without faults, after which a run counts as stuck."""


class World:
    """Everything there is in a run. `wrong` collects what must not happen."""

    def __init__(self, plan: p.Plan, *, tell: bool = False) -> None:
        self.plan = plan
        self.fired = 0
        self.story: list[str] | None = [] if tell else None
        self.wrong: list[str] = []
        self.now_ms = plan.start_ms
        self.stream = Stream(shards=plan.shards, hashes=plan.hashes, created_ms=plan.start_ms - 86_400_000)
        self.stored = Stored()
        self.letters = Letters()
        self.zombies: list[tuple[Zombie, Callable[[Zombie], None], Source]] = []
        self.waking = False
        self.recounted = False
        self.deliveries = 0
        if plan.cutover is not None:
            self.stored.backfill(*plan.cutover)
            self.fired |= BIT["account with a cutover"]
        self.producers = Producers(self)
        outside = Outside(around=self, stored=self.stored, take=self.producers.take, look_up=self.look_up)
        self.consumers = tuple(Consumer(number, self, outside) for number in (AGGREGATE, ARCHIVE))

    def look_up(self) -> tuple[int, int]:
        """The time, and when the stream was created."""
        return self.now_ms, self.stream.created_ms

    def run(self) -> None:
        """Do the plan and work off what is left."""
        for op in self.plan.ops:
            self.do(op)
        self.finish()

    def finish(self) -> None:
        """No more faults: everything is worked off, whatever still runs comes to its end."""
        if not self.plan.zombies_last:
            self.bury(0)
        self.drain()
        self.bury(0)
        self.drain()
        self.become_known()
        self.look()

    def close(self) -> None:
        """Forget everything: consumers and ports refer to their world, and would wait for the collector."""
        for consumer in self.consumers:
            vars(consumer).clear()
        vars(self.producers).clear()
        vars(self).clear()

    def do(self, op: p.Op) -> None:
        """One step of the plan."""
        if self.story is not None:
            self.tell(*of_op(op))
        match op:
            case p.Put():
                self.producers.put(op)
            case p.Invoke():
                self.consumers[op.consumer].invoke(op)
            case p.Reshard():
                self.reshard(op)
            case p.CreateAnew():
                self.create_anew(op)
            case p.Wake():
                self.wake(op.steps)
            case p.Recount():
                under_way(self, op)
            case p.Look():
                self.look()

    def tell(self, *lines: str) -> None:
        """Note it when the story is told."""
        if self.story is not None:
            self.story.extend(lines)

    # --- the stream ------------------------------------------------------------------------------

    def reshard(self, op: p.Reshard) -> None:
        """Split or merge, if there is what to split or merge."""
        self.now_ms += RESHARD_MS
        changed = self.stream.split(op.pick) if op.split else self.stream.merge(op.pick)
        if changed is not None:
            self.fired |= BIT["split" if op.split else "merge"]

    def create_anew(self, op: p.CreateAnew) -> None:
        """Work the stream off, delete it, create it."""
        self.drain()
        self.become_known()
        known = [ledger.keys() for ledger in self.stored.ledgers]
        numbers = range(op.shards)
        lanes = {f"{self.stream.created_ms}/{number}" for number in numbers}
        fast = op.fast and all(lanes <= ledger for ledger in known)
        self.now_ms += 1000
        self.stream.create_anew(shards=op.shards, created_ms=self.now_ms)
        self.now_ms += 100 if fast else 10_000
        for consumer in self.consumers:
            consumer.begin_anew()
        self.fired |= BIT["stream created anew"]

    # --- time passes -----------------------------------------------------------------------------

    def drain(self) -> None:
        """Work everything off without faults."""
        for number in range(MAX_ROUNDS):
            busy = [consumer for consumer in self.consumers if consumer.ready()]
            if not busy:
                return
            for consumer in busy:
                consumer.invoke(p.Invoke(consumer.number, number, DRAIN_SIZE, number & 1))
        self.wrong.append("without faults the stream is not worked off")

    def become_known(self) -> None:
        """If all that came through this incarnation was given up, some record gets through at last."""
        self.letters.register(self.stored)
        if self.letters.waiting:
            self.producers.put(p.Put(0, p.PUT_ONCE, (p.Spec(ACCOUNTS[0], (pool().fresh[ACCOUNTS[0]][0],)),)))
            self.drain()

    def look(self) -> None:
        """Register what was given up, and look at the balance."""
        self.letters.register(self.stored)
        self.wrong += self.letters.false_alarms(self.stored)

    def wake(self, steps: int) -> None:
        """The oldest zombie goes on; not while another is being woken."""
        if self.zombies and not self.waking:
            self.waking = True
            zombie, ended, source = self.zombies.pop(0)
            self.tell("    (a zombie goes on)")
            if zombie.wake(steps):
                self.zombies.append((zombie, ended, source))
            else:
                ended(zombie)
            self.tell("    (back)")
            self.waking = False

    def bury(self, left: int) -> None:
        """The oldest zombies go on to their end, until so many are left."""
        while len(self.zombies) > left:
            zombie, ended, _ = self.zombies.pop(0)
            while zombie.wake():  # it may be given up at another step too
                pass
            ended(zombie)

    def kill_zombies(self, source: Source) -> None:
        """Those that work on this source's records end where they are."""
        for entry in [entry for entry in self.zombies if entry[2] is source]:
            self.zombies.remove(entry)
            entry[0].kill()
            entry[1](entry[0])


def run(plan: p.Plan, **options: Any) -> World:
    """The world after the plan; what the product raised unexpectedly is wrong too."""
    world = World(plan, **options)
    try:
        world.run()
    except Exception:
        world.wrong.append(traceback.format_exc())
    return world
