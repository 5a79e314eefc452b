"""I/O steps of one invocation, and what happens at them.

Every effect of a port is a step with a number. A fault is planned for a number; between them a step costs
one comparison.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from stemtide.ports import ThrottledError, UnavailableError

from tests.simulation.kinds import STEPS, WAKE, StepFault, of_worker
from tests.simulation.story import told

R = TypeVar("R")
NEVER: Final = 1 << 30
BUDGET_MS: Final = 60_000
MARGIN_MS: Final = 10_000
"""An invocation's time, of which waiting takes its part; new work begins only before the margin."""

(DIES_BEFORE, DIES_AFTER, THROTTLED, LOST, REPEATED, UNAVAILABLE, LATE, ERROR, ZOMBIE) = STEPS.values()
BITS: Final = [of_worker(name) for name in STEPS]


class Crash(BaseException):
    """The process dies here."""


class FunctionError(Exception):
    """What no code expects: the invocation fails, the process lives on."""


class Around(Protocol):
    """What a step needs of the world around its invocation."""

    fired: int

    @property
    def story(self) -> list[str] | None:
        """What is told, None when nothing is."""

    def wake(self, steps: int) -> None:
        """Somebody else goes on, for so many steps."""


class Steps:
    """Counts the steps of the invocation that runs in one environment, and lets its faults happen."""

    __slots__ = (
        "around",
        "at",
        "budget_ms",
        "n",
        "parked",
        "pending",
        "refused",
        "refuses_part",
        "spent_ms",
        "worker",
    )

    def __init__(self, around: Around, worker: int, *, budget_ms: int = BUDGET_MS) -> None:
        self.around = around
        self.worker = worker
        self.budget_ms = budget_ms
        self.begin((), None)

    def begin(self, faults: tuple[StepFault, ...], refused: str | None) -> None:
        """A new invocation; `refused`: the account whose usage the table does not take meanwhile."""
        self.n = 0
        self.spent_ms = 0
        self.refused = refused
        self.refuses_part = False
        self.pending = sorted(faults)
        self.parked: Callable[[], int] | None = None
        self._aim()

    def passes(self) -> bool:
        """Count a step; whether nothing is planned for it."""
        self.n += 1
        return self.n < self.at

    def remaining_ms(self) -> int:
        """As Lambda's context tells."""
        return self.budget_ms - self.spent_ms

    def pause(self, seconds: float) -> None:
        """Waiting takes the invocation's time and no other."""
        self.spent_ms += int(seconds * 1000)

    def through(self, effect: Callable[..., R], *args: Any) -> R:
        """Take a step for which something is planned (or all of them, when the story is told)."""
        before = [fault for fault in self.pending if fault[0] <= self.n]
        self.pending = [fault for fault in self.pending if fault[0] > self.n]
        after = [kind for _, kind, more in before if self._before(kind, more)]
        self._tell(before, effect, args)
        self._aim()
        result = effect(*args)
        for kind in after:
            self._fire(kind)
            if kind == DIES_AFTER:
                raise Crash
            if kind == LOST:
                raise UnavailableError
            if kind == REPEATED:
                result = effect(*args)
            if kind == LATE:
                self.spent_ms += self.budget_ms
        return result

    def _before(self, kind: int, more: int) -> bool:
        """What happens before the effect; True when the fault is one of those that come after it."""
        if kind == WAKE:
            self.around.wake(more)
            return False
        if kind == ZOMBIE:
            if self.parked is not None:
                self._fire(kind)
                self._park(self.parked)
            return False
        if kind in {DIES_BEFORE, THROTTLED, UNAVAILABLE, ERROR}:
            self._fire(kind)
            self._raise(kind, more)
        return True

    def _raise(self, kind: int, more: int) -> None:
        if more > 1:
            self.pending = sorted([*self.pending, (self.n + 1, kind, more - 1)])
        self._tell([(self.n, kind, more)], None, ())
        self._aim()
        if kind == DIES_BEFORE:
            raise Crash
        if kind == ERROR:
            raise FunctionError
        raise ThrottledError if kind == THROTTLED else UnavailableError

    def _park(self, park: Callable[[], int]) -> None:
        """Wait as a zombie until woken, and be parked again after the steps that were granted."""
        granted = park()
        left = [fault for fault in self.pending if fault[1] != WAKE]
        self.pending = sorted([*left, (self.n + granted, ZOMBIE, 1)])

    def _fire(self, kind: int) -> None:
        self.around.fired |= BITS[kind][self.worker]

    def _aim(self) -> None:
        if self.around.story is not None:
            self.at = 0
        else:
            self.at = self.pending[0][0] if self.pending else NEVER

    def _tell(
        self, faults: list[StepFault], effect: Callable[..., Any] | None, args: tuple[Any, ...]
    ) -> None:
        story = self.around.story
        if story is not None:
            named = [name for name, number in STEPS.items() for _, kind, _ in faults if kind == number]
            what = effect.__qualname__.replace("._", " ").removeprefix("Memory") if effect else "nothing"
            story.append(f"    step {self.n}: {what} {told(args)} {', '.join(named)}".rstrip())


class Nobody:
    """Around steps that belong to no run."""

    def __init__(self) -> None:
        self.fired = 0
        self.story: list[str] | None = None

    def wake(self, steps: int) -> None:
        """Nobody is there."""
