"""How far the stream's consumers have come, as the ingest table says."""

from typing import Any

from stemtide.calls import DAY_MS
from stemtide.progress import Hole, Progress, progress_of
from stemtide.store.counters import read_counters
from stemtide.store.dead_letters import DeadRow, read_waiting
from stemtide.store.ledger import ARCHIVE

EVER = (0, 10_000_000 * DAY_MS)
"""Arrivals of records that were given up before their rows said when they had arrived."""


def read_progress(table: Any) -> Progress:
    """The consumers' progress as of now (`table`: boto3 Table resource of the ingest table).

    The ledgers are read before the dead letters: what is given up after that lies behind their marks.
    """
    lanes = read_counters(table).lanes
    return progress_of(
        lanes, (_hole(row) for row in read_waiting(table) if row.consumer == ARCHIVE and row.events)
    )


def _hole(row: DeadRow) -> Hole:
    first, last = row.arrivals or EVER
    return Hole(row.lane, row.first, row.last, first // DAY_MS, last // DAY_MS)
