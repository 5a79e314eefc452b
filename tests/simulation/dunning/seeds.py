"""Runs of many seeds, and the story of one."""

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tests.simulation.coverage import coverage
from tests.simulation.dunning.checks import problems
from tests.simulation.dunning.world import KINDS, World, run


@dataclass(slots=True)
class Tally:
    """What many seeds came to: what was wrong by seed, seeds by kind of fault and by pair of kinds (`a + b`),
    episodes by their ending."""

    seeds: int = 0
    episodes: int = 0
    tries: int = 0
    mails: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    fired: dict[str, int] = field(default_factory=dict)
    together: dict[str, int] = field(default_factory=dict)
    endings: dict[str, int] = field(default_factory=dict)

    def add(self, seed: int, world: World, wrong: list[str]) -> None:
        """Count a run."""
        self.seeds += 1
        self.tries += len(world.tries)
        self.mails += len(world.mails)
        for row, _ in world.episodes.all():
            self.episodes += 1
            _count(self.endings, {str(row.ending): 1})
        fired = [kind for kind in KINDS if world.fired[kind]]
        _count(self.fired, dict.fromkeys(fired, 1))
        _count(self.together, {" + ".join(pair): 1 for pair in combinations(fired, 2)})
        if unknown := sorted(set(world.fired) - set(KINDS)):
            wrong = [*wrong, f"kinds of fault without a name: {', '.join(unknown)}"]
        if wrong:
            self.wrong[seed] = wrong

    def merge(self, other: "Tally") -> None:
        """Add what other seeds came to."""
        for name in ("seeds", "episodes", "tries", "mails"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.wrong |= other.wrong
        for name in ("fired", "together", "endings"):
            _count(getattr(self, name), getattr(other, name))

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Tally":
        """From `asdict`, in which JSON has made the keys texts."""
        return cls(**facts | {"wrong": {int(seed): said for seed, said in facts["wrong"].items()}})

    def covered(self) -> dict[str, Any]:
        """What a report tells of what happened."""
        size = {"episodes": self.episodes, "tries": self.tries, "mails": self.mails, "endings": self.endings}
        pairs = {pair: self.together.get(" + ".join(pair), 0) for pair in combinations(KINDS, 2)}
        return size | coverage({kind: self.fired.get(kind, 0) for kind in KINDS}, pairs)


def run_seeds(seeds: Iterable[int], **broken: Any) -> Tally:
    """Run each seed; what `broken` names is replaced in its world."""
    tally = Tally()
    for seed in seeds:
        world = World(seed, **broken)
        try:
            wrong = problems(run(world))
        except Exception:  # whatever a run raises is wrong, and many others are still to be run
            wrong = [traceback.format_exc()]
        tally.add(seed, world, wrong)
    return tally


def first_wrong(seeds: Iterable[int], harm: str, **broken: Any) -> int | None:
    """The first seed in which something is wrong of which the words of a harm are said."""
    for seed in seeds:
        wrong = run_seeds([seed], **broken).wrong.get(seed, [])
        if any(harm in said for said in wrong):
            return seed
    return None


def story(seed: int, **broken: Any) -> str:
    """What happened in a run, and what is wrong about it, for whoever looks into it."""
    world = run(World(seed, **broken))
    lines = [f"seed {seed}", *problems(world), *world.story]
    for row, entries in world.episodes.all():
        lines += [f"{row.id} {row.ending}", *(f"  {entry}" for entry in entries)]
    return "\n".join(lines)


def _count(into: dict[str, int], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        into[name] = into.get(name, 0) + number
