"""Writes the on-failure record of given-up records to SQS, SNS or S3, through the emulator's own front door.

Going through HTTP makes the write durable and lets notifications fire exactly as for any other caller.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .decisions import Discard
from .shard import Invocation

logger = logging.getLogger("event_sources")

ATTEMPTS = 5


@dataclass(frozen=True)
class Origin:
    """Where given-up records come from."""

    esm_id: str
    shard_id: str
    stream_arn: str
    function_arn: str


def failure_record(
    origin: Origin, discard: Discard, last: Invocation | None, *, now: datetime
) -> dict[str, Any]:
    """The metadata AWS sends to a destination; the records themselves are not in it."""
    records = discard.piece.records
    service = origin.stream_arn.split(":")[2]
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": origin.function_arn,
            "condition": str(discard.condition),
            "approximateInvokeCount": discard.piece.tries,
        },
        "responseContext": _response_context(last) if discard.piece.tries else None,
        "version": "1.0",
        "timestamp": _instant(now),
        "KinesisBatchInfo" if service == "kinesis" else "DDBStreamBatchInfo": {
            "shardId": origin.shard_id,
            "startSequenceNumber": records[0].sequence,
            "endSequenceNumber": records[-1].sequence,
            "approximateArrivalOfFirstRecord": _instant(datetime.fromtimestamp(records[0].arrival, UTC)),
            "approximateArrivalOfLastRecord": _instant(datetime.fromtimestamp(records[-1].arrival, UTC)),
            "batchSize": len(records),
            "streamArn": origin.stream_arn,
        },
    }
    return record


def object_key(origin: Origin, *, now: datetime) -> str:
    """The object's name in an S3 destination, as AWS documents it."""
    day, instant = now.strftime("%Y/%m/%d"), now.strftime("%Y-%m-%dT%H.%M.%S")
    return f"aws/lambda/{origin.esm_id}/{origin.shard_id}/{day}/{instant}-{uuid.uuid4()}"


def deliver(destination: str, origin: Origin, discard: Discard, last: Invocation | None) -> None:
    """Send the failure record to `destination` (an ARN).

    As on AWS a destination that keeps refusing does not hold the shard: after some tries the loss is logged.
    """
    now = datetime.now(UTC)
    record = failure_record(origin, discard, last, now=now)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _send(destination, origin, discard, record, now)
        except Exception:  # the client's errors have no common base worth naming: all are tried again
            logger.exception("on-failure record for %s: try %d of %d failed", destination, attempt, ATTEMPTS)
        else:
            return
    info = record.get("KinesisBatchInfo") or record.get("DDBStreamBatchInfo")
    logger.error("on-failure record lost, destination %s refused it: %s", destination, info)


def _send(
    destination: str, origin: Origin, discard: Discard, record: Mapping[str, Any], now: datetime
) -> None:
    _, _, service, region, account, resource = destination.split(":", 5)
    if service == "s3":
        body = {
            **record,
            "payload": json.dumps({"Records": [entry.event for entry in discard.piece.records]}),
        }
        client = _client("s3", origin)
        client.put_object(Bucket=resource, Key=object_key(origin, now=now), Body=json.dumps(body).encode())
    elif service == "sqs":
        client = _client("sqs", origin)
        url = client.get_queue_url(QueueName=resource, QueueOwnerAWSAccountId=account)["QueueUrl"]
        client.send_message(QueueUrl=url, MessageBody=json.dumps(record))
    elif service == "sns":
        _client("sns", origin, region=region).publish(TopicArn=destination, Message=json.dumps(record))
    else:
        raise ValueError(f"{destination} is no SQS queue, SNS topic or S3 bucket")


def _client(service: str, origin: Origin, *, region: str | None = None) -> Any:
    import boto3
    from botocore.config import Config

    _, _, _, home, account, _ = origin.function_arn.split(":", 5)
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT', '4566')}",
        region_name=region or home,
        aws_access_key_id=account,
        aws_secret_access_key="local",  # noqa: S106 - the emulator takes any
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def _response_context(last: Invocation | None) -> dict[str, Any]:
    error = "Unhandled" if last is not None and last.error else None
    return {"statusCode": 200, "executedVersion": "$LATEST", "functionError": error}


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
