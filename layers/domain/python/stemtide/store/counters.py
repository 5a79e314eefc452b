"""The conservation counters: what came in and where it went, over all lanes and per lane."""

from typing import Any

from stemtide.balance import Account, Counters, DeadTotal, LaneBalance, lane_balance
from stemtide.ports import LedgerRow
from stemtide.store.dead_letters import read_totals
from stemtide.store.ledger import AGGREGATE, ARCHIVE, read_lanes


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
