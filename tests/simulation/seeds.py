"""Runs of many seeds: what each came to, and what they covered together."""

import gc
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import add
from typing import Any, Final

from tests.simulation.aftermath import after_the_run, replayed
from tests.simulation.checks import problems
from tests.simulation.coverage import coverage
from tests.simulation.generator import generate
from tests.simulation.kinds import NAMES
from tests.simulation.plan import Plan
from tests.simulation.shrink import shrink
from tests.simulation.story import of_plan
from tests.simulation.world import World, run

RECOMPUTED: Final = 2
"""Of so many seeds one has everything put back and recomputed at its end: that takes as long as the rest."""
REPLAYED: Final = 50
"""Of so many seeds one has its archive replayed into an empty table."""
MIN_RECORDS: Final = 200
MIN_SHARDS: Final = 3
MIN_KINDS: Final = 3
"""What the promise asks of every seed."""
DRAWS: Final = 3
"""Of a seed, until one is as large as promised: some of a million leave a shard without records."""
COLLECT_EVERY: Final = 200
"""Seeds between two garbage collections; a run leaves a cycle or two, some 1 MB."""


def _none_together() -> list[list[int]]:
    return [[0] * (number + 1) for number in range(len(NAMES))]


@dataclass(slots=True)
class Tally:
    """What many seeds came to: what was wrong by seed; `together[a][b]` (b up to a): seeds in which both of
    these kinds of fault happened."""

    seeds: int = 0
    records: int = 0
    deliveries: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    together: list[list[int]] = field(default_factory=_none_together)

    def add(self, seed: int, world: World, wrong: list[str]) -> None:
        """Count a run; one that is smaller than promised is wrong."""
        self.seeds += 1
        self.records += records_of(world)
        self.deliveries += world.deliveries
        fired = [number for number in range(len(NAMES)) if world.fired >> number & 1]
        for at, number in enumerate(fired):
            row = self.together[number]
            for other in fired[: at + 1]:
                row[other] += 1
        if smaller := smaller_than_promised(world):
            wrong = [*wrong, smaller]
        if wrong:
            self.wrong[seed] = wrong

    def merge(self, other: "Tally") -> None:
        """Add what other seeds came to."""
        self.seeds += other.seeds
        self.records += other.records
        self.deliveries += other.deliveries
        self.wrong |= other.wrong
        for row, more in zip(self.together, other.together, strict=True):
            row[:] = map(add, row, more)

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Tally":
        """From `asdict`, in which JSON has made the keys texts."""
        return cls(**facts | {"wrong": {int(seed): said for seed, said in facts["wrong"].items()}})

    def kinds(self) -> dict[str, int]:
        """In how many seeds each kind of fault happened."""
        return {name: self.together[number][number] for number, name in enumerate(NAMES)}

    def pairs(self) -> dict[tuple[str, str], int]:
        """In how many seeds both of two kinds happened, for every two."""
        return {
            (NAMES[other], name): self.together[number][other]
            for number, name in enumerate(NAMES)
            for other in range(number)
        }

    def covered(self) -> dict[str, Any]:
        """What a report tells of what happened."""
        size = {"records": self.records, "deliveries": self.deliveries}
        return size | coverage(self.kinds(), self.pairs())


def run_seeds(seeds: Iterable[int], tally: Tally | None = None) -> Tally:
    """Run the seeds one after the other. Collects garbage between runs, not in them."""
    tally = tally or Tally()
    was_on = gc.isenabled()
    gc.disable()
    try:
        for number, seed in enumerate(seeds):
            world, wrong = drawn(seed)
            tally.add(seed, world, wrong)
            world.close()
            if number % COLLECT_EVERY == COLLECT_EVERY - 1:
                gc.collect()
    finally:
        if was_on:
            gc.enable()
    return tally


def records_of(world: World) -> int:
    """How many records the stream took."""
    return sum(len(shard.recs) for shard in world.stream.every)


def smaller_than_promised(world: World) -> str | None:
    """What a run lacks to count as a seed's."""
    records, shards = records_of(world), sum(1 for shard in world.stream.every if shard.recs)
    kinds = world.fired.bit_count()
    if records >= MIN_RECORDS and shards >= MIN_SHARDS and kinds >= MIN_KINDS:
        return None
    return f"too small: {records} records, {shards} shards, {kinds} kinds of fault"


def drawn(seed: int) -> tuple[World, list[str]]:
    """The world after a seed's run, and what is wrong; a plan that is too small is drawn anew."""
    for again in range(DRAWS - 1):
        world, wrong = outcome(generate(seed, again))
        if wrong or not smaller_than_promised(world):
            return world, wrong
        world.close()
    return outcome(generate(seed, DRAWS - 1))


def outcome(plan: Plan, *, tell: bool = False, recomputed: bool | None = None) -> tuple[World, list[str]]:
    """The world after a run of the plan, and what is wrong before or (`recomputed`) after the recompute."""
    if recomputed is None:
        recomputed = plan.seed % RECOMPUTED == 0
    world = run(plan, tell=tell)
    try:
        wrong = problems(world)
        if recomputed and not wrong:
            world.tell("what was given up is put back, everything is recomputed")
            wrong = list(after_the_run(world))
        if recomputed and not wrong and plan.seed % REPLAYED == 0:
            wrong = list(replayed(world))
    except Exception:
        wrong = [traceback.format_exc()]
    return world, wrong


def fails(plan: Plan) -> bool:
    """Whether anything is wrong after a run of the plan."""
    return bool(outcome(plan)[1])


def history(seed: int) -> str:
    """The shortest history found that goes wrong as the seed does, step by step."""
    plans = (generate(seed, again) for again in range(DRAWS))
    plan = shrink(next((one for one in plans if fails(one)), generate(seed)), fails)
    world, wrong = outcome(plan, tell=True)
    return "\n".join([of_plan(plan), *(world.story or []), "wrong:", *wrong])
