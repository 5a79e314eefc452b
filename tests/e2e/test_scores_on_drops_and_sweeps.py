"""Scores come by themselves when use falls, every night, and on request; older ones never overwrite."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.home import Home
from tests.e2e import activity
from tests.e2e.conftest import stemtide
from tests.e2e.nights import Nights
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e


def yesterday() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


def scores(stack: Stack, account: str) -> list[dict[str, Any]]:
    reply = stack.call("GET", f"/v1/accounts/{account}/scores", role="admin")
    assert reply.status == 200, reply
    return list(reply.body["scores"])


@pytest.fixture(scope="module", autouse=True)
def _fresh(home: Home, stack: Stack) -> None:
    """The stream told of events up to yesterday's end, and of some today: it is not stale."""
    evenings = [activity.until_midnight(ago) for ago in (2, 1)]
    activity.post(stack, [*evenings, activity.first_of_today("e2e-evening")])
    stemtide(home, "drain")


@pytest.fixture(scope="module")
def fallen(home: Home, stack: Stack) -> str:
    """An account whose API volume fell from 10 to 4 calls a day, seen again today."""
    activity.post(stack, activity.history("e2e-fallen", before=10, now=4))
    stemtide(home, "drain")
    activity.post(stack, [activity.first_of_today("e2e-fallen")])
    return "e2e-fallen"


def test_an_account_whose_volume_fell_by_more_than_half_is_scored_by_itself(
    home: Home, stack: Stack, fallen: str
) -> None:
    found = activity.wait_for_score(stack, fallen)

    assert found["trigger"] == "usage_drop"
    assert found["basis"] in ("rules", "model")
    assert found["churn_risk_score"] is not None
    assert found["as_of"][:10] == datetime.now(UTC).date().isoformat()
    assert stemtide(home, "drain")["drained"] is True


def test_an_account_at_exactly_half_is_left_alone(home: Home, stack: Stack) -> None:
    activity.post(stack, activity.history("e2e-half", before=10, now=5))
    stemtide(home, "drain")
    activity.post(stack, [activity.first_of_today("e2e-half")])

    stemtide(home, "drain")

    assert activity.record(stack, "e2e-half")["trigger"] != "usage_drop"


def test_a_silent_account_is_found_by_the_check_for_an_instant(home: Home, stack: Stack) -> None:
    activity.post(stack, activity.history("e2e-silent", before=10, now=0, since=31, until=8))
    stemtide(home, "drain")

    first = stemtide(home, "detect", "--as-of", yesterday())
    stemtide(home, "drain")
    again = stemtide(home, "detect", "--as-of", yesterday())

    assert {drop["rule"] for drop in first["drops"] if drop["account"] == "e2e-silent"} == {
        "api_calls_down",
        "events_down",
    }
    assert again["found"] == 0
    record = activity.record(stack, "e2e-silent")
    assert record["trigger"] == "usage_drop"
    assert record["as_of"] == f"{yesterday()}T23:59:59.999Z"


def test_a_second_sweep_of_the_same_instant_changes_nothing(home: Home, stack: Stack, fallen: str) -> None:
    stemtide(home, "drain")
    first = stemtide(home, "sweep")
    before = activity.record(stack, fallen), scores(stack, fallen)

    second = stemtide(home, "sweep")

    assert first["state"] == second["state"] == "succeeded"
    assert first["accounts"] == second["accounts"] > 0
    assert first["failed"] == second["failed"] == second["scored"] == 0
    assert second["unchanged"] + second["not_customers"] == second["accounts"]
    assert (activity.record(stack, fallen), scores(stack, fallen)) == before


def test_an_account_that_cannot_be_read_is_named_and_costs_no_other_its_score(
    home: Home, stack: Stack, fallen: str
) -> None:
    activity.post(stack, activity.history("e2e-broken", before=10, now=10))
    stemtide(home, "drain")
    dynamodb, usage = stack.client("dynamodb"), stack.facts["tables"]["usage"]
    key = {"account": {"S": "e2e-broken"}, "day": {"S": yesterday()}}
    day = dynamodb.get_item(TableName=usage, Key=key)["Item"]
    dynamodb.put_item(TableName=usage, Item={**day, "s": {"B": b"\xff"}})

    failed = stemtide(home, "sweep", expect=1)
    dynamodb.put_item(TableName=usage, Item=day)
    repaired = stemtide(home, "sweep")

    assert (failed["state"], failed["failed"]) == ("failed", 1)
    assert failed["cause"] == "1 accounts are without a score, the first: e2e-broken"
    assert failed["unchanged"] > 0
    assert (repaired["state"], repaired["scored"], repaired["failed"]) == ("succeeded", 1, 0)


@pytest.mark.usefixtures("fallen")
def test_a_schedule_that_fires_twice_for_a_night_is_one_run(home: Home) -> None:
    """The night before the one that was scored by hand."""
    nights, fired_at = Nights(home), datetime.now(UTC) - timedelta(days=1)

    started = [nights.fire(fired_at) for _ in range(2)]
    ended = [nights.result(execution) for execution in started]

    assert sorted(len(result["nights"]) for result in ended) == [0, 1]
    [ran] = [result for result in ended if result["nights"]]
    assert (ran["nights"], ran["failed"]) == ([f"{activity.noon(2).date()}T23:59:59.999Z"], 0)
