"""A log through the aggregates in memory, as a replay sends it."""

from collections import Counter

from stemtide.aggregate import aggregate
from stemtide_cli import packing
from stemtide_cli.log import Log
from stemtide_cli.position import END, START, Interval

from tests.backfilled import Usage, projected
from tests.stream_memory import Lab
from tests.stream_world import RULES
from tests.streams import event, record

CHUNK = 20_000


def stream(log: Log, lab: Lab, interval: Interval = (START, END)) -> Counter[str]:
    """Send the rows of an interval; what was skipped or refused, by reason."""
    reasons = Counter({"no_timestamp": log.without_instant()})
    before = Counter(str(row.reason) for row in lab.quarantine.rows.values())
    ports, place = lab.ports(), 0
    for rows in log.rows(interval, batch=CHUNK):
        packed = packing.pack(rows, fingerprint=log.fingerprint, properties=log.properties)
        reasons.update(packed.skipped)
        entries = [entry for request in packed.requests for entry in request]
        if entries:
            batch = event(*(record(e.data, at=place + i, key=e.account) for i, e in enumerate(entries)))
            assert aggregate(batch, ports=ports, rules=RULES) == {"batchItemFailures": []}
            place += len(entries)
    reasons.update(Counter(str(row.reason) for row in lab.quarantine.rows.values()) - before)
    return +reasons


def usage_of(lab: Lab) -> Usage:
    """What the lab's table holds."""
    return projected({key: row.blob for key, row in lab.items.rows.items()})
