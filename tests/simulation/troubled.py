"""What any simulated journey runs in: a state machine that starts tasks twice, a provider whose answers get
lost, a mail service, and functions that die between any two calls.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, ClassVar, Final

from stemtide.dunning.ports import Fate, MailFate
from stemtide.ports import UnavailableError
from stemtide.runs import Moved

from payments.in_memory import Fault
from tests.simulation.dunning.machine import Machine

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
READS_FAIL: Final = 0.02
MAX_INNER: Final = 3
DEFERRED: Final = 0.1
REFUSED: Final = 0.05
NOT_SEEN: Final = 0.01


class CrashError(Exception):
    """The function died here."""


class Troubled(ABC):
    """The stand-ins that all worlds share. A world says what its `acts` at the provider are, how often those
    fail, and what may happen at a point; while it is `quiet` nothing goes wrong."""

    __slots__ = ()
    acts: ClassVar[tuple[str, ...]]
    acts_fail: ClassVar[float]

    dice: Random
    machine: Machine
    fired: Counter[str]
    depth: int
    quiet: bool
    mail_claims: bool
    claimed: dict[Any, Fate]

    @abstractmethod
    def function(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The function behind the state machine's tasks."""

    @abstractmethod
    def at_a_point(self, name: str, when: str) -> None:
        """Between two calls of the product anything may happen."""

    def now_ms(self) -> int:
        return self.machine.now_ms

    def start(self, row: Moved, /) -> None:
        self.at_a_point("start", "before")
        self.machine.start(row.execution, {"episode": row.id, "run": row.run})

    def runs(self, row: Moved, /) -> bool:
        found = self.machine.executions.get(row.execution)
        alive = found is not None and found.running
        if alive and not self.quiet and self.dice.random() < NOT_SEEN:
            self.fired["execution_not_seen"] += 1
            return False
        return alive

    def wake(self, token: str, /) -> None:
        self.machine.wake(token)

    def fault(self, name: str) -> Fault | None:
        """What goes wrong with a call of the provider."""
        acts = name in self.acts
        if self.quiet or self.dice.random() > (self.acts_fail if acts else READS_FAIL):
            return None
        found = self.dice.choice(list(Fault) if acts else [Fault.THROTTLED, Fault.UNREACHED])
        self.fired[found.name.lower()] += 1
        return found

    def mailed(self, key: tuple[str, ...], leaves: Callable[[], None]) -> MailFate:
        """A mail service: it claims each mail once, puts some off, refuses some, and may die on the way.

        Args:
            leaves: notes that the mail has left.
        """
        name = "/".join(key)
        self.at_a_point("mail", "before")
        if self.mail_claims and key in self.claimed:
            return MailFate(fate=self.claimed[key], key=name)
        chance = 1.0 if self.quiet else self.dice.random()
        if chance < DEFERRED:
            self.fired["mail_deferred"] += 1
            until_ms = self.now_ms() + 9 * HOUR_MS
            return MailFate(fate=Fate.DEFERRED, key="", until_ms=until_ms, reason="quiet_hours")
        if chance < DEFERRED + REFUSED:
            self.claimed[key] = Fate.REFUSED
            return MailFate(fate=Fate.REFUSED, key=name, reason="budget")
        self.claimed[key] = Fate.UNKNOWN
        self.at_a_point("mail_claimed", "before")
        leaves()
        self.at_a_point("mail", "after")
        self.claimed[key] = Fate.SENT
        return MailFate(fate=Fate.SENT, key=name)

    def _inside(self, act: Callable[[], None]) -> None:
        self.depth += 1
        try:
            act()
        finally:
            self.depth -= 1

    def _a_second_task(self) -> None:
        """The task runs twice at once: its function was thought dead, or another execution does it."""
        alive = [one for one in self.machine.executions.values() if one.running]
        if not alive:
            return
        self.fired["second_task"] += 1
        found = self.dice.choice(alive)
        try:
            self.function({"do": "step", "episode": found.data["episode"], "run": found.data["run"]})
        except (CrashError, UnavailableError):
            self.fired["second_task_died"] += 1
