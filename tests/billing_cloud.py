"""Billing on AWS as moto imitates it: the real handlers, stores and tables; the provider in this process."""

import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from stemtide import tables
from stemtide.config import bundled_config
from stemtide.facts import Fact
from stemtide.settings import (
    BillingSettings,
    ProfileSettings,
    PublishSettings,
    StripeEventsSettings,
    WebhooksSettings,
)
from stemtide.store import clients
from stemtide.store.records import Records
from stemtide.table_consumers import ALL
from stemtide.table_stream import change_of

from payments.in_memory import InMemoryPayments
from payments.provider import Provider
from tests.domain_tables import create
from tests.http_api import recorded
from tests.stream_cloud import Context, start_function

SIGNING = "whsec_current"
PREVIOUS = "whsec_previous"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/async-dead-letters"
FUNCTIONS = {
    **{name: name for name in ("webhooks", "stripe_events", "billing", "profile")},
    "announce": "publish",
}
"""The functions, each with the folder that its code is in."""
SETTINGS = (
    WebhooksSettings(billing_table="billing", signing_secret="signing"),
    StripeEventsSettings(billing_table="billing"),
    BillingSettings(
        accounts_table="accounts",
        billing_table="billing",
        ingest_table="ingest",
        dead_letter_queue=QUEUE,
        metric_namespace="Stemtide",
        provider_key_secret="provider-key",
        provider_url="",
        clock="0/0/1.0",
    ),
    PublishSettings(
        consumer="announce",
        accounts_table="accounts",
        ingest_table="ingest",
        event_bus="bus",
        dead_letter_queue=QUEUE,
    ),
    ProfileSettings(accounts_table="accounts", ingest_table="ingest", dead_letter_queue=QUEUE),
)
HOUR_S = 3600


