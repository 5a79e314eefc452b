"""What the stream no longer remembers and what it gave up: right after a recompute, and put back."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stemtide.ports import CUTOVER_SORT

from infra.local.home import Home
from tests.e2e.conftest import stemtide
from tests.e2e.stack import Stack, balanced

pytestmark = pytest.mark.e2e

WINDOW = 60
"""Calls after which a message id is beyond the item's window."""


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def batches(account: str, names: list[str]) -> list[tuple[str, bytes]]:
    """Records of ten calls without a timestamp."""
    calls = [
        {
            "type": "track",
            "event": "Report Viewed",
            "messageId": name,
            "userId": f"u-{name[-1]}",
            "context": {"groupId": account},
            "properties": {},
        }
        for name in names
    ]
    return [
        (account, json.dumps({"batch": calls[start : start + 10]}).encode())
        for start in range(0, len(calls), 10)
    ]


def events(stack: Stack, account: str) -> int:
    """The account's events of the last two days: the test may run over midnight."""
    first = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    return sum(day["events"] for day in stack.usage(account, first, today()).values())


def restart(stack: Stack, function: str) -> None:
    """A new setting gives the function a new process, which remembers nothing."""
    functions = stack.client("lambda")
    name = f"stemtide-{function}"
    found = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**found, "RESTARTED": uuid.uuid4().hex}}
    )


def test_a_repetition_beyond_the_window_is_taken_back_by_a_recompute(home: Home, stack: Stack) -> None:
    account = f"e2e-repeated-{uuid.uuid4().hex[:6]}"
    names = [f"m-{number}" for number in range(WINDOW)]
    stack.put(*batches(account, names))
    stemtide(home, "drain")
    restart(stack, "aggregate")
    stack.put(*batches(account, names[:10]))
    stemtide(home, "drain")
    before = events(stack, account)

    result = stemtide(home, "recompute", "--account", account)
    again = stemtide(home, "recompute")

    assert before == WINDOW + 10
    assert (result["state"], result["calls_removed"], result["lagging"]) == ("succeeded", 10, 0)
    assert events(stack, account) == WINDOW
    assert (again["state"], again["lagging"], again["calls_added"]) == ("succeeded", 0, 0)
    assert stemtide(home, "recompute")["corrected"] == 0


def test_calls_that_were_given_up_count_by_the_archive_and_once_when_put_back(
    home: Home, stack: Stack
) -> None:
    account = f"e2e-given-up-{uuid.uuid4().hex[:6]}"
    dynamodb, usage = stack.client("dynamodb"), stack.facts["tables"]["usage"]
    key = {"account": {"S": account}, "day": {"S": today()}}
    unreadable = {"s": {"B": b"\xff"}, "v": {"N": "1"}, "events": {"N": "0"}, "expires_at": {"N": "9" * 10}}
    dynamodb.put_item(TableName=usage, Item={**key, **unreadable})
    stack.put(*batches(account, [f"m-{number}" for number in range(20)]))
    waiting = dead_letters(home)

    dynamodb.delete_item(TableName=usage, Key=key)
    stemtide(home, "drain")
    lost = stack.counters()
    healed = stemtide(home, "recompute")
    counted = events(stack, account)
    for row in waiting:
        stemtide(home, "requeue", str(row["id"]))
    stemtide(home, "drain")
    once = stemtide(home, "recompute")

    assert sum(int(row["calls"]) for row in waiting) == 20
    assert {row["consumer"] for row in waiting} == {"aggregate"}
    assert balanced(lost)
    assert (healed["state"], counted) == ("succeeded", 20)
    assert (once["state"], events(stack, account)) == ("succeeded", 20)
    after = stack.counters()
    assert balanced(after)
    assert (after["in"] - lost["in"], after["dead"] - lost["dead"]) == (20, 0)
    assert stemtide(home, "requeue")["waiting"] == []
    assert stemtide(home, "status")["dead_letters"]["waiting"] == 0


def dead_letters(home: Home) -> list[dict[str, Any]]:
    """What waits to be put back, once both records were given up and nothing is in flight."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        found: Any = stemtide(home, "requeue")["waiting"]
        if sum(row["calls"] for row in found) >= 20:
            return list(found)
        time.sleep(1)
    raise AssertionError("nothing was given up")


def test_the_whole_archive_replayed_over_lost_usage_gives_the_same_hash(home: Home, stack: Stack) -> None:
    stemtide(home, "drain")
    stemtide(home, "archive", "replay")
    before = stemtide(home, "archive", "replay", "--hash-only")
    lost = lose_usage(stack)

    after = stemtide(home, "archive", "replay")

    assert lost > 0
    assert [after[name] for name in ("items", "calls", "hash")] == [
        before[name] for name in ("items", "calls", "hash")
    ]


def lose_usage(stack: Stack) -> int:
    """Delete the usage of every account but those that were backfilled, whose past is not in the archive."""
    dynamodb, usage = stack.client("dynamodb"), stack.facts["tables"]["usage"]
    pages = dynamodb.get_paginator("scan").paginate(TableName=usage)
    keys = [(item["account"]["S"], item["day"]["S"]) for page in pages for item in page["Items"]]
    backfilled = {account for account, sort in keys if sort == CUTOVER_SORT}
    lost = [key for key in keys if key[0] not in backfilled]
    for account, sort in lost:
        dynamodb.delete_item(TableName=usage, Key={"account": {"S": account}, "day": {"S": sort}})
    return len(lost)
