"""The chance of a run: which kinds of fault are among it, and what comes next."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeVar

from tests.simulation.kinds import BIT

T = TypeVar("T")
ALWAYS: Final = ("duplicate, soon", "aggregate: same batch again", "archive: same batch again")
CHANCE: Final = 0.4
"""Of every other kind to be among those of a run."""


class Dice:
    """All randomness of a run, from its seed."""

    def __init__(self, seed: int) -> None:
        self.roll: Callable[[], float] = Random(seed).random
        self.kinds = sum(BIT[name] for name in BIT if name in ALWAYS or self.roll() < CHANCE)

    def has(self, name: str) -> bool:
        """Whether a kind of fault may happen in this run."""
        return bool(self.kinds & BIT[name])

    def below(self, end: int) -> int:
        """A number from 0 up to `end`, excluded."""
        return int(self.roll() * end)

    def among(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[int(self.roll() * len(choices))]
