"""Scorer and sweep on AWS as moto imitates it."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from stemtide import tables
from stemtide.as_of import parse_as_of
from stemtide.calls import DAY_MS, day_of
from stemtide.event_days import QUARTER_MS
from stemtide.settings import ScoreSettings, SweepSettings
from stemtide.state import State, encode
from stemtide.store import clients
from stemtide.store.event_days import EventDayNotes
from stemtide.store.records import Records

from tests.domain_tables import create
from tests.stream_cloud import Context, start_function

AS_OF = "2026-03-14T23:59:59.999Z"
DAY = 20_526
"""2026-03-14."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """Tables and buckets, and the two functions."""

    usage: Any
    accounts: Any
    ingest: Any
    s3: Any
    sqs: Any
    drops: str
    given_up: str
    logins: str
    given_up_logins: str
    functions: dict[str, ModuleType]

    @property
    def records(self) -> Records:
        return Records(self.accounts)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        return self.functions[function].handler(event, Context())

    def put_account(self, account: str, *, ago: int = 0, calls: int = 5, days: int = 20) -> None:
        """An account with usage on the `days` days that end `ago` days before AS_OF's day, and a record."""
        for day in range(DAY - ago - days + 1, DAY - ago + 1):
            first_ms = day * DAY_MS + 1000
            state = State(
                events=calls, calls=calls, by_event={"API Call": calls}, first_ms=first_ms, last_ms=first_ms
            )
            key = {"account": account, "day": day_of(day * DAY_MS)}
            self.usage.put_item(Item={**key, "v": 1, "s": encode(state), "events": calls})
        self.records.touch(account, day_of((DAY - ago) * DAY_MS))

    def deliver(self, *bodies: str, queue: str | None = None) -> dict[str, Any]:
        """Messages of a queue (None: that of drops), received and handed to the scorer as Lambda does."""
        url = queue or self.drops
        for body in bodies:
            self.sqs.send_message(QueueUrl=url, MessageBody=body)
        received = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1800, AttributeNames=["All"]
        )["Messages"]
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{url.rpartition('/')[2]}",
                }
                for message in received
            ]
        }

    def heard_until(self, at: str, *, days: int = 1) -> None:
        """The stream has told of events up to an instant, on each day at the same time."""
        last = parse_as_of(at)
        notes = EventDayNotes(self.ingest)
        for ago in range(days):
            end = last - ago * DAY_MS
            notes.note(range(end // DAY_MS * DAY_MS // QUARTER_MS, end // QUARTER_MS + 1))

    def batch(self, *accounts: str, as_of: str = AS_OF, **changes: Any) -> dict[str, Any]:
        """An event as the nightly run makes it."""
        event = {"accounts": list(accounts), "as_of": as_of, "trigger": "schedule", "run": "r"}
        return {**event, "model": {"name": "churn", "version": None}, **changes}


@pytest.fixture
def scoring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scoring]:
    """Empty tables and buckets, and freshly started functions."""
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        **SweepSettings(
            accounts_table="accounts",
            ingest_table="ingest",
            event_stream="events",
            archive_bucket="archive",
            model_bucket="models",
            metric_namespace="Stemtide",
        ).to_env(),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        dynamodb, s3 = clients.dynamodb(), boto3.client("s3")
        for table in tables.ALL:
            create(dynamodb.meta.client, table)
        for bucket in ("models", "archive"):
            s3.create_bucket(Bucket=bucket)
        boto3.client("kinesis").create_stream(StreamName="events", ShardCount=1)
        sqs = boto3.client("sqs")
        names = ("drops", "given-up", "logins", "given-up-logins")
        urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in names]
        settings = ScoreSettings(
            usage_table="usage",
            accounts_table="accounts",
            ingest_table="ingest",
            archive_bucket="archive",
            model_bucket="models",
            drop_queue=urls[0],
            drop_dead_letter_queue=urls[1],
            metric_namespace="Stemtide",
            login_queue=urls[2],
            login_dead_letter_queue=urls[3],
        )
        for name, value in settings.to_env().items():
            monkeypatch.setenv(name, value)
        yield Scoring(
            usage=dynamodb.Table("usage"),
            accounts=dynamodb.Table("accounts"),
            ingest=dynamodb.Table("ingest"),
            s3=s3,
            sqs=sqs,
            drops=urls[0],
            given_up=urls[1],
            logins=urls[2],
            given_up_logins=urls[3],
            functions={name: start_function(name) for name in ("score", "sweep")},
        )
