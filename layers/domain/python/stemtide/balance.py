"""Whether every call that came in is accounted for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stemtide.jobs import Runs, claim_due
from stemtide.store.counters import Counters

EVERY: Final = timedelta(hours=1)
AT_MOST: Final = 24
"""Missed hours that are caught up; the counters are totals, so one look answers for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The check's outcome: calls that do not balance, over the lanes that could be compared."""

    unbalanced: int
    lanes_compared: int
    lanes_left: int


def check(counters: Counters) -> Balance:
    """What came in against what became of it, lane by lane."""
    found = [lane.unbalanced for lane in counters.lanes]
    compared = [abs(unbalanced) for unbalanced in found if unbalanced is not None]
    return Balance(
        unbalanced=sum(compared), lanes_compared=len(compared), lanes_left=len(found) - len(compared)
    )


def claim_check(runs: Runs, *, as_of: datetime) -> list[datetime]:
    """The hours that this run answers for; none: another run does."""
    return claim_due(runs, as_of=as_of, every=EVERY, at_most=AT_MOST)
