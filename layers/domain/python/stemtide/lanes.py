"""Positions in the stream: lanes and sequence numbers.

A lane is one shard of one incarnation of the stream, `<creation epoch ms>/<shard number>`: within it
sequence numbers only grow, and an account's calls come through one lane at a time. A stream that was
deleted and created anew counts from anywhere, so it gets lanes of its own.
"""

from typing import Final

SEQUENCE_DIGITS: Final = 129
"""Kinesis sequence numbers have up to this many digits (API reference, PutRecord)."""
_SHARD_PREFIX = "shardId-"


def lane_of(*, incarnation: int, shard: str) -> str:
    """The lane of a shard (`shardId-000000000003`) of the stream created at `incarnation` (epoch ms)."""
    return f"{incarnation}/{shard_number(shard)}"


def shard_number(shard: str) -> int:
    """3 for `shardId-000000000003`.

    Raises:
        ValueError: not a shard id.
    """
    return int(shard.removeprefix(_SHARD_PREFIX))


def incarnation_of(lane: str) -> int:
    """When the lane's stream was created, epoch milliseconds."""
    return int(lane.partition("/")[0])


def pad(sequence: int) -> str:
    """The sequence number as 129 digits: such strings sort as the numbers do."""
    return str(sequence).zfill(SEQUENCE_DIGITS)


def pack(sequence: int) -> bytes:
    """The sequence number as minimal big-endian bytes (24 for Kinesis' usual 56 digits)."""
    return sequence.to_bytes((sequence.bit_length() + 7) // 8, "big")


def unpack(packed: bytes) -> int:
    """The inverse of `pack`."""
    return int.from_bytes(packed, "big")
