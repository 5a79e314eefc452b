"""Whether every call that came in is accounted for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stemtide.accounting import common_checkpoint
from stemtide.jobs import Runs, claim_due
from stemtide.ports import LedgerRow

EVERY: Final = timedelta(hours=1)
AT_MOST: Final = 24
"""Missed hours that are caught up; the counters are totals, so one look answers for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadTotal:
    """What a consumer gave up on in one lane: payloads, calls, the last sequence number (-1: none)."""

    lane: str
    payloads: int = 0
    events: int = 0
    last: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneBalance:
    """One lane as its two consumers saw it, in calls.

    `received` is counted by the archive alone, the others by the aggregates. `unbalanced_before` is what
    did not balance before the newest record at which both have a checkpoint; None: there is none.
    """

    lane: str
    received: int
    applied: int
    duplicate: int
    quarantined: int
    forwarded: int
    dead: int
    aggregate_mark: int
    archive_mark: int
    unbalanced_before: int | None = None

    @property
    def settled(self) -> bool:
        """Whether both consumers have come to the same record."""
        return self.aggregate_mark == self.archive_mark

    @property
    def unbalanced(self) -> int | None:
        """Calls that came in and are nowhere (negative: counted more often than they came).

        None: the consumers have neither come equally far nor a checkpoint in common.
        """
        if not self.settled:
            return self.unbalanced_before
        return self.received - self.applied - self.duplicate - self.quarantined - self.forwarded - self.dead


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The counters over all lanes, in calls; `lanes` has the parts."""

    received: int
    applied: int
    duplicate: int
    quarantined: int
    forwarded: int
    dead: int
    lanes: tuple[LaneBalance, ...]

    def public(self) -> dict[str, int]:
        """The counters under the names of the HTTP API."""
        return {
            "in": self.received,
            "applied": self.applied,
            "duplicate": self.duplicate,
            "quarantined": self.quarantined,
            "forwarded": self.forwarded,
            "dead": self.dead,
        }

    @property
    def settled(self) -> bool:
        """Whether on every lane both consumers have come to the same record."""
        return all(lane.settled for lane in self.lanes)

    @property
    def unbalanced(self) -> int:
        """Calls that do not balance, over the lanes that can be compared."""
        return sum(abs(lane.unbalanced or 0) for lane in self.lanes)


@dataclass(frozen=True, slots=True)
class Account:
    """What one consumer says of one lane: its ledger row and what it gave up on."""

    row: LedgerRow
    dead: DeadTotal

    @property
    def mark(self) -> int:
        """The last record that is counted or given up."""
        return max(self.row.mark, self.dead.last)


def lane_balance(aggregate: Account, archive: Account) -> LaneBalance:
    """One lane by what its two consumers say of it."""
    counts = aggregate.row.counts
    return LaneBalance(
        lane=aggregate.row.lane,
        received=archive.row.counts.get("in", 0) + archive.dead.events,
        applied=counts.get("applied", 0),
        duplicate=counts.get("duplicate", 0),
        quarantined=counts.get("quarantined", 0),
        forwarded=counts.get("forwarded", 0),
        dead=aggregate.dead.events,
        aggregate_mark=aggregate.mark,
        archive_mark=archive.mark,
        unbalanced_before=_unbalanced_before(aggregate, archive),
    )


def _unbalanced_before(aggregate: Account, archive: Account) -> int | None:
    """What did not balance before the newest checkpoint that both have behind everything given up.

    Only there is it certain that all of either consumer's dead calls came before.
    """
    after = max(aggregate.dead.last, archive.dead.last)
    found = common_checkpoint(archive.row, aggregate.row, after=after)
    if found is None:
        return None
    received, counted = found
    return received + archive.dead.events - counted - aggregate.dead.events


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
