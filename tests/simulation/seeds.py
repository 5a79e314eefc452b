"""Runs of many seeds: what each came to, and what they covered together."""

import gc
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tests.simulation.aftermath import after_the_run, replayed
from tests.simulation.checks import problems
from tests.simulation.generator import generate
from tests.simulation.kinds import BIT, NAMES
from tests.simulation.plan import Plan
from tests.simulation.shrink import shrink
from tests.simulation.story import of_plan
from tests.simulation.world import World, run

REPLAYED: Final = 50
"""Of so many seeds one has its archive replayed into an empty table."""
MIN_RECORDS: Final = 200
MIN_SHARDS: Final = 3
MIN_KINDS: Final = 3
"""What the promise asks of every seed."""
COLLECT_EVERY: Final = 200
"""Seeds between two garbage collections; a run leaves a cycle or two, some 1 MB."""


@dataclass(slots=True)
class Tally:
    """What many seeds came to: what was wrong by seed, how many seeds by the set of kinds that happened."""

    seeds: int = 0
    records: int = 0
    deliveries: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    fired: dict[int, int] = field(default_factory=dict)

    def add(self, seed: int, world: World, wrong: list[str]) -> None:
        """Count a run; one that is smaller than promised is wrong."""
        records = sum(len(shard.recs) for shard in world.stream.every)
        self.seeds += 1
        self.records += records
        self.deliveries += world.deliveries
        self.fired[world.fired] = self.fired.get(world.fired, 0) + 1
        shards = sum(1 for shard in world.stream.every if shard.recs)
        kinds = world.fired.bit_count()
        if records < MIN_RECORDS or shards < MIN_SHARDS or kinds < MIN_KINDS:
            wrong = [*wrong, f"too small: {records} records, {shards} shards, {kinds} kinds of fault"]
        if wrong:
            self.wrong[seed] = wrong

    def merge(self, other: "Tally") -> None:
        """Add what other seeds came to."""
        self.seeds += other.seeds
        self.records += other.records
        self.deliveries += other.deliveries
        self.wrong |= other.wrong
        for bits, seeds in other.fired.items():
            self.fired[bits] = self.fired.get(bits, 0) + seeds

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Tally":
        """From `facts`, whose keys JSON has made texts."""
        numbers = {int(bits): seeds for bits, seeds in facts["fired"].items()}
        wrong = {int(seed): said for seed, said in facts["wrong"].items()}
        return cls(facts["seeds"], facts["records"], facts["deliveries"], wrong, numbers)

    def kind(self, name: str) -> int:
        """In how many seeds a kind of fault happened."""
        return sum(seeds for bits, seeds in self.fired.items() if bits & BIT[name])

    def pairs(self) -> dict[tuple[str, str], int]:
        """In how many seeds both of two kinds happened, for every two."""
        found: dict[tuple[str, str], int] = {}
        for number, one in enumerate(NAMES):
            for other_number, other in enumerate(NAMES[:number]):
                both = 1 << number | 1 << other_number
                found[other, one] = sum(n for bits, n in self.fired.items() if bits & both == both)
        return found


def run_seeds(seeds: Iterable[int], tally: Tally | None = None) -> Tally:
    """Run the seeds one after the other. Collects garbage between runs, not in them."""
    tally = tally or Tally()
    was_on = gc.isenabled()
    gc.disable()
    try:
        for number, seed in enumerate(seeds):
            world, wrong = outcome(generate(seed))
            tally.add(seed, world, wrong)
            world.close()
            if number % COLLECT_EVERY == COLLECT_EVERY - 1:
                gc.collect()
    finally:
        if was_on:
            gc.enable()
    return tally


def outcome(plan: Plan, *, tell: bool = False, recomputed: bool = True) -> tuple[World, list[str]]:
    """The world after a run of the plan, and what is wrong before or (`recomputed`) after the recompute."""
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
    plan = shrink(generate(seed), fails)
    world, wrong = outcome(plan, tell=True)
    return "\n".join([of_plan(plan), *(world.story or []), "wrong:", *wrong])
