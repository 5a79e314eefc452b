"""The conservation counters: what came in and where it went, over all lanes and per lane."""

from dataclasses import dataclass
from typing import Any

from stemtide.accounting import common_checkpoint
from stemtide.ports import LedgerRow
from stemtide.store.dead_letters import DeadTotal, read_totals
from stemtide.store.ledger import AGGREGATE, ARCHIVE, read_lanes


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


def read_counters(table: Any) -> Counters:
    """The counters as of now.

    Args:
        table: boto3 Table resource of the ingest table.
    """
    aggregate, archive = _accounts(table, AGGREGATE), _accounts(table, ARCHIVE)
    return _sum(
        [
            lane_balance(aggregate.get(lane) or _no_account(lane), archive.get(lane) or _no_account(lane))
            for lane in sorted({*aggregate, *archive})
        ]
    )


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


def _accounts(table: Any, consumer: str) -> dict[str, Account]:
    """By lane. Rows first: what is given up after they were read lies behind their marks."""
    rows = {row.lane: row for row in read_lanes(table, consumer)}
    totals = {total.lane: total for total in read_totals(table, consumer)}
    return {
        lane: Account(rows.get(lane) or LedgerRow(lane=lane), totals.get(lane) or DeadTotal(lane=lane))
        for lane in {*rows, *totals}
    }


def _no_account(lane: str) -> Account:
    return Account(LedgerRow(lane=lane), DeadTotal(lane=lane))


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
