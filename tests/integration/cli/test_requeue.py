"""Dead letters: listed with what to do, put back, and counted once after the recompute."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from stemtide.calls import iso_of
from stemtide.store.counters import read_counters
from stemtide.store.dead_letters import read_rows
from stemtide.store.quarantine import list_quarantined
from stemtide.store.recomputes import read_due
from stemtide_cli.stack import Stack
from stemtide_cli.table_streams import shards_of, stream_of

from tests.integration.cli.conftest import Deployment
from tests.integration.cli.recomputes import state_machine
from tests.integration.cli.test_drain_tables import give_up as give_up_changes
from tests.integration.cli.test_drain_tables import put_drop
from tests.integration.stream.recomputing import calls
from tests.stream_cloud import start_function
from tests.streams import call as dated_call

SHARD = "shardId-000000000000"
TODAY = datetime.now(UTC).date().isoformat()


def call(message_id: str, **changes: Any) -> dict[str, Any]:
    """A call that happens when it arrives."""
    return dated_call(message_id, timestamp=None, **changes)


def give_up(deployment: Deployment, consumer: str, *, counted: bool = False) -> str:
    """The consumer gives up all that it has not been given, perhaps after counting it; the payload's id."""
    records = deployment.give_up(consumer)
    name = {"aggregate": "stemtide-aggregate", "archive": "stemtide-archive"}[consumer]
    if counted:
        deployment.cloud.invoke(consumer, {"Records": records})
    letter = {
        "requestContext": {
            "functionArn": f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
            "condition": "RetryAttemptsExhausted",
        },
        "timestamp": iso_of(int(datetime.now(UTC).timestamp() * 1000)),
        "payload": json.dumps({"Records": records}),
    }
    key = f"aws/lambda/mapping/{SHARD}/2026/03/14/{consumer}-1"
    deployment.cloud.s3.put_object(Bucket="dead", Key=key, Body=json.dumps(letter).encode())
    deployment.cloud.invoke("dead_letters", {"Records": [{"s3": {"object": {"key": key}}}]})
    return f"{consumer}-1"


