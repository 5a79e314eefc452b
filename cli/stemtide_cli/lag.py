"""What of the event stream its consumers have not accounted for yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stemtide import lanes
from stemtide.store.counters import Counters
from stemtide.store.stream_lag import PEEK_RECORDS, records_after, shards_of

CONSUMERS = ("aggregate", "archive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """One consumer in one shard."""

    consumer: str
    shard: str
    mark: int
    """Sequence number of the last record it has accounted for, -1 for none."""
    waiting: int
    """Records after the mark, at most PEEK_RECORDS."""
    behind_ms: int
    """How far the first of them lies behind the newest record of the shard."""
    first_waiting: str | None = None
    """Its sequence number."""
    waiting_since: datetime | None = None
    """Its arrival."""

    def __str__(self) -> str:
        records = f"{self.waiting}{' or more' if self.waiting == PEEK_RECORDS else ''} records"
        return f"{self.consumer} {self.shard}: {records}, {self.behind_ms / 1000:.0f} s behind"


def read_lags(kinesis: Any, stream: str, counters: Counters) -> list[Lag]:
    """One entry per consumer and shard, closed shards included.

    Args:
        kinesis: a boto3 client.
        counters: read before, so that a record counted meanwhile shows as waiting rather than not at all.
    """
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    incarnation = round(summary["StreamCreationTimestamp"].timestamp() * 1000)
    of_lane = {balance.lane: balance for balance in counters.lanes}
    lags = []
    for shard in shards_of(kinesis, stream):
        balance = of_lane.get(lanes.lane_of(incarnation=incarnation, shard=shard))
        marks = (balance.aggregate_mark, balance.archive_mark) if balance else (-1, -1)
        ends = {mark: _first_after(kinesis, stream, shard, mark) for mark in set(marks)}
        for consumer, mark in zip(CONSUMERS, marks, strict=True):
            lags.append(_lag(consumer, shard, mark, *ends[mark]))
    return lags


def _lag(consumer: str, shard: str, mark: int, records: list[dict[str, Any]], behind_ms: int) -> Lag:
    first = records[0] if records else None
    return Lag(
        consumer=consumer,
        shard=shard,
        mark=mark,
        waiting=len(records),
        behind_ms=behind_ms,
        first_waiting=first["SequenceNumber"] if first else None,
        waiting_since=first["ApproximateArrivalTimestamp"] if first else None,
    )


def _first_after(kinesis: Any, stream: str, shard: str, mark: int) -> tuple[list[dict[str, Any]], int]:
    """The first records after a mark, and how far they lie behind the end."""
    records, behind_ms = records_after(kinesis, stream, shard, mark)
    return records, _behind(records, behind_ms) if records else 0


def _behind(records: list[dict[str, Any]], behind_ms: int) -> int:
    """`MillisBehindLatest` counts from the last record of the answer; this counts from the first."""
    first, last = (records[i]["ApproximateArrivalTimestamp"] for i in (0, -1))
    return int(behind_ms + (last - first).total_seconds() * 1000)
