"""Stream records in the form functions get them, on-failure records in the form AWS writes them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import kinesis

from infra.local.emulator.event_sources.decisions import Discard
from infra.local.emulator.event_sources.destinations import Origin, failure_record, object_key
from infra.local.emulator.event_sources.model import Condition, Piece, Record
from infra.local.emulator.event_sources.shard import Invocation
from infra.local.emulator.event_sources.streams import KinesisShard, StreamName, open_stream

STREAM = StreamName(
    "000000000000", "us-east-1", "events", "arn:aws:kinesis:us-east-1:000000000000:stream/events"
)
ROLE = "arn:aws:iam::000000000000:role/r"
SHARD = KinesisShard(STREAM, "shardId-000000000000", "1.0/0", role=ROLE, not_before=None)
ORIGIN = Origin(
    "esm-1", "shardId-000000000000", STREAM.arn, "arn:aws:lambda:us-east-1:000000000000:function:f"
)
NOW = datetime(2026, 3, 1, 12, 30, 5, 678_000, tzinfo=UTC)


@given(key=st.text(min_size=1, max_size=256), data=st.binary(max_size=100), digits=st.integers(20, 129))
def test_a_record_s_size_is_never_underestimated(key: str, data: bytes, digits: int) -> None:
    record = SHARD._record(
        {
            "SequenceNumber": "9" * digits,
            "PartitionKey": key,
            "ApproximateArrivalTimestamp": 1763808000.123,
            "Data": data,
        }
    )

    written = len(json.dumps(record.event)) + len(", ")
    assert written <= record.size <= written + 200


def test_a_worker_reads_nothing_of_a_later_stream_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {"events": _stored_stream(created=1.0, first=0)}
    monkeypatch.setattr(
        kinesis, "_streams", SimpleNamespace(get_scoped=lambda _a, _r, name: streams.get(name))
    )
    opened = open_stream({"EventSourceArn": STREAM.arn}, role=ROLE)
    assert opened is not None
    source = opened.shards[0].source
    assert [record.sequence for record in source.read("0", 10)] == ["7"]

    streams["events"] = _stored_stream(created=1.0, first=5)

    assert source.read("0", 10) == []
    assert not source.closed()


def _stored_stream(*, created: float, first: int) -> dict[str, Any]:
    record = {"SequenceNumber": "7", "PartitionKey": "k", "ApproximateArrivalTimestamp": 1.0, "Data": "e30="}
    shard = {"starting_sequence_number": str(first), "ending_sequence_number": None, "records": [record]}
    return {
        "StreamARN": STREAM.arn,
        "StreamStatus": "ACTIVE",
        "CreationTimestamp": created,
        "shards": {"shardId-000000000000": shard},
    }


def test_the_event_id_names_shard_and_sequence() -> None:
    record = SHARD._record(
        {"SequenceNumber": "17", "PartitionKey": "k", "ApproximateArrivalTimestamp": 1.0, "Data": "e30="}
    )

    assert record.event["eventID"] == "shardId-000000000000:17"
    assert record.event["kinesis"]["data"] == "e30="


def test_a_failure_record_has_the_documented_members() -> None:
    piece = Piece((Record("5", 0.0, 1, {}), Record("9", 60.0, 1, {})), failures=2, tries=3)

    record = failure_record(
        ORIGIN, Discard(piece, Condition.RETRIES_EXHAUSTED), Invocation(error=True), now=NOW
    )

    assert record["requestContext"].pop("requestId")
    assert record == {
        "requestContext": {
            "functionArn": ORIGIN.function_arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-03-01T12:30:05.678Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": "5",
            "endSequenceNumber": "9",
            "approximateArrivalOfFirstRecord": "1970-01-01T00:00:00.000Z",
            "approximateArrivalOfLastRecord": "1970-01-01T00:01:00.000Z",
            "batchSize": 2,
            "streamArn": STREAM.arn,
        },
    }


def test_an_object_is_named_by_mapping_shard_and_instant() -> None:
    key = object_key(ORIGIN, now=NOW)

    prefix = "aws/lambda/esm-1/shardId-000000000000/2026/03/01/2026-03-01T12.30.05-"
    assert re.fullmatch(re.escape(prefix) + "[0-9a-f-]{36}", key)
