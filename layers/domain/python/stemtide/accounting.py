"""What a batch adds to a lane's ledger: pure counting over positions."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from stemtide.calls import MINUTE_MS
from stemtide.ports import Checkpoint, LedgerRow

KEPT_RANGES: Final = 100
"""Accounted ranges a ledger row remembers: of a backlog that is worked off at two seconds a batch three
minutes, far longer than the notification of a dead letter takes."""
KEPT_CHECKPOINTS: Final = 32
"""Minutes that the consumers may be apart and still be compared."""


class Position(msgspec.Struct, frozen=True, gc=False):
    """A record as the ledger sees it: sequence number, arrival (epoch ms), the calls it counts for."""

    sequence: int
    arrival_ms: int
    calls: int


def advance(
    row: LedgerRow,
    positions: Iterable[Position],
    *,
    before: int | None,
    parts: dict[str, list[tuple[int, int]]],
    rest: str,
) -> LedgerRow | None:
    """The ledger row after the records behind its mark, None when there are none.

    Args:
        row: the row as stored.
        positions: the batch's records in order.
        before: the lowest failed sequence number; it and what follows are not counted. None: no failure.
        parts: by counter, the (sequence number, calls) that it takes.
        rest: the counter of all other calls.
    """
    delivered = list(positions)
    counted = [p for p in delivered if p.sequence > row.mark]
    if before is not None:
        counted = [p for p in counted if p.sequence < before]
    if not counted:
        return None
    first, last = counted[0].sequence, counted[-1].sequence
    added = {
        name: sum(calls for sequence, calls in entries if first <= sequence <= last)
        for name, entries in parts.items()
    }
    added[rest] = sum([position.calls for position in counted]) - sum(added.values())
    return replace(
        row,
        mark=last,
        mark_arrival=counted[-1].arrival_ms,
        records=row.records + len(counted),
        counts={name: row.counts.get(name, 0) + calls for name, calls in added.items()},
        ranges=_ranges(row, first, last, delivered)[-KEPT_RANGES:],
        expected=before,
        checkpoints=_checkpoints(row, counted),
    )


def _ranges(
    row: LedgerRow, first: int, last: int, delivered: Sequence[Position]
) -> tuple[tuple[int, int], ...]:
    """The accounted ranges with one more, joined to the one before where certainly nothing lies between.

    That is so when the delivery reaches back to the mark, or begins where the one before broke off.
    """
    if row.ranges and (delivered[0].sequence <= row.mark or first == row.expected):
        return (*row.ranges[:-1], (row.ranges[-1][0], last))
    return (*row.ranges, (first, last))


def common_checkpoint(one: LedgerRow, other: LedgerRow, *, after: int) -> tuple[int, int] | None:
    """What two consumers had counted before the newest record at which both have a checkpoint.

    Args:
        one: a consumer's row.
        other: the other consumer's row of the same lane.
        after: checkpoints up to this sequence number do not count.
    """
    calls = {point.sequence: point.calls for point in one.checkpoints if point.sequence > after}
    both = ((calls[p.sequence], p.calls) for p in reversed(other.checkpoints) if p.sequence in calls)
    return next(both, None)


def is_accounted(row: LedgerRow, sequence: int) -> bool:
    """Whether the ledger has counted this record (as far back as its ranges reach)."""
    return any(first <= sequence <= last for first, last in row.ranges)


def _checkpoints(row: LedgerRow, counted: Sequence[Position]) -> tuple[Checkpoint, ...]:
    """The row's checkpoints and those of the minutes that open among the records behind its mark.

    Under load two consumers are hardly ever at the same record, but both pass each one. A record opens a
    minute when it arrived in a later one than all before it: that, and how many calls came before, follow
    from the order of the records alone, so both consumers note the same however their batches are cut.

        records     10:00  10:00 | 10:01  10:00  10:01 | 10:02
        archive     [          batch          ] [    batch    ]
        aggregates  [   batch    ] [    batch     ] ...
        both note                  10:01, 2 calls        10:02, 5 calls (the aggregates later)
    """
    points = list(row.checkpoints)
    minute = points[-1].minute if points else row.mark_arrival // MINUTE_MS
    calls = sum(row.counts.values())
    if max([position.arrival_ms for position in counted]) // MINUTE_MS <= minute:
        return row.checkpoints
    for position in counted:
        arrived = position.arrival_ms // MINUTE_MS
        if arrived > minute:
            minute = arrived
            points.append(Checkpoint(minute, position.sequence, calls))
        calls += position.calls
    return tuple(points[-KEPT_CHECKPOINTS:])