def status(deployment: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = deployment.run("status")["dead_letters"]
    return found


def test_without_ids_it_lists_what_waits_with_reason_size_and_remedy(deployment: Deployment) -> None:
    for number in range(3):
        deployment.put(call(f"m-{number}"))
    deployment.deliver("archive")
    give_up(deployment, "aggregate")

    [row] = deployment.run("requeue")["waiting"]
    shown = deployment.invoke("requeue")
    none = deployment.run("requeue", "--consumer", "archive")["waiting"]
    refused = deployment.invoke("requeue", "aggregate-1", "--consumer", "archive")

    assert (row["id"], row["consumer"], row["records"], row["calls"]) == ("aggregate-1", "aggregate", 3, 3)
    assert row["reason"] == "RetryAttemptsExhausted"
    assert "stemtide requeue aggregate-1" in row["do"]
    assert "its function kept failing on it" in shown.output
    assert none == []
    assert (refused.exit_code, "aggregate-1 was given up by aggregate" in refused.output) == (2, True)
    assert status(deployment) == {"payloads": 1, "unregistered": 0, "waiting": 1}


def test_row_11_a_requeued_call_counts_once_whatever_the_recompute_has_counted(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        deployment.put(call(f"m-{number}"))
    deployment.deliver("archive")
    lost = give_up(deployment, "aggregate")
    with state_machine(deployment, monkeypatch):
        healed = deployment.run("recompute")
        deployment.run("requeue", lost)
        deployment.cloud.functions["aggregate"] = start_function("aggregate")
        deployment.deliver()
        twice = calls(deployment.cloud)
        again = deployment.run("recompute")

    assert healed["calls_added"] == 60
    assert twice == {TODAY: 80}
    assert (again["calls_removed"], calls(deployment.cloud)) == (20, {TODAY: 60})
    counters = read_counters(deployment.cloud.ingest)
    assert counters.unbalanced == 0
    assert counters.public() | {"in": 120, "dead": 60} == counters.public()
    assert status(deployment)["waiting"] == 0


def test_a_call_without_timestamp_keeps_the_day_and_the_bounds_of_its_first_arrival(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.put(call("m-1"))
    deployment.put({"batch": [call("m-2"), call("m-3", event=None)]})
    deployment.cloud.kinesis.put_record(StreamName="events", PartitionKey="acme", Data=b"\xff poison")
    deployment.deliver("archive")
    lost = give_up(deployment, "aggregate")
    arrived = waiting_arrivals(deployment)

    deployment.run("requeue", lost)

    put = [record["Data"] for record in deployment.cloud.sent()][3:]
    envelopes = [json.loads(data)["_stemtide"] for data in put[:2]]
    assert envelopes == [{"origin": "requeue", "arrival": arrived[at]} for at in range(2)]
    assert put[2] == b"\xff poison"
    deployment.deliver()
    assert calls(deployment.cloud) == {TODAY: 2}
    reasons = [row.reason for row in list_quarantined(deployment.cloud.ingest, limit=10).rows]
    assert sorted(reasons) == ["invalid_json", "missing_event"]
    assert read_counters(deployment.cloud.ingest).unbalanced == 0


def waiting_arrivals(deployment: Deployment) -> list[str]:
    return [
        iso_of(round(record["ApproximateArrivalTimestamp"].timestamp() * 1000))
        for record in deployment.cloud.sent()
    ]


def test_records_that_the_archive_gave_up_are_written_where_they_belong(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.put(call("m-1"))
    deployment.deliver()
    deployment.put(call("m-2"))
    deployment.deliver("aggregate")
    lost = give_up(deployment, "archive")
    deployment.put(call("m-3"))
    deployment.deliver()

    with state_machine(deployment, monkeypatch):
        behind = deployment.run("recompute", expect=1)
        deployment.run("requeue", lost)
        owed = read_due(deployment.cloud.ingest)
        whole = deployment.run("recompute")

    assert (behind["lagging"], behind["corrected"]) == (1, 0)
    assert "requeue --consumer archive" in behind["next"]
    assert set(owed) == {TODAY}
    assert (whole["state"], whole["corrected"], calls(deployment.cloud)) == ("succeeded", 0, {TODAY: 3})
    assert read_due(deployment.cloud.ingest) == {}
    found = deployment.cloud.s3.list_objects_v2(Bucket="archive", Prefix="raw/")["Contents"]
    assert len({one["Key"].split("/")[2] for one in found}) == 1
    assert read_counters(deployment.cloud.ingest).unbalanced == 0


def test_the_first_batch_of_a_stream_given_up_goes_into_the_lane_that_is_known_by_now(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.put(call("m-1"))
    lost = give_up(deployment, "archive")
    deployment.deliver("aggregate")
    deployment.put(call("m-2"))
    deployment.deliver()

    deployment.run("requeue", lost)

    keys = [found["Key"] for found in deployment.cloud.s3.list_objects_v2(Bucket="archive")["Contents"]]
    [lane] = {key.split("/")[2] for key in keys}
    assert not lane.startswith("0_")
    assert len(keys) == 2


def test_changes_that_a_consumer_of_a_table_gave_up_go_through_its_function_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_drop(deployment)
    streams, arn = boto3.client("dynamodbstreams"), stream_of(deployment.stack, "accounts")
    [shard] = shards_of(streams, arn)
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    give_up_changes(deployment, "publish", records, shard)
    invoked: list[tuple[str, Any]] = []
    answers: list[Any] = [{"batchItemFailures": [{"itemIdentifier": "1"}]}, None]
    lambdas(monkeypatch, invoked, answers)

    failed = deployment.run("requeue", "--all", expect=1)
    done = deployment.run("requeue", "--all")

    assert "failed on 1 again" in failed["error"]
    assert [name for name, _ in invoked] == ["stemtide-publish"] * 2
    assert len(invoked[0][1]["Records"]) == len(records)
    assert ([row["consumer"] for row in done["requeued"]], done["next"]) == (["publish"], None)
    assert deployment.run("requeue")["waiting"] == []


def lambdas(monkeypatch: pytest.MonkeyPatch, invoked: list[tuple[str, Any]], answers: list[Any]) -> None:
    """The stack's Lambda client notes what is invoked and answers in turn."""
    made = Stack.client

    class Client:
        def invoke(self, **given: Any) -> dict[str, Any]:
            invoked.append((given["FunctionName"], json.loads(given["Payload"])))
            return {"Payload": io.BytesIO(json.dumps(answers.pop(0)).encode())}

    def client(self: Stack, service: str, **options: Any) -> Any:
        return Client() if service == "lambda" else made(self, service, **options)

    monkeypatch.setattr(Stack, "client", client)


def test_interrupted_before_the_mark_it_is_put_again_and_counts_once(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.put(call("m-1"))
    deployment.deliver("archive")
    lost = give_up(deployment, "aggregate")
    with monkeypatch.context() as patch:
        patch.setattr("stemtide_cli.requeueing.mark_requeued", interrupted)
        assert deployment.invoke("requeue", lost).exit_code == 1
    assert status(deployment)["waiting"] == 1

    deployment.run("requeue", lost)
    deployment.deliver()

    assert calls(deployment.cloud) == {TODAY: 1}
    assert read_counters(deployment.cloud.ingest).unbalanced == 0


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_lost_acknowledgement_is_marked_and_puts_nothing(deployment: Deployment) -> None:
    deployment.put(call("m-1"))
    deployment.deliver("archive")
    lost = give_up(deployment, "aggregate", counted=True)
    before = len(deployment.cloud.sent())

    done = deployment.run("requeue", lost)

    assert (done["requeued"][0]["calls"], done["next"]) == (0, None)
    assert len(deployment.cloud.sent()) == before
    assert status(deployment)["waiting"] == 0


def test_what_is_unknown_gone_or_done_is_said(deployment: Deployment) -> None:
    deployment.put(call("m-1"))
    deployment.deliver("archive")
    lost = give_up(deployment, "aggregate")
    [row] = read_rows(deployment.cloud.ingest)

    unknown = deployment.run("requeue", "nothing", expect=1)
    body = deployment.cloud.s3.get_object(Bucket="dead", Key=row.key)["Body"].read()
    deployment.cloud.s3.delete_object(Bucket="dead", Key=row.key)
    gone = deployment.run("requeue", row.key, expect=1)
    deployment.cloud.s3.put_object(Bucket="dead", Key=row.key, Body=b"{}")
    broken = deployment.run("requeue", lost, expect=1)
    deployment.cloud.s3.put_object(Bucket="dead", Key=row.key, Body=body)
    deployment.run("requeue", "--day", TODAY, "--all")
    again = deployment.run("requeue", lost, expect=1)

    assert "no dead letter 'nothing'" in unknown["error"]
    assert "is gone" in gone["error"]
    assert "is no dead letter" in broken["error"]
    assert "was put back at" in again["error"]
