"""Which requests change a service's state, so that their reply has to wait until the change is on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

READS = re.compile(
    r"^(Admin)?(Get|List|Describe|BatchGet|Head|Query|Scan|Search|Lookup|Filter|Select|Test|Validate|Estimate|"
    r"Receive|Invoke|Decrypt|Encrypt|ReEncrypt|Generate|Sign|Verify|Assume|Start(Query|LiveTail))"
)
ITEM_WRITES = {
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "TransactGetItems",
}
STATEMENTS = {"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"}
RECORDS = {"PutRecord", "PutRecords", "SubscribeToShard", "PutLogEvents", "PutMetricData"}
MESSAGES = {"PutEvents", "Publish", "PublishBatch"}
DATA_WRITES = frozenset(ITEM_WRITES | STATEMENTS | RECORDS | MESSAGES)
"""Written by the journal, or kept nowhere else than in logs and metrics, or handed on at once."""

HANDED_ON = {"PutEvents": "sqs"}
"""What the event bus puts into queues while it answers; functions it calls have their own durable list."""

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def changes_state(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
) -> bool:
    """Whether this request may change what the snapshots hold of a service."""
    action = _action(headers, body, query)
    if action:
        return not READS.match(action) and action not in DATA_WRITES
    if method in READ_METHODS:
        return False
    if service == "s3":
        return "/" not in path.strip("/")
    return not path.rstrip("/").endswith(("/invocations", "/invoke-async", "/response-streaming-invocations"))


def handed_on(headers: Mapping[str, str], body: bytes, query: Any) -> str | None:
    """The service that this request has put something into, whose snapshot the reply must wait for."""
    return HANDED_ON.get(_action(headers, body, query))


def _action(headers: Mapping[str, str], body: bytes, query: Any) -> str:
    """The operation's name in the JSON and query protocols, empty in the REST ones."""
    target = headers.get("x-amz-target", "")
    if target:
        return target.rsplit(".", 1)[-1]
    named = query.get("Action")
    if named:
        return str(named[0] if isinstance(named, list) else named)
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    return ""