@dataclass(kw_only=True)
class Cloud:
    """What the functions work on, the functions, and the provider with its clock (`now_s`)."""

    table: dict[str, Any]
    client: dict[str, Any]
    functions: dict[str, ModuleType]
    provider: Provider
    payments: InMemoryPayments
    clock: list[int]
    published: list[dict[str, Any]] = field(default_factory=list)
    _read: dict[str, set[str]] = field(default_factory=dict)

    def api(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """A request to the provider, as somebody else makes it."""
        status, body, _ = self.provider.handle(method, path, params, {})
        assert status == 200, body
        return body

    def pass_time(self, seconds: int) -> None:
        self.clock[0] += seconds
        self.provider.tick()

    def events(self) -> list[dict[str, Any]]:
        """The provider's events, the oldest first."""
        return list(self.payments.events(since_s=0))

    def send(self, event: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """An event to the webhook; the function's answer."""
        return self.functions["webhooks"].handler(signed(json.dumps(event).encode(), **changes), None)

    def work(self) -> None:
        """Let the consumers of the tables' streams work off all changes, until there are none."""
        while any(self._work(consumer.name, consumer.table) for consumer in ALL):
            pass

    def forget_changes(self, name: str) -> None:
        """What a consumer has not worked off yet is given up: it never sees it."""
        [consumer] = [one for one in ALL if one.name == name]
        new = {one["dynamodb"]["SequenceNumber"] for one in self._records(consumer.table)}
        self._read.setdefault(name, set()).update(new)

    def _work(self, name: str, table: str) -> bool:
        if name not in self.functions:
            return False
        consumer = next(one for one in ALL if one.name == name)
        seen = self._read.setdefault(name, set())
        new = [one for one in self._records(table) if one["dynamodb"]["SequenceNumber"] not in seen]
        mine = [one for one in new if consumer.concerns(change_of(one))]
        seen |= {one["dynamodb"]["SequenceNumber"] for one in new}
        if mine:
            answer = self.functions[name].handler({"Records": mine}, Context())
            failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
            assert not failed, answer
        return bool(mine)

    def _records(self, table: str) -> list[dict[str, Any]]:
        streams = self.client["dynamodbstreams"]
        arn = self.client["dynamodb"].describe_table(TableName=table)["Table"]["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        start = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found: list[dict[str, Any]] = streams.get_records(ShardIterator=start)["Records"]
        return found

    def reconcile(self, **more: Any) -> dict[str, Any]:
        """A reconcile as a person wishes it, and all that follows."""
        found: dict[str, Any] = self.functions["billing"].handler({"job": "billing", **more}, Context())
        self.work()
        return found

    def facts(self, account: str = "acme") -> list[Fact]:
        return Records(self.table["accounts"]).facts(account)

    def item(self, pk: str, sk: str) -> dict[str, Any]:
        return dict(self.table["billing"].get_item(Key={"pk": pk, "sk": sk}).get("Item", {}))


def signed(
    body: bytes,
    *,
    secret: str = SIGNING,
    at_s: int | None = None,
    arrival_s: int | None = None,
    **headers: str,
) -> dict[str, Any]:
    """The gateway's event for a signed body."""
    arrival = int(time.time()) if arrival_s is None else arrival_s
    stamp = arrival if at_s is None else at_s
    mac = hmac.new(secret.encode(), str(stamp).encode() + b"." + body, sha256).hexdigest()
    header = f"t={stamp},v1={mac}"
    event = recorded("http_post_events")
    event["routeKey"] = event["requestContext"]["routeKey"] = "POST /v1/webhooks/stripe"
    event["requestContext"]["timeEpoch"] = arrival * 1000
    event["headers"] = {"content-type": "application/json; charset=utf-8", "stripe-signature": header} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    event["body"] = body.decode("utf-8", errors="replace")
    event["isBase64Encoded"] = False
    return event


@contextmanager
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Empty tables, a provider without customers, freshly started functions."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for settings in SETTINGS:
        for name, value in settings.to_env().items():
            monkeypatch.setenv(name, value)
    with mock_aws():
        bundled_config.cache_clear()
        client = {
            name: boto3.client(name)
            for name in ("dynamodb", "dynamodbstreams", "secretsmanager", "events", "sqs")
        }
        for table in tables.ALL:
            create(client["dynamodb"], table)
        client["events"].create_event_bus(Name="bus")
        client["sqs"].create_queue(QueueName="async-dead-letters")
        secret = {"current": SIGNING, "previous": PREVIOUS}
        client["secretsmanager"].create_secret(Name="signing", SecretString=json.dumps(secret))
        client["secretsmanager"].create_secret(Name="provider-key", SecretString='{"api_key": "sk_test_1"}')
        resource = clients.dynamodb()
        clock = [int(time.time()) - 90 * 86_400]
        provider = Provider(clock=lambda: clock[0])
        cloud = Cloud(
            table={table.role: resource.Table(table.role) for table in tables.ALL},
            client=client,
            functions={name: start_function(code) for name, code in FUNCTIONS.items()},
            provider=provider,
            payments=InMemoryPayments(provider),
            clock=clock,
        )
        model = SimpleNamespace(at=lambda _: clock[0] * 1000)  # as the provider's, which tests push on
        monkeypatch.setattr(cloud.functions["billing"], "ModelClock", SimpleNamespace(parse=lambda _: model))
        monkeypatch.setattr(cloud.functions["billing"].access(), "_provider", cloud.payments)
        monkeypatch.setattr(cloud.functions["billing"].access(), "_read_at", float("inf"))
        _watch_bus(cloud, monkeypatch)
        yield cloud
        bundled_config.cache_clear()


def _watch_bus(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    client = cloud.functions["announce"].places()["bus"].client
    real = client.put_events

    def put_events(**arguments: Any) -> Any:
        cloud.published += [
            {"type": entry["DetailType"], **json.loads(entry["Detail"])} for entry in arguments["Entries"]
        ]
        return real(**arguments)

    monkeypatch.setattr(client, "put_events", put_events)
