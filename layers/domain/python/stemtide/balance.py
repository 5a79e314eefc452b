"""Whether every call that came in is accounted for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stemtide.jobs import Runs, claim_due
from stemtide.store.counters import Counters

EVERY: Final = timedelta(hours=1)
AT_MOST: Final = 24
"""Missed hours that are caught up; the counters are totals, so one look answers for all of them."""


LOOKS: Final = 40
PAUSE_S: Final = 1.0
"""On a busy lane the consumers are at the same record only now and then: the check waits for it this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The check's outcome: calls that do not balance, over the lanes that could be compared."""

    unbalanced: int
    lanes_compared: int
    lanes_left: int


def check(look: Callable[[], Counters], *, pause: Callable[[float], None]) -> Balance:
    """Compare what came in with what became of it, each lane when its consumers have come equally far.

    Args:
        look: reads the counters.
        pause: waits between two looks (seconds).
    """
    compared: dict[str, int] = {}
    left: set[str] = set()
    for number in range(LOOKS):
        if number:
            pause(PAUSE_S)
        lanes = look().lanes
        compared |= {lane.lane: lane.unbalanced for lane in lanes if lane.comparable}
        left = {lane.lane for lane in lanes} - set(compared)
        if not left:
            break
    return Balance(
        unbalanced=sum(map(abs, compared.values())), lanes_compared=len(compared), lanes_left=len(left)
    )


def claim_check(runs: Runs, *, as_of: datetime) -> list[datetime]:
    """The hours that this run answers for; none: another run does."""
    return claim_due(runs, as_of=as_of, every=EVERY, at_most=AT_MOST)
