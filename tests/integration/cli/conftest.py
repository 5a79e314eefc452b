"""The command line on a stack that moto imitates, whose stream is read by the real functions on demand."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from stemtide import table_consumers
from stemtide.table_stream import change_of
from stemtide_cli.main import main
from stemtide_cli.stack import Stack
from stemtide_cli.table_streams import shards_of, stream_of

from tests.stream_cloud import Cloud, started
from tests.streams import STREAM_ARN

CONSUMERS = ("archive", "aggregate")


@dataclass
class Deployment:
    """A stack, its stack.json, and what Lambda would do with the stream."""

    cloud: Cloud
    file: Path
    read: dict[tuple[str, str], str] = field(default_factory=dict)
    worked_off: dict[str, set[str]] = field(default_factory=dict)

    @property
    def stack(self) -> Stack:
        return Stack.load(self.file)

    def run(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        """Run a command as scripts do; its JSON."""
        result = self.invoke(*arguments, "--json")
        assert result.exit_code == expect, result.output + result.stderr
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def invoke(self, *arguments: str) -> Result:
        """Run a command as people do."""
        return CliRunner().invoke(main, [*arguments, "--stack", str(self.file)], catch_exceptions=False)

    def put(self, call: dict[str, Any], *, key: str = "acme") -> None:
        self.cloud.kinesis.put_record(StreamName="events", PartitionKey=key, Data=json.dumps(call).encode())

    def deliver(self, *consumers: str) -> int:
        """Give all that is new in the stream to the consumers (all of them unless named), and then what they
        changed to the tables' consumers (unless some are named)."""
        kinesis = self.cloud.kinesis
        delivered = 0
        for shard in (shard["ShardId"] for shard in kinesis.list_shards(StreamName="events")["Shards"]):
            for consumer in consumers or CONSUMERS:
                records = self._new(shard, consumer)
                if records:
                    self.cloud.invoke(consumer, {"Records": [_record(shard, r) for r in records]})
                    self.read[consumer, shard] = records[-1]["SequenceNumber"]
                    delivered += len(records)
        if not consumers:
            self.work_off()
        return delivered

    def give_up(self, consumer: str) -> list[dict[str, Any]]:
        """The records that the consumer has not been given yet, and will not be."""
        (shard,) = self.cloud.kinesis.list_shards(StreamName="events")["Shards"]
        found = self._new(shard["ShardId"], consumer)
        self.read[consumer, shard["ShardId"]] = found[-1]["SequenceNumber"]
        return [_record(shard["ShardId"], record) for record in found]

    def work_off(self) -> None:
        """Give all that is new in the tables' streams to their consumers, and what those change, too."""
        mine = [one for one in table_consumers.ALL if one.table in self.stack.tables]
        while any(self._work_off(consumer) for consumer in mine):
            pass

    def _work_off(self, consumer: table_consumers.TableConsumer) -> bool:
        streams, arn = boto3.client("dynamodbstreams"), stream_of(self.stack, consumer.table)
        found = []
        for shard in shards_of(streams, arn):
            iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            found += streams.get_records(ShardIterator=iterator)["Records"]
        done = self.worked_off.setdefault(consumer.name, set())
        new = [record for record in found if record["dynamodb"]["SequenceNumber"] not in done]
        done |= {record["dynamodb"]["SequenceNumber"] for record in new}
        records = [record for record in new if consumer.concerns(change_of(record))]
        if records:
            self.cloud.invoke(consumer.name, {"Records": records})
        return bool(records)

    def _new(self, shard: str, consumer: str) -> list[dict[str, Any]]:
        kinesis, last = self.cloud.kinesis, self.read.get((consumer, shard))
        start: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if last is not None:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": last}
        iterator = kinesis.get_shard_iterator(StreamName="events", ShardId=shard, **start)["ShardIterator"]
        found: list[dict[str, Any]] = kinesis.get_records(ShardIterator=iterator)["Records"]
        return found


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployment]:
    """An empty stack."""
    with started(monkeypatch) as cloud:
        content = {
            "region": "us-east-1",
            "event_stream": "events",
            "event_bus": "bus",
            "buckets": {"archive": "archive", "dead_letters": "dead"},
            "tables": {"usage": "usage", "accounts": "accounts", "ingest": "ingest"},
        }
        file = tmp_path / "stack.json"
        file.write_text(json.dumps(content))
        yield Deployment(cloud=cloud, file=file)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Puts a function around every PutRecords of the command line: it gets the real one and its arguments."""

    def install(around: Callable[..., Any]) -> None:
        made = Stack.client

        def client(self: Stack, service: str, **options: Any) -> Any:
            found = made(self, service, **options)
            if service == "kinesis":
                real = found.put_records
                found.put_records = lambda **arguments: around(real, **arguments)
            return found

        monkeypatch.setattr(Stack, "client", client)

    return install


def _record(shard: str, found: dict[str, Any]) -> dict[str, Any]:
    """A record as the event source mapping hands it over."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": found["PartitionKey"],
            "sequenceNumber": found["SequenceNumber"],
            "data": b64encode(found["Data"]).decode(),
            "approximateArrivalTimestamp": found["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{found['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/consumer",
        "awsRegion": "us-east-1",
        "eventSourceARN": STREAM_ARN,
    }
