"""How the records of a run are delivered and recomputed, and what goes wrong on the way."""

from typing import Final

from tests.simulation import plan as p
from tests.simulation.dice import Dice
from tests.simulation.kinds import AGGREGATE, CONSUMERS, RECOMPUTE, REFUSED, STEPS, WAKE, StepFault
from tests.simulation.pool import ACCOUNTS
from tests.simulation.steps import THROTTLED, UNAVAILABLE, ZOMBIE

RECOUNTED: Final = 0.4
"""Of the runs that have recomputes on the way: before the last one, their counts have bounds only."""
REACH: Final = (11, 4)
"""Steps of an invocation at which faults are planned, by consumer; few invocations take more."""
FAR: Final = 40
OUTLASTS: Final = 12
"""Throttled for so many steps, a handler gives up."""


class Deliveries:
    """Makes invocations and recomputes with what goes wrong in them; `recount_kinds`: none, no recompute."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.step_kinds = [
            [number for name, number in STEPS.items() if dice.has(f"{consumer}: {name}")]
            for consumer in CONSUMERS
        ]
        recounts = dice.roll() < RECOUNTED
        self.recount_kinds = [
            WAKE if name == "stream goes on" else STEPS[name]
            for name in RECOMPUTE
            if recounts and dice.roll() < 0.6
        ]

    def invoke(self) -> p.Invoke:
        """One delivery to one of the consumers."""
        roll = self.dice.roll
        consumer = int(roll() < 0.45)
        size = 2 + int(roll() ** 2 * 40)
        stale = self.dice.has(f"{CONSUMERS[consumer]}: stale environment") and roll() < 0.5
        refused = None
        if consumer == AGGREGATE and self.dice.kinds & REFUSED and roll() < 0.25:
            refused = self.dice.among(ACCOUNTS)
        return p.Invoke(
            consumer,
            int(roll() * 8),
            size,
            int(stale),
            self._flags(consumer),
            self._faults(consumer),
            refused,
        )

    def _flags(self, consumer: int) -> int:
        name, roll, flags = CONSUMERS[consumer], self.dice.roll, 0
        if roll() < 0.2 and self.dice.has(f"{name}: same batch again"):
            flags |= p.SAME_AGAIN
        if roll() < 0.4 and self.dice.has(f"{name}: other bounds"):
            flags |= p.OTHER_BOUNDS
        if roll() < 0.15 and self.dice.has(f"{name}: retries reached"):
            flags |= p.RETRIES_REACHED
        if roll() < 0.06 and self.dice.has(f"{name}: too old"):
            flags |= p.TOO_OLD
        if consumer == AGGREGATE and roll() < 0.3 and self.dice.has("partly refused put"):
            flags |= p.PARTLY_TAKEN
        return flags

    def _faults(self, consumer: int) -> tuple[StepFault, ...]:
        roll, kinds = self.dice.roll, self.step_kinds[consumer]
        faults = []
        if kinds and roll() < 0.6:
            faults.append(self._fault(consumer, kinds))
            if roll() < 0.3:
                faults.append(self._fault(consumer, kinds))
        if ZOMBIE in self.step_kinds[0] or ZOMBIE in self.step_kinds[1]:
            faults += [(self._step(consumer), WAKE, 1 + int(roll() * 4)) for _ in range(int(roll() * 3))]
        return tuple(faults)

    def _fault(self, consumer: int, kinds: list[int]) -> StepFault:
        kind = self.dice.among(kinds)
        more = 1
        if kind in {THROTTLED, UNAVAILABLE} and self.dice.roll() < 0.5:
            more = OUTLASTS if self.dice.roll() < 0.5 else 2
        return self._step(consumer), kind, more

    def recount(self) -> p.Recount:
        """A recompute while the stream runs."""
        return p.Recount(tuple(self._recount_fault() for _ in range(1 + self.dice.below(3))))

    def _recount_fault(self) -> StepFault:
        return (
            1 + int(self.dice.roll() * 16),
            self.dice.among(self.recount_kinds),
            1 + int(self.dice.roll() * 3),
        )

    def _step(self, consumer: int) -> int:
        reach = REACH[consumer] if self.dice.roll() < 0.9 else FAR
        return 1 + int(self.dice.roll() * reach)
