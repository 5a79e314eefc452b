"""The Kinesis event that Lambda hands to both of the stream's consumers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec


class Delivered(msgspec.Struct, frozen=True, gc=False):
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


class _Kinesis(msgspec.Struct, gc=False):
    sequenceNumber: str  # noqa: N815 (AWS's names)
    partitionKey: str  # noqa: N815
    approximateArrivalTimestamp: float  # noqa: N815
    data: bytes


class _Entry(msgspec.Struct, gc=False):
    kinesis: _Kinesis
    eventID: str  # noqa: N815
    eventSourceARN: str  # noqa: N815


class _Event(msgspec.Struct, gc=False):
    Records: list[_Entry]


def parse_delivery(event: Mapping[str, Any]) -> Delivery | None:
    """The delivery in a Lambda event, None when it has no records.

    Raises:
        msgspec.ValidationError: not a Kinesis event.
        ValueError: records of more than one shard (an event source mapping never mixes them).
    """
    entries = msgspec.convert(event, _Event).Records
    if not entries:
        return None
    shard = entries[0].eventID.partition(":")[0]
    end = len(shard) + 1
    if len({entry.eventID[:end] for entry in entries}) > 1:
        raise ValueError("a Kinesis event holds the records of one shard")
    records = [
        Delivered(
            int(one.sequenceNumber), one.partitionKey, round(one.approximateArrivalTimestamp * 1000), one.data
        )
        for one in [entry.kinesis for entry in entries]
    ]
    return Delivery(stream_arn=entries[0].eventSourceARN, shard=shard, records=records)
