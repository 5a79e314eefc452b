"""Writes that count logins ask for scores, and delay no drop."""

import copy
import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from stemtide.as_of import as_of_text
from stemtide.logins import Login
from stemtide.store.consumer_marks import has_mark
from stemtide.store.score_queue import LoginSender

from tests.integration.stream.detecting import (
    ACCOUNT,
    FALLEN,
    FIRST_MS,
    SERVER_ERROR,
    drops,
    put_days,
)
from tests.stream_cloud import LOGINS, Cloud


def logged_in() -> list[dict[str, Any]]:
    found = boto3.client("sqs").receive_message(QueueUrl=LOGINS, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def test_a_write_that_counts_a_login_puts_it_into_the_queue_of_logins(
    cloud: Cloud, first_use: dict[str, Any]
) -> None:
    later = copy.deepcopy(first_use["Records"][0])
    later["eventName"] = "MODIFY"
    later["dynamodb"]["NewImage"]["login"] = {"N": str(FIRST_MS)}

    answer = cloud.invoke("detect", {"Records": [later]})

    assert answer == {"batchItemFailures": []}
    assert logged_in() == [{"account": ACCOUNT, "as_of": as_of_text(FIRST_MS)}]
    assert drops(cloud) == []
    assert has_mark(cloud.ingest, "detect", later["dynamodb"]["SequenceNumber"])


def test_a_login_that_its_queue_does_not_take_is_lost_and_delays_no_drop(
    cloud: Cloud,
    first_use: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put_days(cloud, FALLEN)
    first_use["Records"][0]["dynamodb"]["NewImage"]["login"] = {"N": str(FIRST_MS)}
    sequence = first_use["Records"][0]["dynamodb"]["SequenceNumber"]
    client, tries = cloud.functions["detect"].logins().client, []

    def unavailable(**asked: Any) -> Any:
        tries.append(asked)
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}, **SERVER_ERROR}, "SendMessageBatch")

    with monkeypatch.context() as patch:
        patch.setattr(client, "send_message_batch", unavailable)
        answer = cloud.invoke("detect", first_use)

    assert answer == {"batchItemFailures": []}
    assert len(tries) == 2
    assert vars(caplog.records[-1])["lost"] == 1
    assert drops(cloud) == ["api_calls_down", "events_down"]
    assert logged_in() == []
    assert has_mark(cloud.ingest, "detect", sequence)


def test_many_logins_are_sent_ten_at_a_time_and_what_is_refused_is_named(cloud: Cloud) -> None:
    logins = [Login(account=f"a{n}", as_of=as_of_text(FIRST_MS)) for n in range(23)]
    client = boto3.client("sqs")

    left = LoginSender(client=client, url=LOGINS).send(logins)

    found: set[str] = set()
    while messages := client.receive_message(QueueUrl=LOGINS, MaxNumberOfMessages=10).get("Messages"):
        found |= {json.loads(message["Body"])["account"] for message in messages}
    assert (left, found) == ([], {one.account for one in logins})


def test_a_queue_that_does_not_answer_is_tried_twice_however_many_have_logged_in(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = [Login(account=f"a{n}", as_of=as_of_text(FIRST_MS)) for n in range(95)]
    client, tries = boto3.client("sqs"), []

    def unavailable(**asked: Any) -> Any:
        tries.append(asked)
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}, **SERVER_ERROR}, "SendMessageBatch")

    monkeypatch.setattr(client, "send_message_batch", unavailable)

    assert len(LoginSender(client=client, url=LOGINS).send(logins)) == 95
    assert len(tries) == 2
