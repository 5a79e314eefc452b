"""What becomes of an asynchronous event that failed for good: the messages AWS sends, and their sending."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ERROR_MESSAGE_BYTES = 1024


@dataclass(frozen=True)
class Failure:
    """The last run's result, how often the function ran, and why it is not run again."""

    result: dict[str, Any]
    runs: int
    condition: str

    @property
    def status(self) -> int:
        """429 when there was no concurrency left for it, else 200: the function was invoked."""
        return 429 if self.result.get("throttle") else 200

    @property
    def answer(self) -> dict[str, Any]:
        """The error object that the function answered with."""
        body = self.result.get("body")
        if isinstance(body, bytes | str):
            try:
                body = json.loads(body)
            except ValueError:
                body = {"errorMessage": str(body)}
        return body if isinstance(body, dict) else {}


def invocation_record(function: str, event: Any, failure: Failure, identifier: str) -> dict[str, Any]:
    """The invocation record of an on-failure destination (Lambda developer guide, "Capturing records")."""
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "requestContext": {
            "requestId": identifier,
            "functionArn": f"{function}:$LATEST",
            "condition": failure.condition,
            "approximateInvokeCount": failure.runs,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": failure.status,
            "executedVersion": "$LATEST",
            "functionError": failure.result.get("function_error") or "Unhandled",
        },
        "responsePayload": failure.answer,
    }


def dead_letter_attributes(failure: Failure, identifier: str) -> dict[str, Any]:
    """The attributes of a dead-letter message.

    "Lambda sends the event to the dead-letter queue as-is, with additional information in attributes":
    RequestID, ErrorCode (the HTTP status code), ErrorMessage ("the first 1 KB of the error message").
    """
    answer = failure.answer
    text = str(answer.get("errorMessage") or answer.get("message") or "the function failed")
    values = {
        "RequestID": ("String", identifier),
        "ErrorCode": ("Number", str(failure.status)),
        "ErrorMessage": ("String", text.encode()[:ERROR_MESSAGE_BYTES].decode("utf-8", "ignore")),
    }
    return {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in values.items()}


def send(arn: str, body: Any, attributes: dict[str, Any], identifier: str) -> None:
    """Put a message into the queue, or publish it to the topic, of this ARN."""
    from ministack.services import sns, sqs

    message = json.dumps(body)
    if ":sns:" in arn:
        sns._fanout(arn, identifier, message, "", message_attributes=attributes)
        return
    url = sqs._queue_name_to_url.get(arn.rsplit(":", 1)[-1])
    if url is not None:
        sqs._act_send_message({"QueueUrl": url, "MessageBody": message, "MessageAttributes": attributes}, url)
        sqs.esm_wake.set()
