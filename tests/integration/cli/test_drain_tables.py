"""Drain waits for the consumers of the tables' changes, and for the scores that are owed."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from stemtide.as_of import as_of_text
from stemtide.drops import Drop
from stemtide.scoring.assessment import Assessment, Basis
from stemtide.store.records import Records
from stemtide.store.scoring import ScoreTables
from stemtide_cli.table_streams import shards_of, stream_of

from tests.integration.cli.conftest import Deployment
from tests.streams import call as dated_call

AS_OF = 1_773_480_000_000
FIGURES = {"measure": "events", "before": 40, "now": 4, "change": -0.9}


def put_drop(deployment: Deployment, as_of_ms: int = AS_OF) -> None:
    drop = Drop(account="acme", rule="events_down", as_of_ms=as_of_ms, figures=FIGURES)
    assert Records(deployment.cloud.accounts).put_drop(drop)


def put_score(deployment: Deployment, as_of_ms: int) -> None:
    Records(deployment.cloud.accounts).write_score(
        "acme",
        Assessment(basis=Basis.NOT_ENOUGH_DATA, completeness=0.0),
        as_of_ms=as_of_ms,
        scored_at=as_of_ms,
        trigger="usage_drop",
        vector=b"",
    )


def stuck(deployment: Deployment) -> list[str]:
    found: list[str] = deployment.run("drain", "--timeout", "0", expect=1)["stuck"]
    return found


def test_a_consumer_of_a_tables_changes_that_stands_still_is_named(deployment: Deployment) -> None:
    deployment.put(dated_call("m-1", timestamp=None))
    deployment.deliver("aggregate", "archive")

    [waiting] = stuck(deployment)
    deployment.work_off()
    drained = deployment.run("drain")

    assert waiting.startswith("detect to work off the usage table's changes, the last acme 20")
    assert drained["drained"] is True


def test_a_drop_without_a_score_is_owed_one(deployment: Deployment) -> None:
    put_drop(deployment)
    deployment.work_off()

    assert stuck(deployment) == ["scores after 1 drops of use, e.g. of acme"]


def test_a_score_of_an_older_instant_does_not_settle_a_drop_and_one_of_its_own_does(
    deployment: Deployment,
) -> None:
    put_drop(deployment)
    put_score(deployment, AS_OF - 1)
    deployment.work_off()
    older = stuck(deployment)

    put_score(deployment, AS_OF)
    deployment.work_off()

    assert older == ["scores after 1 drops of use, e.g. of acme"]
    assert deployment.run("drain")["drained"] is True


def test_a_drop_of_an_account_that_is_no_customer_is_settled_when_that_is_noted(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_drop(deployment)
    deployment.work_off()
    cloud = deployment.cloud
    tables = ScoreTables(usage=cloud.usage, accounts=cloud.accounts, ingest=cloud.ingest, config=None)

    tables.note_skipped("acme", day=as_of_text(AS_OF)[:10], rule="events_down")
    deployment.work_off()

    assert deployment.run("drain")["drained"] is True


def give_up(deployment: Deployment, consumer: str, records: list[dict[str, Any]], shard: str) -> None:
    """What Lambda writes when a consumer has failed on these changes for the last time, and its notice."""
    first, last = (records[place]["dynamodb"]["SequenceNumber"] for place in (0, -1))
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/accounts/stream/2026-03-01T09:00:00.000"
    letter = {
        "requestContext": {
            "functionArn": f"arn:aws:lambda:us-east-1:123456789012:function:stemtide-{consumer}",
            "condition": "RetryAttemptsExhausted",
        },
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first,
            "endSequenceNumber": last,
            "streamArn": arn,
        },
        "payload": json.dumps({"Records": records}, default=str),
    }
    key = f"aws/lambda/{consumer}/1"
    deployment.cloud.s3.put_object(Bucket="dead", Key=key, Body=json.dumps(letter).encode())
    notice = {"Records": [{"s3": {"object": {"key": key}}}]}
    deployment.cloud.invoke("dead_letters", notice)


def test_what_a_consumer_of_a_table_gave_up_is_reported_and_no_longer_waited_for(
    deployment: Deployment,
) -> None:
    put_drop(deployment)
    streams, arn = boto3.client("dynamodbstreams"), stream_of(deployment.stack, "accounts")
    [shard] = shards_of(streams, arn)
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    waiting = stuck(deployment)

    give_up(deployment, "publish", records, shard)

    found = deployment.run("drain")
    assert waiting[0].startswith("publish to work off the accounts table's changes")
    assert waiting[1] == "scores after 1 drops of use, e.g. of acme"
    assert (found["drained"], found["dead_letters"]) == (True, 1)
