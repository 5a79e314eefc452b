"""The Kinesis event that Lambda hands to both of the stream's consumers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

PIECE_CHARS: Final = 40_000
"""Of base64: some 150 calls of the usual size."""


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


def parse_delivery(event: Mapping[str, Any]) -> Delivery | None:
    """The delivery in a Lambda event, None when it has no records.

    Raises:
        msgspec.ValidationError: not a Kinesis event.
        ValueError: records of more than one shard (an event source mapping never mixes them).
    """
    whole: Delivery | None = None
    for piece in pieces(event):
        if whole is None:
            whole = piece
        else:
            whole.records.extend(piece.records)
    return whole


def pieces(event: Mapping[str, Any]) -> Iterator[Delivery]:
    """The delivery piece by piece: so small that what is made of a piece stays in the processor's cache.

    Raises:
        msgspec.ValidationError, ValueError: see `parse_delivery`.
    """
    shard: str | None = None
    for entries in _cut(event["Records"]):
        if shard is None:
            shard = entries[0].eventID.partition(":")[0]
        end = len(shard) + 1
        if {entry.eventID[:end] for entry in entries} != {f"{shard}:"}:
            raise ValueError("a Kinesis event holds the records of one shard")
        records = [
            Delivered(
                int(one.sequenceNumber),
                one.partitionKey,
                round(one.approximateArrivalTimestamp * 1000),
                one.data,
            )
            for one in [entry.kinesis for entry in entries]
        ]
        yield Delivery(stream_arn=entries[0].eventSourceARN, shard=shard, records=records)


def _cut(entries: Sequence[Mapping[str, Any]]) -> Iterator[list[_Entry]]:
    first, size = 0, 0
    for number, entry in enumerate(entries, 1):
        size += len(entry["kinesis"]["data"])
        if size >= PIECE_CHARS or number == len(entries):
            yield msgspec.convert(entries[first:number], list[_Entry])
            first, size = number, 0
