"""What the accounts table says is told on the bus, each fact until the bus has taken it."""

import json
from typing import Any

import pytest
from stemtide.store.consumer_marks import has_mark

from tests.integration.stream.detecting import recorded
from tests.stream_cloud import Cloud


def test_a_delivery_of_the_accounts_table_is_told_on_the_bus(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = watch_bus(cloud, monkeypatch, refused_first=0)
    event = recorded("accounts_table_drop_and_score")

    answer = cloud.invoke("publish", event)

    assert answer == {"batchItemFailures": []}
    assert [entry["DetailType"] for entry in sent] == ["UsageDropDetected", "RiskTierChanged"]
    assert {(entry["EventBusName"], entry["Source"]) for entry in sent} == {("bus", "stemtide")}
    assert json.loads(sent[0]["Detail"])["change"] == -0.6
    assert json.loads(sent[1]["Detail"])["tier"] == "low"
    assert has_mark(cloud.ingest, "publish", event["Records"][-1]["dynamodb"]["SequenceNumber"])


def test_an_entry_that_the_bus_refuses_is_sent_again_alone(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = watch_bus(cloud, monkeypatch, refused_first=1)

    answer = cloud.invoke("publish", recorded("accounts_table_drop_and_score"))

    assert answer == {"batchItemFailures": []}
    kinds = [entry["DetailType"] for entry in sent]
    assert kinds == ["UsageDropDetected", "RiskTierChanged", "UsageDropDetected"]


def test_what_the_bus_never_takes_comes_again_from_the_stream(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch_bus(cloud, monkeypatch, refused_first=10_000)
    event = recorded("accounts_table_drop_and_score")

    answer = cloud.invoke("publish", event)

    sequences = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in sequences]}
    assert not has_mark(cloud.ingest, "publish", sequences[-1])


def watch_bus(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, *, refused_first: int) -> list[dict[str, Any]]:
    """What is put on the bus; it refuses the first entry of that many requests (at 10,000 every entry)."""
    function = cloud.functions["publish"]
    client = function.places()["bus"].client
    real, sent, requests = client.put_events, [], []

    def put_events(**arguments: Any) -> Any:
        sent.extend(arguments["Entries"])
        requests.append(1)
        answer = real(**arguments)
        refused = len(answer["Entries"]) if refused_first >= 10_000 else int(len(requests) <= refused_first)
        for entry in answer["Entries"][:refused]:
            entry["ErrorCode"] = "ThrottlingException"
        return answer

    monkeypatch.setattr(client, "put_events", put_events)
    monkeypatch.setattr(function.time, "sleep", lambda _: None)
    return sent
