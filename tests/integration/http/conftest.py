"""The HTTP functions on AWS as moto imitates it: the real handlers, stores and tables."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import jsonschema
import pytest
from moto import mock_aws
from moto.core.base_backend import BackendDict
from stemtide import tables
from stemtide.access import BY_KEY
from stemtide.config import bundled_config
from stemtide.fold import fold
from stemtide.http.openapi import document
from stemtide.ports import QuarantineRow, UsageRow
from stemtide.settings import (
    ApiSettings,
    IngestSettings,
    PreferencesSettings,
    ScoreSettings,
    WebhooksSettings,
)
from stemtide.state import EMPTY, Caps, Event, encode, id_hash
from stemtide.store import clients
from stemtide.store.quarantine import DynamoQuarantine
from stemtide.store.usage import DynamoUsageItems
from stemtide.users import user_hash

from tests.domain_tables import create
from tests.http_api import ARRIVAL_MS, WRITE_KEY
from tests.stream_cloud import start_function

ROOT = Path(__file__).parents[3]
SETTINGS = (
    WebhooksSettings(billing_table="billing", signing_secret="signing"),
    IngestSettings(event_stream="events", write_keys_secret="write-keys"),
    ApiSettings(
        usage_table="usage",
        accounts_table="accounts",
        contacts_table="contacts",
        episodes_table="episodes",
        ingest_table="ingest",
        archive_bucket="archive",
        clock="0/0/1.0",
    ),
    PreferencesSettings(contacts_table="contacts", link_keys_secret="link-keys", clock="0/0/1.0"),
    ScoreSettings(
        usage_table="usage",
        accounts_table="accounts",
        ingest_table="ingest",
        archive_bucket="archive",
        model_bucket="models",
        drop_queue="drops",
        drop_dead_letter_queue="given-up-drops",
        metric_namespace="Stemtide",
        login_queue="logins",
        login_dead_letter_queue="given-up-logins",
    ),
)
LINK_KEY = "k" * 64
LANE = "1706600000000/0"
FAR_FUTURE = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """A handler's answer; JSON is parsed."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """What the functions work on, and the functions."""

    client: dict[str, Any]
    table: dict[str, Any]
    functions: dict[str, ModuleType]

    def call(self, event: dict[str, Any]) -> Reply:
        """Answer an event by the function of its route; the answer conforms to the OpenAPI document."""
        route = BY_KEY[event["routeKey"]]
        answer = self.functions[route.function].handler(event, None)
        assert set(answer) == {"statusCode", "headers", "body"}
        is_page = answer["headers"]["Content-Type"].startswith("text/html")
        body = answer["body"] if is_page else json.loads(answer["body"])
        reply = Reply(answer["statusCode"], answer["headers"], body)
        check_answer(route.path, route.method, reply)
        return reply

    def stream_records(self) -> list[tuple[str, Any]]:
        """(partition key, content) of what is in the stream."""
        kinesis = self.client["kinesis"]
        found = []
        for shard in kinesis.list_shards(StreamName="events")["Shards"]:
            start = kinesis.get_shard_iterator(
                StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
            found += [(record["PartitionKey"], json.loads(record["Data"])) for record in records]
        return found

    def put_usage(self, account: str, day: str, counts: dict[str, int], users: int = 1) -> None:
        """An item of the usage table, made as the aggregates make it."""
        at = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
        events = [
            Event(
                sequence=n,
                id_hash=id_hash(name),
                user=user_hash(f"u{n % users}"),
                name=name,
                at_ms=at,
                weight=weight,
            )
            for n, (name, weight) in enumerate(counts.items())
        ]
        state = fold(EMPTY, events, lane=LANE, caps=Caps()).state
        row = UsageRow(
            account=account,
            sort=day,
            version=1,
            blob=encode(state),
            events=state.events,
            expires_at=FAR_FUTURE,
        )
        DynamoUsageItems(client=self.client["dynamodb"], table_name="usage").put(row)

    def put_quarantined(
        self, sequence: int, *, reason: str, payload: bytes, arrival_ms: int = ARRIVAL_MS
    ) -> None:
        """A row of the quarantine."""
        row = QuarantineRow(
            lane=LANE,
            sequence=sequence,
            index=0,
            arrival_ms=arrival_ms,
            reason=reason,
            detail=f"{reason} of {sequence}",
            payload=payload,
        )
        store = DynamoQuarantine(
            client=self.client["dynamodb"],
            table_name="ingest",
            s3=self.client["s3"],
            bucket="archive",
            retention=timedelta(days=90),
        )
        store.put(row)


def check_answer(path: str, method: str, reply: Reply) -> None:
    """Compare an answer with what the OpenAPI document promises of it."""
    responses = document()["paths"][path][method.lower()]["responses"]
    promised = responses.get(str(reply.status), responses["default"])
    ((content_type, content),) = promised["content"].items()
    assert reply.headers["Content-Type"] == content_type
    schema = content["schema"] | {"components": document()["components"]}
    jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(reply.body)
    assert reply.status < 400 or isinstance(reply.body, str) or reply.body["status"] == reply.status


@pytest.fixture(scope="module")
def aws() -> Iterator[Cloud]:
    """Clients and functions of a module: making boto3's clients for each test would take most of the time."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environment.setenv(name, "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for settings in SETTINGS:
            for name, value in settings.to_env().items():
                environment.setenv(name, value)
        with mock_aws():
            bundled_config.cache_clear()
            resource = clients.dynamodb()
            yield Cloud(
                client={name: boto3.client(name) for name in ("kinesis", "secretsmanager", "s3", "dynamodb")},
                table={table.role: resource.Table(table.role) for table in tables.ALL},
                functions={
                    name: start_function(name)
                    for name in ("ingest", "api", "score", "preferences", "webhooks")
                },
            )
            bundled_config.cache_clear()


@pytest.fixture
def cloud(aws: Cloud) -> Cloud:
    """An empty deployment with one write key."""
    BackendDict.reset()
    aws.client["kinesis"].create_stream(StreamName="events", ShardCount=2)
    secret = json.dumps({"current": WRITE_KEY, "previous": "wk-previous"})
    aws.client["secretsmanager"].create_secret(Name="write-keys", SecretString=secret)
    aws.client["secretsmanager"].create_secret(
        Name="link-keys", SecretString=json.dumps({"current": LINK_KEY})
    )
    aws.client["secretsmanager"].create_secret(Name="signing", SecretString='{"current": "whsec_1"}')
    for bucket in ("archive", "models"):
        aws.client["s3"].create_bucket(Bucket=bucket)
    for table in tables.ALL:
        create(aws.client["dynamodb"], table)
    return aws
