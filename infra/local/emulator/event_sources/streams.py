"""The emulator's Kinesis and DynamoDB streams as the engine sees them: shards, parents, records, events."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .model import Record
from .shard import ShardSource

TRIM_HORIZON = "0"
"""A position before every record."""

DYNAMODB_SHARD = "shardId-00000000000000000000-00000000"
SEPARATOR_BYTES = 2


@dataclass(frozen=True)
class Shard:
    """One shard: what to read, the shards to be read before it, and the newest record's sequence number."""

    shard_id: str
    parents: tuple[str, ...]
    source: ShardSource
    latest: str


@dataclass(frozen=True)
class Stream:
    """A stream's shards; another `incarnation` under the same ARN is another stream."""

    incarnation: str
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class StreamName:
    """What identifies a stream in the emulator's tables."""

    account: str
    region: str
    name: str
    arn: str


def open_stream(mapping: Mapping[str, Any], *, role: str) -> Stream | None:
    """The stream a mapping reads, or None when there is none (yet, or any more).

    Call it within the mapping's account and region. `role` is the function's, named in Kinesis events.
    """
    arn = str(mapping.get("EventSourceArn", ""))
    parts = arn.split(":", 5)
    if len(parts) != 6:
        return None
    _, _, service, region, account, resource = parts
    if service == "kinesis" and resource.startswith("stream/"):
        name = StreamName(account, region, resource.removeprefix("stream/"), arn)
        return _kinesis(name, role=role, not_before=_start_time(mapping))
    if service == "dynamodb" and "/stream/" in resource:
        table = resource.split("/stream/")[0].removeprefix("table/")
        return _dynamodb(StreamName(account, region, table, arn))
    return None


def is_stream(mapping: Mapping[str, Any]) -> bool:
    """Whether the mapping reads a stream and not a queue."""
    return str(mapping.get("EventSourceArn", "")).split(":")[2:3] in (["kinesis"], ["dynamodb"])


def _start_time(mapping: Mapping[str, Any]) -> float | None:
    if mapping.get("StartingPosition") != "AT_TIMESTAMP":
        return None
    return float(mapping.get("StartingPositionTimestamp") or 0)


def _kinesis(name: StreamName, *, role: str, not_before: float | None) -> Stream | None:
    from ministack.services import kinesis

    stream = kinesis._streams.get_scoped(name.account, name.region, name.name)
    if not stream or stream["StreamARN"] != name.arn or stream["StreamStatus"] != "ACTIVE":
        return None
    known = dict(stream["shards"])
    incarnation = _incarnation(stream)
    shards = []
    for shard_id, shard in sorted(known.items()):
        records = shard["records"]
        parents = (shard.get("parent_shard_id"), shard.get("adjacent_parent_shard_id"))
        shards.append(
            Shard(
                shard_id=shard_id,
                parents=tuple(parent for parent in parents if parent in known),
                source=KinesisShard(name, shard_id, incarnation, role=role, not_before=not_before),
                latest=records[-1]["SequenceNumber"] if records else shard["starting_sequence_number"],
            )
        )
    return Stream(incarnation, tuple(shards))


def _incarnation(stream: Mapping[str, Any]) -> str:
    shards = list(stream["shards"].values())
    first = min((int(shard["starting_sequence_number"]) for shard in shards), default=0)
    return f"{stream['CreationTimestamp']}/{first}"


