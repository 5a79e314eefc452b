"""Everything unusable is refused, quarantined or forwarded with its reason; its good neighbours count."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.home import Home
from tests.e2e.conftest import stemtide
from tests.e2e.stack import Stack, balanced

pytestmark = pytest.mark.e2e

NOW = datetime.now(UTC)
TODAY = NOW.date().isoformat()


def call(account: str, event: str = "Report Viewed", **changes: Any) -> dict[str, Any]:
    """A valid track call of `account`; `changes` replace its fields, None removes one."""
    base = {
        "type": "track",
        "event": event,
        "messageId": uuid.uuid4().hex,
        "timestamp": NOW.isoformat(),
        "userId": "u-1",
        "context": {"groupId": account},
        "properties": {},
    }
    return {k: v for k, v in (base | changes).items() if v is not None}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def account_name(topic: str) -> str:
    return f"{topic}-{uuid.uuid4().hex[:8]}"


def reasons_of(stack: Stack, *fragments: str) -> dict[str, str]:
    """The reasons of the quarantined whose row mentions a fragment, by fragment."""
    found: dict[str, str] = {}
    cursor = ""
    while True:
        reply = stack.call("GET", f"/v1/ingest/quarantine?limit=100{cursor}", role="admin")
        assert reply.status == 200, reply
        for row in reply.body["quarantined"]:
            for fragment in fragments:
                if fragment in json.dumps(row):
                    found[fragment] = row["reason"]
        if not reply.body.get("cursor"):
            return found
        cursor = f"&cursor={reply.body['cursor']}"


def test_unusable_records_are_quarantined_with_their_reason_and_neighbours_count(
    home: Home, stack: Stack
) -> None:
    good = account_name("good")
    ahead, lonely, nan = account_name("ahead"), account_name("lonely"), account_name("nan")
    before = stack.counters()

    stack.put(
        (good, encoded(call(good))),
        (good, b"\xff\xfe poison \x00"),
        (good, b'{"type": "track", '),
        (good, encoded(call(good, properties={"text": "x" * 300_000}))),
        (lonely, encoded(call(lonely, context=None))),
        (nan, encoded(call(nan)).replace(b'"properties": {}', b'"properties": {"n": NaN}')),
        (ahead, encoded(call(ahead, timestamp=(NOW + timedelta(hours=1)).isoformat()))),
        (good, encoded({"batch": [call(good), call(good, messageId=None), call(good)]})),
    )
    stemtide(home, "drain")

    assert stack.usage(good, TODAY, TODAY)[TODAY]["events"] == 3
    after = stack.counters()
    grown = {name: after[name] - before[name] for name in ("in", "applied", "quarantined", "dead")}
    assert grown == {"in": 10, "applied": 3, "quarantined": 7, "dead": 0}
    assert balanced(after)
    assert reasons_of(stack, ahead) == {ahead: "in_the_future"}
    all_reasons = set(stemtide(home, "status")["quarantine"])
    assert {
        "invalid_json",
        "too_large",
        "missing_account",
        "in_the_future",
        "missing_message_id",
    } <= all_reasons


def test_a_call_under_a_foreign_partition_key_is_forwarded_and_counted_once(home: Home, stack: Stack) -> None:
    account = account_name("foreign")
    before = stack.counters()

    stack.put(("some-other-key", encoded(call(account))))
    stemtide(home, "drain")

    after = stack.counters()
    assert after["forwarded"] - before["forwarded"] == 1
    assert after["in"] - before["in"] == 2
    assert stack.usage(account, TODAY, TODAY)[TODAY]["events"] == 1
    assert balanced(after)


def test_the_http_edge_answers_each_call_and_keeps_the_good_ones(home: Home, stack: Stack) -> None:
    account = account_name("http")
    batch = [
        call(account),
        call(account, context=None),
        call(account, timestamp=(NOW + timedelta(hours=1)).isoformat()),
        call(account, messageId=None),
    ]

    reply = stack.post_events({"batch": batch})
    stemtide(home, "drain")

    assert reply.status == 202
    assert reply.body["accepted"] == 2
    assert [(r["index"], r["reason"]) for r in reply.body["rejected"]] == [
        (1, "missing_account"),
        (2, "in_the_future"),
    ]
    assert stack.usage(account, TODAY, TODAY)[TODAY]["events"] == 2


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b'{"type": "track", ', 400, "invalid_json"),
        (b'{"type": "track", "type": "page"}', 400, "duplicate_key"),
        (b'{"batch": [{"properties": {"n": NaN}}]}', 400, "invalid_json"),
        (b"[" * 5_000 + b"]" * 5_000, 400, "too_deep"),
        (b'{"batch": []}', 400, "empty_batch"),
        (b'"' + b"x" * 600_000 + b'"', 413, "too_large"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_whole(
    stack: Stack, body: bytes, status: int, reason: str
) -> None:
    reply = stack.post_events(body)

    assert reply.status == status
    assert reply.body["reason"] == reason
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_a_wrong_or_missing_write_key_is_refused_and_nothing_is_written(home: Home, stack: Stack) -> None:
    account = account_name("locked-out")
    before = stack.counters()

    wrong = stack.call("POST", "/v1/events", write_key="wrong", body=encoded(call(account)))
    missing = stack.call("POST", "/v1/events", body=encoded(call(account)))
    token = stack.call("POST", "/v1/events", role="admin", body=encoded(call(account)))
    stemtide(home, "drain")

    assert [wrong.status, missing.status, token.status] == [401, 401, 401]
    assert stack.counters()["in"] == before["in"]


def test_the_same_message_sent_twice_counts_once(home: Home, stack: Stack) -> None:
    account = account_name("twice")
    once = call(account)
    before = stack.counters()

    for _ in range(3):
        assert stack.post_events(once).status in (200, 202)
    stemtide(home, "drain")

    assert stack.usage(account, TODAY, TODAY)[TODAY]["events"] == 1
    after = stack.counters()
    assert after["duplicate"] - before["duplicate"] == 2
    assert balanced(after)
