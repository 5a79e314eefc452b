"""What a batch adds to a lane's ledger: pure counting over positions."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NamedTuple

from stemtide.ports import LedgerRow

KEPT_RANGES: Final = 32
"""Accounted ranges a ledger row remembers: over five minutes of full windows, far longer than the
notification of a dead letter takes."""


class Position(NamedTuple):
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
    counted = [p for p in positions if p.sequence > row.mark and (before is None or p.sequence < before)]
    if not counted:
        return None
    first, last = counted[0].sequence, counted[-1].sequence
    added = {
        name: sum(calls for sequence, calls in entries if first <= sequence <= last)
        for name, entries in parts.items()
    }
    added[rest] = sum(position.calls for position in counted) - sum(added.values())
    return replace(
        row,
        mark=last,
        mark_arrival=counted[-1].arrival_ms,
        records=row.records + len(counted),
        counts={name: row.counts.get(name, 0) + calls for name, calls in added.items()},
        ranges=(*row.ranges, (first, last))[-KEPT_RANGES:],
    )


def is_accounted(row: LedgerRow, sequence: int) -> bool:
    """Whether the ledger has counted this record (as far back as its ranges reach)."""
    return any(first <= sequence <= last for first, last in row.ranges)