class KinesisShard:
    """Reads a Kinesis shard out of the emulator's memory: nothing of a later stream of the same name, whose
    records are for the worker that begins with it."""

    def __init__(
        self, name: StreamName, shard_id: str, incarnation: str, *, role: str, not_before: float | None
    ) -> None:
        self._name = name
        self._shard_id = shard_id
        self._incarnation = incarnation
        self._role = role
        self._not_before = not_before

    def read(self, after: str, limit: int) -> list[Record]:
        """See `ShardSource.read`."""
        shard = self._shard()
        if shard is None:
            return []
        records: list[dict[str, Any]] = shard["records"]
        start = bisect_right(records, int(after), key=lambda record: int(record["SequenceNumber"]))
        if self._not_before is not None:
            start = max(start, bisect_left(records, self._not_before, key=_arrival))
        return [self._record(record) for record in records[start : start + limit]]

    def closed(self) -> bool:
        """See `ShardSource.closed`: closed by a split, a merge or a new shard count."""
        shard = self._shard()
        return shard is not None and shard.get("ending_sequence_number") is not None

    def _shard(self) -> dict[str, Any] | None:
        from ministack.services import kinesis

        stream = kinesis._streams.get_scoped(self._name.account, self._name.region, self._name.name)
        if not stream or _incarnation(stream) != self._incarnation:
            return None
        shard: dict[str, Any] | None = stream["shards"].get(self._shard_id)
        return shard

    def _record(self, stored: dict[str, Any]) -> Record:
        from ministack.services import kinesis

        sequence, data = stored["SequenceNumber"], stored["Data"]
        if not isinstance(data, str):
            data = kinesis._ensure_base64(data)
        event = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": stored["PartitionKey"],
                "sequenceNumber": sequence,
                "data": data,
                "approximateArrivalTimestamp": stored["ApproximateArrivalTimestamp"],
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self._shard_id}:{sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._role,
            "awsRegion": self._name.region,
            "eventSourceARN": self._name.arn,
        }
        size = len(data) + self._frame_bytes(stored["PartitionKey"], sequence)
        return Record(sequence, _arrival(stored), size, event)

    def _frame_bytes(self, key: str, sequence: str) -> int:
        """The event's size without its data: fixed names, and each variable value as often as it appears."""
        variable = 2 * len(sequence) + len(json.dumps(key)) + len(self._shard_id)
        return 400 + variable + len(self._role) + len(self._name.arn) + SEPARATOR_BYTES


def _arrival(stored: Mapping[str, Any]) -> float:
    return float(stored["ApproximateArrivalTimestamp"])


def _dynamodb(name: StreamName) -> Stream | None:
    source = DynamoDBShard(name)
    records = source.stored()
    if records is None:
        return None
    latest = records[-1]["dynamodb"]["SequenceNumber"] if records else TRIM_HORIZON
    return Stream(name.arn, (Shard(DYNAMODB_SHARD, (), source, latest),))


class DynamoDBShard:
    """Reads a table's stream, which the emulator keeps as one shard; readable on after it was disabled."""

    def __init__(self, name: StreamName) -> None:
        self._name = name

    def read(self, after: str, limit: int) -> list[Record]:
        """See `ShardSource.read`."""
        records = self.stored() or []
        start = bisect_right(
            records, int(after), key=lambda record: int(record["dynamodb"]["SequenceNumber"])
        )
        return [_change(stored) for stored in records[start : start + limit]]

    def closed(self) -> bool:
        """See `ShardSource.closed`; a disabled stream stays readable, so its worker stays."""
        return False

    def stored(self) -> Sequence[dict[str, Any]] | None:
        """The records in the emulator's memory, or None when the stream does not exist."""
        from ministack.services import dynamodb

        scope = {"account_id": self._name.account, "region": self._name.region}
        table = dynamodb._tables.get_scoped(self._name.account, self._name.region, self._name.name)
        if table and table.get("LatestStreamArn") == self._name.arn:
            records: Sequence[dict[str, Any]] = dynamodb.stream_live_records(self._name.name, **scope)
            return records
        closed = dynamodb.closed_stream(self._name.arn)
        return closed["records"] if closed else None


def _change(stored: dict[str, Any]) -> Record:
    change = stored["dynamodb"]
    size = len(json.dumps(stored, default=str)) + SEPARATOR_BYTES
    return Record(change["SequenceNumber"], float(change["ApproximateCreationDateTime"]), size, stored)
