"""How long the oldest record that the aggregates have not counted yet has been waiting in the stream."""

from collections.abc import Iterator
from typing import Any, Final

from stemtide import lanes
from stemtide.as_of import instant_ms
from stemtide.store.counters import read_counters
from stemtide.store.errors import translated

PEEK_RECORDS: Final = 10
"""Enough to say that there are some; counting them all would read the whole backlog."""


def aggregates_lag_ms(kinesis: Any, stream: str, table: Any, *, now_ms: int) -> int:
    """Milliseconds that the oldest uncounted record of any shard has been waiting; 0: all are counted.

    Args:
        kinesis: a boto3 client.
        stream: name of the event stream.
        table: boto3 Table resource of the ingest table.
        now_ms: the present, epoch ms.

    Raises:
        UnavailableError: no answer.
    """
    marks = {balance.lane: balance.aggregate_mark for balance in read_counters(table).lanes}
    with translated():
        summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        incarnation, arn = round(summary["StreamCreationTimestamp"].timestamp() * 1000), summary["StreamARN"]
        waiting = [0]
        for shard in shards_of(kinesis, stream):
            mark = marks.get(lanes.lane_of(incarnation=incarnation, shard=shard), -1)
            records, _ = records_after(kinesis, stream, shard, mark, stream_arn=arn)
            waiting += [now_ms - instant_ms(one["ApproximateArrivalTimestamp"]) for one in records[:1]]
    return max(waiting)


def shards_of(kinesis: Any, stream: str) -> Iterator[str]:
    """The ids of the stream's shards, closed ones included."""
    found = kinesis.list_shards(StreamName=stream)
    yield from (shard["ShardId"] for shard in found["Shards"])
    while found.get("NextToken"):
        found = kinesis.list_shards(NextToken=found["NextToken"])
        yield from (shard["ShardId"] for shard in found["Shards"])


def records_after(
    kinesis: Any, stream: str, shard: str, mark: int, *, stream_arn: str | None = None
) -> tuple[list[dict[str, Any]], int]:
    """The first records after a mark (-1: of the shard) and `MillisBehindLatest`; none only at its end.

    An iterator does not name its stream, so whoever may read one stream only gives its ARN, too.

    A GetRecords answer may be empty although records follow: only `MillisBehindLatest` 0, or the end of
    a closed shard, says that there are none.
    """
    start = (
        {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str(mark)}
        if mark >= 0
        else {"ShardIteratorType": "TRIM_HORIZON"}
    )
    arn = {} if stream_arn is None else {"StreamARN": stream_arn}
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **start)["ShardIterator"]
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator, Limit=PEEK_RECORDS, **arn)
        behind_ms = answer.get("MillisBehindLatest", 0)
        if answer["Records"] or behind_ms == 0:
            return answer["Records"], behind_ms
        iterator = answer.get("NextShardIterator")
    return [], 0
