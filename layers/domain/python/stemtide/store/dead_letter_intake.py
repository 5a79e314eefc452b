"""From an S3 notification to the rows of the dead letters it names."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from stemtide.dead_letters import TableDeadLetter, lane_among, lost_calls, parse_dead_letter
from stemtide.store.consumer_marks import leave_mark
from stemtide.store.dead_letters import DeadRow, register
from stemtide.store.errors import translated
from stemtide.store.ledger import AGGREGATE, ARCHIVE, read_lanes


def take_in(event: Mapping[str, Any], *, s3: Any, bucket: str, table: Any) -> list[DeadRow]:
    """Register every object of the notification; the rows that are new.

    Args:
        event: an S3 ObjectCreated event.
        s3: boto3 client.
        bucket: the dead-letter bucket.
        table: boto3 Table resource of the ingest table.

    Raises:
        KeyError, ValueError: an object that is no dead letter of a consumer.
    """
    keys = [unquote_plus(record["s3"]["object"]["key"]) for record in event["Records"]]
    rows = [_row(key, s3=s3, bucket=bucket, table=table) for key in keys]
    return [row for row in rows if register(table, row)]


def _mark(dead: TableDeadLetter, table: Any) -> None:
    """Leave the mark in the consumer's place: it is through with the batch, and who waits for it goes on."""
    for sequence in dead.ends:
        leave_mark(table, dead.consumer, sequence)


def _row(key: str, *, s3: Any, bucket: str, table: Any) -> DeadRow:
    with translated():
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    dead = parse_dead_letter(body)
    if isinstance(dead, TableDeadLetter):
        _mark(dead, table)
        return DeadRow(
            key=key,
            consumer=dead.consumer,
            lane=dead.lane,
            first=dead.first,
            last=dead.last,
            records=dead.changes,
            events=0,  # calls are accounted for before anything of them is in a table
            condition=dead.condition,
            at=dead.at,
        )
    ledgers = {consumer: read_lanes(table, consumer) for consumer in (AGGREGATE, ARCHIVE)}
    lane = lane_among(dead, (row.lane for rows in ledgers.values() for row in rows))
    own = next((row for row in ledgers[dead.consumer] if row.lane == lane), None)
    return DeadRow(
        key=key,
        consumer=dead.consumer,
        lane=lane,
        first=dead.records[0].sequence,
        last=dead.records[-1].sequence,
        records=len(dead.records),
        events=lost_calls(dead, own),
        condition=dead.condition,
        at=dead.at,
        arrivals=(
            min(record.arrival_ms for record in dead.records),
            max(record.arrival_ms for record in dead.records),
        ),
    )
