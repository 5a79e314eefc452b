"""What is simulated: for each subject how seeds are run, counted, and how a wrong one is told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Protocol, Self


class Tally(Protocol):
    """What many seeds came to; a dataclass of plain values, so that it is kept as JSON."""

    seeds: int
    wrong: dict[int, list[str]]

    def merge(self, other: Self, /) -> None:
        """Add what other seeds came to."""

    @classmethod
    def of(cls, facts: dict[str, Any], /) -> Self:
        """From `asdict`, in which JSON has made the keys texts."""

    def covered(self) -> dict[str, Any]:
        """What a report tells of what happened; `pairs` and `pairs_covered` count kinds of fault by two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A subject: `run_seeds` is a function of a module, as processes find it by its name; `history` tells
    what happened in a seed that went wrong, `size` in a line what all seeds did."""

    tally: Callable[[], Tally]
    of: Callable[[dict[str, Any]], Tally]
    run_seeds: Callable[[Iterable[int]], Any]
    history: Callable[[int], str]
    size: Callable[[dict[str, Any]], str]


def _stream() -> Simulation:
    seeds = import_module("tests.simulation.seeds")
    return Simulation(
        tally=seeds.Tally,
        of=seeds.Tally.of,
        run_seeds=seeds.run_seeds,
        history=seeds.history,
        size=lambda found: f"{found['records']:,} records in {found['deliveries']:,} deliveries",
    )


def _dunning() -> Simulation:
    seeds = import_module("tests.simulation.dunning.seeds")
    return Simulation(
        tally=seeds.Tally,
        of=seeds.Tally.of,
        run_seeds=seeds.run_seeds,
        history=seeds.story,
        size=lambda found: (
            f"{found['episodes']:,} episodes, {found['tries']:,} tries, {found['mails']:,} mails"
        ),
    )


SIMULATIONS: Final[dict[str, Callable[[], Simulation]]] = {"stream": _stream, "dunning": _dunning}
"""Imported when they are run: dunning's needs CDK, whose states it interprets."""
