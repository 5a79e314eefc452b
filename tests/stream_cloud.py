"""The stream's consumers on AWS as moto imitates it: the real handlers, stores and tables."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler
from moto.kinesis.models import kinesis_backends
from stemtide import tables
from stemtide.settings import (
    AggregateSettings,
    ArchiveSettings,
    BalanceSettings,
    DeadLettersSettings,
    DetectSettings,
    ProfileSettings,
    PublishSettings,
    RecomputeSettings,
)
from stemtide.store import clients

from tests.domain_tables import create
from tests.streams import ARRIVAL, STREAM_ARN

ROOT = Path(__file__).parents[1]
CREATED = ARRIVAL - timedelta(days=30)
"""The stream is older than the records in it."""
FUNCTIONS = ("aggregate", "archive", "balance", "dead_letters", "profile", "detect", "publish", "recompute")
LOGINS = "https://sqs.us-east-1.amazonaws.com/123456789012/logins"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/async-dead-letters"
SETTINGS = (
    AggregateSettings(
        usage_table="usage",
        accounts_table="accounts",
        ingest_table="ingest",
        event_stream="events",
        archive_bucket="archive",
    ),
    ArchiveSettings(archive_bucket="archive", ingest_table="ingest"),
    BalanceSettings(ingest_table="ingest", metric_namespace="Stemtide"),
    DeadLettersSettings(ingest_table="ingest", dead_letter_bucket="dead"),
    ProfileSettings(accounts_table="accounts", ingest_table="ingest", dead_letter_queue=QUEUE),
    DetectSettings(
        usage_table="usage",
        accounts_table="accounts",
        ingest_table="ingest",
        event_stream="events",
        dead_letter_queue=QUEUE,
        login_queue=LOGINS,
    ),
    PublishSettings(
        consumer="publish",
        accounts_table="accounts",
        ingest_table="ingest",
        event_bus="bus",
        dead_letter_queue=QUEUE,
    ),
    RecomputeSettings(
        usage_table="usage", ingest_table="ingest", archive_bucket="archive", metric_namespace="Stemtide"
    ),
)


class Context:
    """A Lambda context with time left."""

    remaining_ms = 120_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """What the functions work on, and the functions."""

    usage: Any
    accounts: Any
    ingest: Any
    s3: Any
    kinesis: Any
    sqs: Any
    functions: dict[str, ModuleType]

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function's handler as Lambda does."""
        return self.functions[function].handler(event, Context())

    def deliver(self, event: dict[str, Any]) -> Any:
        """Give an event to both consumers of the stream; the response of the aggregates."""
        self.invoke("archive", event)
        return self.invoke("aggregate", event)

    def sent(self) -> list[dict[str, Any]]:
        """The records that are in the stream."""
        (shard,) = self.kinesis.list_shards(StreamName="events")["Shards"]
        iterator = self.kinesis.get_shard_iterator(
            StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found: list[dict[str, Any]] = self.kinesis.get_records(ShardIterator=iterator)["Records"]
        return found


def one_at_a_time(action: Callable[..., Any]) -> Callable[..., Any]:
    """Of moto's DynamoDB: it copies its tables for a transaction, while another thread may change them."""
    lock = Lock()

    def locked(*arguments: Any, **named: Any) -> Any:
        with lock:
            return action(*arguments, **named)

    return locked


@contextmanager
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Empty tables, buckets and stream, and freshly started functions."""
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    environment = {"AWS_DEFAULT_REGION": "us-east-1", **credentials}
    for settings in SETTINGS:
        environment |= settings.to_env()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(DynamoHandler, "call_action", one_at_a_time(DynamoHandler.call_action))
    with mock_aws():
        yield _cloud()


def _cloud() -> Cloud:
    dynamodb, s3, kinesis = clients.dynamodb(), boto3.client("s3"), boto3.client("kinesis")
    for bucket in ("archive", "dead"):
        s3.create_bucket(Bucket=bucket)
    kinesis.create_stream(StreamName="events", ShardCount=1)
    boto3.client("events").create_event_bus(Name="bus")
    for url in (QUEUE, LOGINS):
        boto3.client("sqs").create_queue(QueueName=url.rsplit("/", 1)[1])
    kinesis_backends["123456789012"]["us-east-1"].streams["events"].creation_datetime = CREATED
    assert kinesis.describe_stream_summary(StreamARN=STREAM_ARN)
    return Cloud(
        usage=_table(dynamodb, tables.USAGE),
        accounts=_table(dynamodb, tables.ACCOUNTS),
        ingest=_table(dynamodb, tables.INGEST),
        s3=s3,
        kinesis=kinesis,
        sqs=boto3.client("sqs"),
        functions={name: start_function(name) for name in FUNCTIONS},
    )


def _table(dynamodb: Any, table: tables.Table) -> Any:
    create(dynamodb.meta.client, table)
    return dynamodb.Table(table.role)


def start_function(function: str) -> ModuleType:
    """The function's module, loaded as a new execution environment would."""
    path = ROOT / "functions" / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"{function}_handler", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
