"""Entering a lane and accounting for what was done in it: the same for both of the stream's consumers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stemtide.kinesis_event import Delivery
from stemtide.lanes import lane_of
from stemtide.ports import ConflictError, Incarnations, Ledger, LedgerRow, Pace, UnavailableError

MAX_TRIES: Final = 6
PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Lane:
    """The lane of a delivery and its ledger row as just read."""

    name: str
    row: LedgerRow


def enter_lane(delivery: Delivery, *, ledger: Ledger, incarnations: Incarnations) -> Lane:
    """The delivery's lane with its ledger row.

    A record behind the mark that arrived after it cannot be of the same stream (or the arrivals jitter):
    the stream's creation is looked up anew before its sequence numbers are believed.

    Raises:
        UnavailableError: no answer.
    """
    first, arrival = delivery.records[0], delivery.records[-1].arrival_ms
    created = incarnations.created_ms(delivery.stream_arn, arrival_ms=arrival)
    name = lane_of(incarnation=created, shard=delivery.shard)
    row = ledger.read(name)
    if first.sequence <= row.mark and first.arrival_ms > row.mark_arrival:
        created = incarnations.created_ms(delivery.stream_arn, arrival_ms=arrival, refresh=True)
        if lane_of(incarnation=created, shard=delivery.shard) != name:
            name = lane_of(incarnation=created, shard=delivery.shard)
            row = ledger.read(name)
    return Lane(name, row)


def write_ledger(
    row: LedgerRow, counted: Callable[[LedgerRow], LedgerRow | None], *, ledger: Ledger, pace: Pace
) -> bool:
    """Write what `counted` makes of the row; False when that did not (certainly) succeed in time.

    A refused condition or an unknown outcome is resolved by reading again: what another invocation, or
    this one's own lost write, has counted lies behind the mark then.
    """
    known: LedgerRow | None = row
    for _ in range(MAX_TRIES):
        try:
            known = known or ledger.read(row.lane)
            after = counted(known)
            if after is None:
                return True
            ledger.write(after, over_mark=known.mark)
        except ConflictError:
            known = None
        except UnavailableError:
            known = None
            if pace.remaining_ms() <= 0:
                return False
            pace.pause(PAUSE_S)
        else:
            return True
    return False
