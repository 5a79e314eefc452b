"""Accounts whose use changes, as their products would report it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.stack import Stack

BATCH = 400


def call(account: str, at: datetime, number: int, event: str = "API Call") -> dict[str, Any]:
    return {
        "type": "track",
        "event": event,
        "messageId": f"{account}-{at:%Y%m%dT%H%M%S}-{number}",
        "userId": f"u-{number % 3}",
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "context": {"groupId": account},
    }


def noon(days_ago: int) -> datetime:
    """Noon UTC, so many days ago."""
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago)


def history(account: str, *, before: int, now: int, since: int = 14, until: int = 1) -> list[dict[str, Any]]:
    """`before` calls a day since so many days ago, `now` a day in the last week, up to `until` days ago."""
    return [
        call(account, noon(ago), number)
        for ago in range(since, until - 1, -1)
        for number in range(before if ago > 7 else now)
    ]


def first_of_today(account: str) -> dict[str, Any]:
    return call(account, datetime.now(UTC) - timedelta(seconds=1), 0)


def until_midnight(days_ago: int = 1) -> dict[str, Any]:
    """A call in the last minute of a day: the stream was not silent when the day ended."""
    return call("e2e-evening", noon(days_ago) + timedelta(hours=11, minutes=59), 0)


def post(stack: Stack, calls: list[dict[str, Any]]) -> None:
    for start in range(0, len(calls), BATCH):
        reply = stack.post_events({"batch": calls[start : start + BATCH]})
        assert reply.status == 202, reply
        assert not reply.body["rejected"], reply.body["rejected"]


def record(stack: Stack, account: str) -> dict[str, Any]:
    """The customer record, read as a viewer."""
    reply = stack.call("GET", f"/v1/accounts/{account}", role="viewer")
    assert reply.status == 200, reply
    return dict(reply.body)


def wait_for_score(
    stack: Stack, account: str, *, newer_than: str = "", timeout_s: float = 60
) -> dict[str, Any]:
    """The record as soon as it has a score of a later instant than `newer_than`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        reply = stack.call("GET", f"/v1/accounts/{account}", role="viewer")
        if reply.status == 200 and (reply.body["as_of"] or "") > newer_than:
            return dict(reply.body)
        time.sleep(0.2)
    raise AssertionError(f"{account} has no score after {newer_than or 'all'} within {timeout_s} s")
