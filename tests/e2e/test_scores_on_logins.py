"""A user logs in and the account is scored, once an hour; many at once are worked off without loss."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.home import Home
from tests.e2e import activity
from tests.e2e.conftest import stemtide
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

STORM = 200


def login(account: str, number: int, *, at: datetime | None = None) -> dict[str, Any]:
    return activity.call(account, at or datetime.now(UTC), number, event="Signed In")


def of_logins(stack: Stack, account: str) -> list[dict[str, Any]]:
    reply = stack.call("GET", f"/v1/accounts/{account}/scores", role="admin")
    assert reply.status == 200, reply
    return [score for score in reply.body["scores"] if score["trigger"] == "login"]


@pytest.fixture(scope="module")
def used(home: Home, stack: Stack) -> str:
    """An account in steady use."""
    activity.post(stack, activity.history("e2e-login", before=10, now=10, since=20))
    stemtide(home, "drain")
    return "e2e-login"


def test_a_login_is_followed_by_a_score_of_its_arrival_and_the_next_ones_by_none(
    home: Home, stack: Stack, used: str
) -> None:
    before = datetime.now(UTC)

    activity.post(stack, [login(used, 0)])
    found = activity.wait_for_score(stack, used)
    activity.post(stack, [login(used, number) for number in range(1, 4)])
    stemtide(home, "drain")

    assert found["trigger"] == "login"
    assert datetime.fromisoformat(found["as_of"]) >= before.replace(microsecond=0)
    assert found["basis"] in ("rules", "model")
    assert found["drivers"]
    assert len(of_logins(stack, used)) == 1
    assert activity.record(stack, used)["as_of"] == found["as_of"]


def test_a_login_of_long_ago_is_counted_and_no_more(home: Home, stack: Stack) -> None:
    account = "e2e-late-login"
    activity.post(stack, activity.history(account, before=10, now=10))
    stemtide(home, "drain")

    activity.post(stack, [login(account, 0, at=datetime.now(UTC) - timedelta(hours=2))])
    stemtide(home, "drain")

    assert of_logins(stack, account) == []


def test_many_logins_at_once_are_each_followed_by_one_score(home: Home, stack: Stack) -> None:
    accounts = [f"e2e-storm-{number:03d}" for number in range(STORM)]
    for account in accounts:
        activity.post(stack, activity.history(account, before=1, now=1, since=3))
    stemtide(home, "drain")

    for copy in range(2):
        records = [(account, json.dumps(login(account, copy)).encode()) for account in accounts]
        stack.put(*records)
    stemtide(home, "drain", "--timeout", "300")

    assert {account: len(of_logins(stack, account)) for account in accounts} == dict.fromkeys(accounts, 1)
    sqs = stack.client("sqs")
    left = sqs.get_queue_attributes(
        QueueUrl=stack.facts["queues"]["login_dead_letters"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert left["Attributes"]["ApproximateNumberOfMessages"] == "0"
