"""Runs of many seeds, and the story of one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.simulation.plays.checks import problems
from tests.simulation.plays.world import World, run


@dataclass(slots=True)
class Tally:
    """What many seeds came to: what was wrong by seed, what had happened, plays by journey and outcome."""

    seeds: int = 0
    mails: int = 0
    coupons: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    fired: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    halts: Counter[str] = field(default_factory=Counter)


def run_seeds(seeds: Iterable[int], **broken: Any) -> Tally:
    """Run each seed; what `broken` names is replaced in its world."""
    tally = Tally()
    for seed in seeds:
        world = run(World(seed, **broken))
        tally.seeds += 1
        tally.mails += len(world.mails)
        tally.coupons += len(list(world.provider.world.store.all("coupon")))
        tally.fired.update(world.fired)
        for row, _ in world.plays.all():
            tally.outcomes[f"{row.journey} {row.outcome}"] += 1
            tally.halts[f"{row.journey} {row.halt_reason}"] += 1
        if found := problems(world):
            tally.wrong[seed] = found
    return tally


def first_wrong(seeds: Iterable[int], **broken: Any) -> int | None:
    """The first seed that is wrong."""
    return next((seed for seed in seeds if run_seeds([seed], **broken).wrong), None)


def story(seed: int, **broken: Any) -> str:
    """What happened in a run, and what is wrong about it, for whoever looks into it."""
    world = run(World(seed, **broken))
    lines = [f"seed {seed}", *problems(world), *world.story]
    for row, entries in world.plays.all():
        lines += [f"{row.journey} {row.id} {row.account} {row.outcome}"]
        lines += [f"  {msgspec.json.encode(one).decode()}" for one in entries]
    return "\n".join(lines)
