"""Runs of many seeds, and the story of one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.dunning.checks import problems
from tests.simulation.dunning.world import World, run


@dataclass(slots=True)
class Tally:
    """What many seeds came to: what was wrong by seed, which faults and endings there were."""

    seeds: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    fired: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)


def run_seeds(seeds: Iterable[int], **broken: Any) -> Tally:
    """Run each seed; what `broken` names is replaced in its world."""
    tally = Tally()
    for seed in seeds:
        world = run(World(seed, **broken))
        tally.seeds += 1
        tally.fired += world.fired
        tally.endings.update(str(row.ending) for row, _ in world.episodes.all())
        if wrong := problems(world):
            tally.wrong[seed] = wrong
    return tally


def first_wrong(seeds: Iterable[int], **broken: Any) -> int | None:
    """The first seed that is wrong."""
    for seed in seeds:
        if run_seeds([seed], **broken).wrong:
            return seed
    return None


def story(seed: int, **broken: Any) -> str:
    """What happened in a run, and what is wrong about it, for whoever looks into it."""
    world = run(World(seed, **broken))
    lines = [f"seed {seed}", *problems(world), *world.story]
    for row, entries in world.episodes.all():
        lines += [f"{row.id} {row.ending}", *(f"  {entry}" for entry in entries)]
    return "\n".join(lines)
