"""From a table's write to a drop: the function that looks for them as Lambda runs it."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stemtide.drops import Drop
from stemtide.ports import LATE, UnavailableError
from stemtide.store.consumer_marks import has_mark
from stemtide.store.records import Records
from stemtide.store.usage_blocks import Block, UsageBlocks

from tests.integration.stream.detecting import (
    ACCOUNT,
    FALLEN,
    FIRST_MS,
    TODAY,
    drops,
    put_days,
    queued,
)
from tests.stream_cloud import Cloud


def test_the_first_use_of_a_day_finds_the_drop_as_of_its_own_first_event(
    cloud: Cloud, first_use: dict[str, Any]
) -> None:
    put_days(cloud, FALLEN)

    answer = cloud.invoke("detect", first_use)

    assert answer == {"batchItemFailures": []}
    assert drops(cloud) == ["api_calls_down", "events_down"]
    [one, _] = Records(cloud.accounts).drops(ACCOUNT)
    assert one.as_of_ms == FIRST_MS
    assert one.figures == {"measure": "api_calls", "before": 46, "now": 14, "change": -0.6957}
    record = Records(cloud.accounts).read(ACCOUNT)
    assert record is not None
    assert record.last_day == "2026-11-22"
    assert has_mark(cloud.ingest, "detect", first_use["Records"][0]["dynamodb"]["SequenceNumber"])


def test_a_first_use_of_a_day_that_is_over_voids_what_is_kept_before_its_drop_is_told(
    cloud: Cloud, first_use: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_days(cloud, FALLEN)
    blocks = UsageBlocks(cloud.accounts)
    block = blocks.begin(ACCOUNT)
    blocks.write(ACCOUNT, replace(block, day=TODAY - 1, digest="x", usage=b"old"))
    first_use["Records"][0]["dynamodb"]["NewImage"][LATE] = {"BOOL": True}
    put_drop, kept = Records.put_drop, []

    def put(self: Records, drop: Drop) -> bool:
        kept.append(blocks.read(ACCOUNT))
        return put_drop(self, drop)

    monkeypatch.setattr(Records, "put_drop", put)

    answer = cloud.invoke("detect", first_use)

    assert answer == {"batchItemFailures": []}
    assert kept == [Block(voids=1)] * 2


def test_a_void_that_is_refused_comes_again(
    cloud: Cloud, first_use: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(self: UsageBlocks, accounts: Any) -> int:
        raise UnavailableError("500")

    monkeypatch.setattr(UsageBlocks, "void", unavailable)
    [change] = first_use["Records"]
    change["dynamodb"]["NewImage"][LATE] = {"BOOL": True}

    answer = cloud.invoke("detect", first_use)

    sequence = change["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence}]}
    assert not has_mark(cloud.ingest, "detect", sequence)


def test_a_redelivered_first_use_finds_nothing_new(cloud: Cloud, first_use: dict[str, Any]) -> None:
    put_days(cloud, FALLEN)

    cloud.invoke("detect", first_use)
    before = cloud.accounts.scan()["Items"]
    cloud.invoke("detect", first_use)

    assert cloud.accounts.scan()["Items"] == before


def test_what_can_never_be_read_is_set_aside_and_holds_up_nothing(
    cloud: Cloud, first_use: dict[str, Any]
) -> None:
    put_days(cloud, FALLEN)
    [good] = first_use["Records"]
    poison = copy.deepcopy(good)
    poison["dynamodb"]["Keys"]["account"]["S"] = "poisoned"
    poison["dynamodb"]["NewImage"]["s"]["B"] = "//8="

    answer = cloud.invoke("detect", {"Records": [poison, good]})

    assert answer == {"batchItemFailures": []}
    assert drops(cloud) == ["api_calls_down", "events_down"]
    [message] = queued()
    assert message["function"] == "detect"
    assert message["payload"]["account"] == "poisoned"
    assert "unknown format" in message["reason"]


def test_a_table_that_does_not_answer_names_the_record_that_must_come_again(
    cloud: Cloud, first_use: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_days(cloud, FALLEN)
    ports = cloud.functions["detect"].ports()
    busy = ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")
    client = ports.days.__self__.client

    def throttled(**_: Any) -> Any:
        raise busy

    with monkeypatch.context() as patch:
        patch.setattr(client, "query", throttled)
        answer = cloud.invoke("detect", first_use)
    sequence = first_use["Records"][0]["dynamodb"]["SequenceNumber"]

    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence}]}
    assert drops(cloud) == []
    assert not has_mark(cloud.ingest, "detect", sequence)
    cloud.invoke("detect", first_use)
    assert drops(cloud) == ["api_calls_down", "events_down"]
