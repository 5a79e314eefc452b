"""What of the event stream its consumers have not accounted for yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stemtide import lanes
from stemtide.store.counters import Counters

CONSUMERS = ("aggregate", "archive")
PEEK_RECORDS = 10
"""Enough to say that there are some; counting them all would read the whole backlog."""


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
    for shard in _shards(kinesis, stream):
        balance = of_lane.get(lanes.lane_of(incarnation=incarnation, shard=shard))
        marks = (balance.aggregate_mark, balance.archive_mark) if balance else (-1, -1)
        ends = {mark: _after(kinesis, stream, shard, mark) for mark in set(marks)}
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


def _shards(kinesis: Any, stream: str) -> list[str]:
    found = kinesis.list_shards(StreamName=stream)
    shards = [shard["ShardId"] for shard in found["Shards"]]
    while found.get("NextToken"):
        found = kinesis.list_shards(NextToken=found["NextToken"])
        shards += [shard["ShardId"] for shard in found["Shards"]]
    return shards


def _after(kinesis: Any, stream: str, shard: str, mark: int) -> tuple[list[dict[str, Any]], int]:
    """The first records after a mark and how far they lie behind the end; none only at the shard's end.

    A GetRecords answer may be empty although records follow: only `MillisBehindLatest` 0, or the end of
    a closed shard, says that there are none.
    """
    start = (
        {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str(mark)}
        if mark >= 0
        else {"ShardIteratorType": "TRIM_HORIZON"}
    )
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **start)["ShardIterator"]
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator, Limit=PEEK_RECORDS)
        behind_ms = answer.get("MillisBehindLatest", 0)
        if answer["Records"]:
            return answer["Records"], _behind(answer["Records"], behind_ms)
        if behind_ms == 0:
            break
        iterator = answer.get("NextShardIterator")
    return [], 0


def _behind(records: list[dict[str, Any]], behind_ms: int) -> int:
    """`MillisBehindLatest` counts from the last record of the answer; this counts from the first."""
    first, last = (records[i]["ApproximateArrivalTimestamp"] for i in (0, -1))
    return int(behind_ms + (last - first).total_seconds() * 1000)
