"""What was given up on: dead letters and their registration, queues and what waits in them."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from stemtide.store.dead_letters import read_rows

from stemtide_cli.stack import Stack

PARKING_QUEUES = frozenset(
    {"async_dead_letters", "drop_dead_letters", "login_dead_letters", "notice_dead_letters"}
)
"""What lies in these waits for people, not for the system."""
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """Payloads in the dead-letter bucket, those of them that no row of the ingest table names yet, and how
    many nobody has put back."""

    payloads: int
    unregistered: tuple[str, ...]
    waiting: int


def read_dead_letters(stack: Stack) -> DeadLetters:
    """Compare the bucket with the table."""
    s3 = stack.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=stack.buckets["dead_letters"])
    written = {
        found["Key"]: found["LastModified"].date() for page in pages for found in page.get("Contents", [])
    }
    table = stack.table("ingest")
    rows = [row for day in _around(set(written.values())) for row in read_rows(table, day=day.isoformat())]
    unregistered = set(written) - {row.key for row in rows}
    waiting = [row for row in rows if row.key in written and row.requeued_at is None]
    return DeadLetters(
        payloads=len(written),
        unregistered=tuple(sorted(unregistered)),
        waiting=len(waiting) + len(unregistered),
    )


def _around(days: set[date]) -> list[date]:
    """The days with the one before and after: a payload's row is filed by when it was given up."""
    return sorted({day + timedelta(days=shift) for day in days for shift in (-1, 0, 1)})


def read_queues(stack: Stack) -> dict[str, int]:
    """Messages by queue role: waiting, delayed and being worked on."""
    sqs = stack.client("sqs")
    return {role: _messages(sqs, url) for role, url in stack.queues.items() if url}


def _messages(sqs: Any, url: str) -> int:
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
    return sum(int(found[name]) for name in COUNTS if name in found)
