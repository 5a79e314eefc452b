"""The conservation counters: what came in and where it went, over all lanes and per lane."""

from dataclasses import dataclass
from typing import Any

from stemtide.store.dead_letters import DeadTotal, read_totals
from stemtide.store.ledger import AGGREGATE, ARCHIVE, read_lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneBalance:
    """One lane as its two consumers saw it, in calls.

    `received` is counted by the archive alone, the others by the aggregates. They can be compared when
    both have come equally far (`comparable`); then `unbalanced` is 0 unless something was lost.
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

    @property
    def comparable(self) -> bool:
        """Whether both consumers have come to the same record."""
        return self.aggregate_mark == self.archive_mark

    @property
    def unbalanced(self) -> int:
        """Calls that came in and are nowhere (negative: counted more often than they came)."""
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
        return all(lane.comparable for lane in self.lanes)

    @property
    def unbalanced(self) -> int:
        """Calls that do not balance, over the lanes that can be compared."""
        return sum(abs(lane.unbalanced) for lane in self.lanes if lane.comparable)


def read_counters(table: Any) -> Counters:
    """The counters as of now.

    Args:
        table: boto3 Table resource of the ingest table.
    """
    aggregate = {row.lane: row for row in read_lanes(table, AGGREGATE)}
    archive = {row.lane: row for row in read_lanes(table, ARCHIVE)}
    aggregate_dead = {total.lane: total for total in read_totals(table, AGGREGATE)}
    archive_dead = {total.lane: total for total in read_totals(table, ARCHIVE)}
    none = DeadTotal(lane="")
    balances = []
    for lane in sorted({*aggregate, *archive, *aggregate_dead, *archive_dead}):
        counts = aggregate[lane].counts if lane in aggregate else {}
        dead, unarchived = aggregate_dead.get(lane, none), archive_dead.get(lane, none)
        balances.append(
            LaneBalance(
                lane=lane,
                received=(archive[lane].counts.get("in", 0) if lane in archive else 0) + unarchived.events,
                applied=counts.get("applied", 0),
                duplicate=counts.get("duplicate", 0),
                quarantined=counts.get("quarantined", 0),
                forwarded=counts.get("forwarded", 0),
                dead=dead.events,
                aggregate_mark=max(aggregate[lane].mark if lane in aggregate else -1, dead.last),
                archive_mark=max(archive[lane].mark if lane in archive else -1, unarchived.last),
            )
        )
    return _sum(balances)


def _sum(balances: list[LaneBalance]) -> Counters:
    return Counters(
        received=sum(lane.received for lane in balances),
        applied=sum(lane.applied for lane in balances),
        duplicate=sum(lane.duplicate for lane in balances),
        quarantined=sum(lane.quarantined for lane in balances),
        forwarded=sum(lane.forwarded for lane in balances),
        dead=sum(lane.dead for lane in balances),
        lanes=tuple(balances),
    )
