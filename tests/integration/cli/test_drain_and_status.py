"""What drain waits for, what it calls stuck, and what status says of it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from stemtide.ports import UnavailableError
from stemtide.store.dead_letters import DeadRow, register
from stemtide_cli.draining import Drain, Look, look_at

from tests.integration.cli.conftest import Deployment
from tests.streams import call as dated_call

LANE = "shardId-000000000000"


def call(message_id: str, **changes: Any) -> dict[str, Any]:
    """A call that happens when it arrives."""
    return dated_call(message_id, timestamp=None, **changes)


def dead_row(key: str, at: str) -> DeadRow:
    """A payload of the archive that counts for nothing."""
    return DeadRow(
        key=key,
        consumer="archive",
        lane="0/0",
        first=1,
        last=1,
        records=1,
        events=0,
        condition="RetryAttemptsExhausted",
        at=at,
    )


def test_an_empty_stack_is_drained_and_balances(deployment: Deployment) -> None:
    result = deployment.run("drain")

    assert (result["drained"], result["balanced"], result["stuck"]) == (True, True, [])


def test_a_consumer_that_stands_still_is_named_with_its_shard_and_records(deployment: Deployment) -> None:
    deployment.put(call("m-1"))
    deployment.put(call("m-2"))
    deployment.deliver("archive")

    result = deployment.run("drain", "--timeout", "0", expect=1)

    [stuck] = result["stuck"]
    assert stuck.startswith(f"aggregate {LANE}: 2 records")
    assert list(result["first_waiting"]) == [f"aggregate {LANE}"]


def test_people_are_told_what_is_stuck_and_what_to_do(deployment: Deployment) -> None:
    deployment.put(call("m-1"))

    result = deployment.invoke("drain", "--timeout", "0")

    assert result.exit_code == 1
    assert f"waiting for aggregate {LANE}" in result.output
    assert f"waiting for archive {LANE}" in result.output
    assert "stemtide doctor" in result.output


def test_drain_waits_for_a_forwarded_call_to_be_counted_under_its_own_key(deployment: Deployment) -> None:
    deployment.put(call("m-1"), key="another")
    seen: list[str] = []

    def deliver(_: float) -> None:
        deployment.deliver()

    drain = Drain(look=lambda: look_at(deployment.stack), timeout_s=600, sleep=deliver)

    look, stuck = drain.run(seen.append)

    assert stuck == []
    assert look is not None
    assert len(seen) == 2
    counters = look.counters.public()
    assert (counters["in"], counters["forwarded"], counters["applied"]) == (2, 1, 1)


def test_a_dead_letter_is_waited_for_until_its_row_exists(deployment: Deployment) -> None:
    key = "aws/lambda/mapping/shardId-000000000000/2026/03/14/x"
    deployment.cloud.s3.put_object(Bucket="dead", Key=key, Body=b"{}")

    waiting = deployment.run("drain", "--timeout", "0", expect=1)
    day = deployment.cloud.s3.head_object(Bucket="dead", Key=key)["LastModified"].date().isoformat()
    register(deployment.cloud.ingest, dead_row(key, f"{day}T12:00:00.000Z"))
    registered = deployment.run("drain", "--timeout", "0")

    assert waiting["stuck"] == ["1 dead letters to be registered"]
    assert (registered["drained"], registered["dead_letters"]) == (True, 1)


def test_counters_that_do_not_balance_fail_a_drained_stack(deployment: Deployment) -> None:
    deployment.put(call("m-1"))
    deployment.deliver()
    table = deployment.cloud.ingest
    [row] = [item for item in table.scan()["Items"] if item["pk"] == "lane#archive"]
    table.put_item(Item=row | {"in": 5})

    result = deployment.run("drain", expect=1)

    assert (result["drained"], result["balanced"], result["unbalanced"]) == (True, False, 4)


def test_status_tells_lag_quarantine_and_what_is_in_flight(deployment: Deployment) -> None:
    deployment.put(call("m-1"))
    deployment.put(call("m-2", event=None))
    deployment.put(call("m-3", event=None))
    deployment.deliver()
    deployment.put(call("m-4"))

    status = deployment.run("status")

    assert status["quarantine"] == {"missing_event": 2}
    assert status["counters"] | {"in": 3, "applied": 1, "quarantined": 2} == status["counters"]
    waiting = {(lag["consumer"], lag["shard"]): lag["waiting"] for lag in status["lag"]}
    assert waiting == {("aggregate", LANE): 1, ("archive", LANE): 1}
    assert status["balanced"] is True
    assert status["last_balance_check"] is None
    assert status["billing"] is None
    json.dumps(status)


def test_status_tells_who_is_still_heard_of(deployment: Deployment) -> None:
    quiet = deployment.run("status")
    deployment.put(call("m-1"))
    deployment.put(call("m-2", event="NPS Submitted", properties={"score": 9}))
    deployment.deliver()

    status = deployment.run("status")
    shown = deployment.invoke("status").stdout

    assert {source["fresh"] for source in quiet["sources"]} == {None}
    found = {source["source"]: source for source in status["sources"]}
    assert list(found) == ["stream", "tickets", "crm", "billing", "nps"]
    assert (found["stream"]["fresh"], found["nps"]["fresh"]) == (True, True)
    assert 0 <= found["nps"]["age_s"] < 60
    assert found["crm"] == {
        "source": "crm",
        "connected": False,
        "last_seen": None,
        "age_s": None,
        "limit_s": 1800,
        "usual_s": None,
        "fresh": None,
    }
    assert "fresh" in shown
    assert "not connected" in shown


def test_status_shows_the_newest_balance_check(deployment: Deployment) -> None:
    for hour in ("09", "10"):
        deployment.cloud.invoke("balance", {"scheduled_at": f"2026-03-14T{hour}:00:00+00:00"})

    status = deployment.run("status")

    assert status["last_balance_check"]["slot"].startswith("2026-03-14T10:00")
    assert deployment.invoke("status").exit_code == 0


def test_a_stack_that_does_not_answer_for_a_while_is_waited_for(deployment: Deployment) -> None:
    trouble = iter(
        [
            EndpointConnectionError(endpoint_url="http://127.0.0.1"),
            ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetRecords"),
            UnavailableError("500"),
        ]
    )

    def look() -> Look:
        for error in trouble:
            raise error
        return look_at(deployment.stack)

    waited: list[float] = []
    drain = Drain(look=look, timeout_s=600, sleep=waited.append)

    _, stuck = drain.run(lambda _: None)

    assert stuck == []
    assert len(waited) == 3


def test_what_cannot_pass_by_itself_ends_the_waiting(deployment: Deployment) -> None:
    def look() -> Look:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetRecords")

    with pytest.raises(ClientError):
        Drain(look=look, timeout_s=600).run(lambda _: None)
