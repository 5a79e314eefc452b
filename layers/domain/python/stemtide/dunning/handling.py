"""What the state machine of an episode asks for: a step, or to be waited with."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, Final, Protocol

from stemtide.clock import ModelClock
from stemtide.runs import Runs
from stemtide.stepping import Next

MAX_SECONDS: Final = 31_000_000
"""A wait is bounded by an execution's year."""


class Steps(Protocol):
    """What moves episodes along."""

    def step(self, episode_id: str, run: int, /) -> Next:
        """Do the next thing about an episode."""

    def still_waits(self, episode_id: str, seen: str, /) -> bool:
        """Whether nothing has happened to an episode since it was decided to wait."""


class Waits(Protocol):
    """What keeps the tokens of those that wait."""

    @property
    def runs(self) -> Runs: ...

    def wait(self, episode_id: str, token: str, /) -> None:
        """Keep the token that wakes an episode."""


def on_task(
    event: Mapping[str, Any],
    *,
    stepper: Steps,
    keeper: Waits,
    clock: ModelClock,
    now_ms: Callable[[], int],
) -> dict[str, Any]:
    """Answer one task of the state machine (`do` is `step` or `wait`).

    A wait ends at once if what is true has changed before its token was kept: nobody could have ended it.

    Raises:
        KeyError: an event of another shape.
        UnavailableError: something did not answer; the same task again is safe.
    """
    episode, run = str(event["episode"]), int(event["run"])
    if event["do"] == "wait":
        keeper.wait(episode, str(event["token"]))
        if not stepper.still_waits(episode, str(event["seen"])):
            keeper.runs.wake(str(event["token"]))
        return {}
    found = stepper.step(episode, run)
    answer: dict[str, Any] = {"do": found.do, "episode": episode, "run": run}
    if found.until_ms is not None:
        seconds = clock.real_seconds(found.until_ms - now_ms())
        waits = min(MAX_SECONDS, max(1, ceil(seconds)))
        answer |= {"seconds": waits, "reason": found.reason, "seen": found.seen}
    return answer
