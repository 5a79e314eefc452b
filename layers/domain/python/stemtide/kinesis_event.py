"""The Kinesis event that Lambda hands to both of the stream's consumers."""

from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Delivered(NamedTuple):
    """One record: its sequence number, partition key, arrival (epoch ms) and bytes."""

    sequence: int
    key: str
    arrival_ms: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The records of one invocation, in the order of their shard."""

    stream_arn: str
    shard: str
    records: list[Delivered]


def parse_delivery(event: Mapping[str, Any]) -> Delivery | None:
    """The delivery in a Lambda event, None when it has no records.

    Raises:
        KeyError: not a Kinesis event.
        ValueError: records of more than one shard (an event source mapping never mixes them).
    """
    entries = event["Records"]
    if not entries:
        return None
    shard = _shard(entries[0])
    if any(_shard(entry) != shard for entry in entries):
        raise ValueError("a Kinesis event holds the records of one shard")
    return Delivery(
        stream_arn=str(entries[0]["eventSourceARN"]),
        shard=shard,
        records=[_delivered(entry["kinesis"]) for entry in entries],
    )


def _shard(entry: Mapping[str, Any]) -> str:
    shard: str = entry["eventID"].partition(":")[0]
    return shard


def _delivered(kinesis: Mapping[str, Any]) -> Delivered:
    return Delivered(
        int(kinesis["sequenceNumber"]),
        kinesis["partitionKey"],
        round(kinesis["approximateArrivalTimestamp"] * 1000),
        a2b_base64(kinesis["data"]),
    )
