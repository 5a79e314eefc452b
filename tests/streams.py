"""Calls, records and Lambda events of the stream, as the tests of its consumers need them."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/events"
ARRIVAL = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
FIRST_SEQUENCE = 49590338271490256608559692538361571095921575989136588898
"""Of the usual length, 56 digits; tests count up from here."""


def call(message_id: str = "m-1", **changes: Any) -> dict[str, Any]:
    """A track call of account `acme`; a change to None takes the field away."""
    fields = {
        "type": "track",
        "event": "Report Viewed",
        "messageId": message_id,
        "timestamp": "2026-03-14T11:59:00Z",
        "userId": "ann",
        "context": {"groupId": "acme"},
        "properties": {"plan": "pro"},
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def record(
    content: Mapping[str, Any] | bytes,
    *,
    at: int,
    key: str = "acme",
    shard: int = 0,
    arrival: datetime = ARRIVAL,
) -> dict[str, Any]:
    """A Kinesis record of a Lambda event; `at` is its place after the first sequence number."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    sequence = str(FIRST_SEQUENCE + at)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": sequence,
            "data": b64encode(data).decode(),
            "approximateArrivalTimestamp": arrival.timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-{shard:012d}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/aggregate",
        "awsRegion": "us-east-1",
        "eventSourceARN": STREAM_ARN,
    }


def event(*records: Mapping[str, Any]) -> dict[str, Any]:
    """The Lambda event that delivers the records."""
    return {"Records": list(records)}


def failed(*records: Mapping[str, Any]) -> dict[str, Any]:
    """The partial batch response that names the records."""
    return {"batchItemFailures": [{"itemIdentifier": r["kinesis"]["sequenceNumber"]} for r in records]}
