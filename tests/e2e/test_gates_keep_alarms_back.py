"""Every gate of the nightly run tripped on the deployed stack: no score, nothing on the bus."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key

from infra.local.home import Home
from tests.e2e import activity
from tests.e2e.conftest import stemtide
from tests.e2e.nights import NIGHT, Nights, check, later, yesterday

pytestmark = pytest.mark.e2e

STALE_DAYS_AGO = 10
"""Before the week whose days must be whole where others of this stack look for drops."""
MANY = 60


def around_the_clock() -> list[dict[str, Any]]:
    """Events at both ends of each day of five weeks: a silence is nothing usual. One evening is quiet."""
    mornings = [activity.noon(ago) - timedelta(hours=11, minutes=59) for ago in range(35, 0, -1)]
    calls = [activity.call("e2e-evening", at, 1) for at in mornings]
    return calls + [activity.until_midnight(ago) for ago in range(35, 0, -1) if ago != STALE_DAYS_AGO]


@pytest.fixture(scope="module")
def nights(home: Home) -> Nights:
    """Some customers; of an earlier day nothing came after noon; the night of yesterday is scored."""
    found = Nights(home)
    calls = [
        call for number in range(MANY) for call in activity.history(f"e2e-gate-{number}", before=1, now=1)
    ]
    activity.post(found.stack, [*calls, *around_the_clock(), activity.first_of_today("e2e-evening")])
    stemtide(home, "drain")
    found.sweep()
    found.listen()
    found.overheard()
    return found


@pytest.fixture(scope="module")
def customers(nights: Nights) -> int:
    return int(nights.night(NIGHT)["customers"])


def kept_back(nights: Nights, as_of: str, name: str) -> dict[str, Any]:
    """A run that trips the gate: what it said, after it has shown that nothing came of it."""
    nights.overheard()
    before, rows = nights.scores(), len(nights.items("score#"))

    run = nights.sweep("--as-of", as_of, expect=1)

    assert (run["state"], run["scored"]) == ("aborted", 0)
    assert check(run, name)["outcome"] == "failed"
    assert name in run["cause"]
    extracted = "failed" if name == "extraction_failures" else "passed"
    assert [stage["state"] for stage in run["stages"]] == [extracted, "failed", "not_run", "not_run"]
    assert nights.scores() == before
    assert len(nights.items("score#")) == rows
    assert nights.overheard() == 0
    return run


def test_a_stale_stream_keeps_a_night_back(nights: Nights) -> None:
    day = activity.noon(STALE_DAYS_AGO).date().isoformat()

    run = kept_back(nights, day, "event_data_freshness")

    assert check(run, "event_data_freshness")["words"] == "latest event: 12:14 UTC, lag: 705 min"


@pytest.mark.parametrize(("number", "usual"), [(1, 9000), (2, 0)], ids=["too_few", "too_many"])
def test_too_few_or_too_many_customers_keep_a_night_back(
    nights: Nights, customers: int, number: int, usual: int
) -> None:
    """The night before had another number of them."""
    true = nights.night(NIGHT)
    nights.table("ingest").put_item(Item={**true, "customers": usual})

    run = kept_back(nights, later(number), "account_count")

    nights.table("ingest").put_item(Item=true)
    assert (
        check(run, "account_count")["figures"] | {"customers": customers, "usual": usual}
        == (check(run, "account_count")["figures"])
    )


def test_accounts_that_cannot_be_read_keep_a_night_back_when_they_are_many(nights: Nights) -> None:
    usage = nights.table("usage")
    keys = [{"account": f"e2e-gate-{number}", "day": yesterday()} for number in range(MANY)]
    items = [usage.get_item(Key=key)["Item"] for key in keys]
    for item in items:  # a change of a day that is over: what scoring keeps of it is void
        usage.put_item(Item={**item, "s": b"\xff", "late": True})
    stemtide(nights.home, "drain")

    run = kept_back(nights, later(3), "extraction_failures")

    for item in items:
        usage.put_item(Item={**item, "late": True})
    stemtide(nights.home, "drain")
    assert check(run, "extraction_failures")["figures"]["failed"] == MANY


def test_missing_key_columns_mark_the_run_and_its_scores(nights: Nights, customers: int) -> None:
    """More than 5 % of the customers are so for two months, and their usage is lost. As of now, as nobody
    had told of them before."""
    lost = [f"e2e-lost-{number}" for number in range(math.ceil(0.08 * customers))]
    told = [activity.call(account, activity.noon(60), 0, event="Subscription Started") for account in lost]
    activity.post(nights.stack, [{**call, "properties": {"plan": "business", "mrr": 9900}} for call in told])
    stemtide(nights.home, "drain")
    usage = nights.table("usage")
    items = [
        item
        for account in lost
        for item in usage.query(KeyConditionExpression=Key("account").eq(account))["Items"]
    ]
    for item in items:
        usage.delete_item(Key={name: item[name] for name in ("account", "day")})

    run = nights.sweep("--as-of", datetime.now(UTC).isoformat(timespec="milliseconds"))

    found = check(run, "feature_completeness")
    assert (run["state"], found["outcome"], found["severity"]) == ("succeeded", "warning", "warning")
    record = activity.record(nights.stack, lost[0])
    assert "gate:feature_completeness" in record["confidence_lowered_by"]
    assert nights.overheard() > 0  # what is scored is told
    for item in items:
        usage.put_item(Item=item)


def test_a_person_may_score_past_a_tripped_gate_and_the_run_says_so(nights: Nights) -> None:
    true = nights.night(NIGHT)
    nights.table("ingest").put_item(Item={**true, "customers": 9000})

    kept_back(nights, later(4), "account_count")
    run = nights.sweep("--as-of", later(4), "--ignore-gate", "account_count")

    nights.table("ingest").put_item(Item=true)
    assert (run["state"], run["ignored_gates"]) == ("succeeded", ["account_count"])
    assert check(run, "account_count")["outcome"] == "ignored"
    assert run["accounts"] == run["scored"] + run["unchanged"] + run["not_customers"]
    assert any(row["item"].startswith(f"score#{later(4)}") for row in nights.items("score#"))
