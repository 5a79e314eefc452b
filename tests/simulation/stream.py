"""The simulated stream: shards that split and merge, sequence numbers, a stream that is created anew.

From the Kinesis developer guide: a record goes to the open shard whose hash key range holds its key;
sequence numbers grow within a shard; a resharded shard is closed and stays readable.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from tests.simulation.pool import Item

STREAM_ARN: Final = "arn:aws:kinesis:us-east-1:123456789012:stream/events"
FIRST_SEQUENCE: Final = 49590338271490256608559692538361571095921575989136588898
"""Of the usual length, 56 digits."""
APART: Final = 1_000_000
"""A stream that was made anew counts from this much lower."""
HASHES: Final = 256
"""Hash keys of the simulated stream; Kinesis has 2^128."""
_sequences: Final[dict[int, list[str]]] = {}


class Rec:
    """A record in a shard: what Lambda hands over, and what it holds.

    `said_ms` is the arrival that a forwarded call brings in its envelope. `given_up` has a bit per consumer.
    """

    __slots__ = ("arrival_ms", "entry", "given_up", "items", "key", "late_ok", "said_ms", "sequence")

    def __init__(self, sequence: int, key: str, arrival_ms: int, items: Sequence[Item]) -> None:
        self.sequence = sequence
        self.key = key
        self.arrival_ms = arrival_ms
        self.items = items
        self.entry: dict[str, Any] = {}
        self.said_ms: int | None = None
        self.late_ok = False
        self.given_up = 0


class Shard:
    """One shard of one incarnation; `lane` is the product's name for it."""

    __slots__ = ("high", "is_open", "lane", "low", "name", "number", "order", "parents", "recs")

    def __init__(self, number: int, created_ms: int, low: int, high: int, order: int) -> None:
        self.number = number
        self.name = f"shardId-{number:012d}"
        self.lane = f"{created_ms}/{number}"
        self.low, self.high = low, high
        self.is_open = True
        self.parents: tuple[Shard, ...] = ()
        self.recs: list[Rec] = []
        self.order = order


class Stream:
    """All shards, of this incarnation (`shards`) and of those before it (`gone`)."""

    def __init__(self, *, shards: int, hashes: Mapping[str, int], created_ms: int) -> None:
        self.hashes = hashes
        self.created_ms = created_ms
        self.incarnation = 0
        self.gone: list[Shard] = []
        self.shards: list[Shard] = []
        self.route: dict[str, Shard] = {}
        self._made = 0
        self._next = 0
        self._open_all(shards)

    @property
    def every(self) -> list[Shard]:
        """All shards there ever were, in the order in which they were opened."""
        return self.gone + self.shards

    def put(
        self, key: str, items: Sequence[Item], *, arrival_ms: int, b64: str | None = None, data: bytes = b""
    ) -> Rec:
        """Append a record and return it; `b64` or `data` are its bytes."""
        shard = self.route.get(key) or self._route(key)
        number = self._next
        self._next = number + 1
        rec = Rec(FIRST_SEQUENCE - APART * self.incarnation + number, key, arrival_ms, items)
        sequence = _numbers(self.incarnation, number)
        rec.entry = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": key,
                "sequenceNumber": sequence,
                "data": b64encode(data).decode() if b64 is None else b64,
                "approximateArrivalTimestamp": arrival_ms / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard.name}:{sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/consumer",
            "awsRegion": "us-east-1",
            "eventSourceARN": STREAM_ARN,
        }
        shard.recs.append(rec)
        return rec

    def split(self, pick: int) -> Shard | None:
        """Close an open shard and open two in its place; None when none is wide enough."""
        wide = [shard for shard in self.shards if shard.is_open and shard.high > shard.low]
        if not wide:
            return None
        parent = wide[pick % len(wide)]
        middle = self._between_keys(parent)
        self._replace((parent,), [(parent.low, middle), (middle + 1, parent.high)])
        return parent

    def merge(self, pick: int) -> Shard | None:
        """Close two adjacent open shards and open one in their place; None when there is one only."""
        beside = sorted((s for s in self.shards if s.is_open), key=lambda shard: shard.low)
        if len(beside) < 2:
            return None
        at = pick % (len(beside) - 1)
        one, other = beside[at], beside[at + 1]
        self._replace((one, other), [(one.low, other.high)])
        return one

    def create_anew(self, *, shards: int, created_ms: int) -> None:
        """Delete the stream and create it: other shards, lower sequence numbers."""
        self.gone += self.shards
        self.shards = []
        self.incarnation += 1
        self.created_ms = created_ms
        self._next = 0
        self._open_all(shards)

    def _between_keys(self, parent: Shard) -> int:
        """Where to cut so that keys go to both sides, if the shard has keys enough."""
        here = sorted({h for h in self.hashes.values() if parent.low <= h <= parent.high})
        return here[(len(here) - 1) // 2] if len(here) > 1 else (parent.low + parent.high) // 2

    def _open_all(self, count: int) -> None:
        self.route = {}
        edges = [HASHES * number // count for number in range(count + 1)]
        for low, end in pairwise(edges):
            self._open(low, end - 1, ())

    def _replace(self, parents: tuple[Shard, ...], ranges: list[tuple[int, int]]) -> None:
        for parent in parents:
            parent.is_open = False
        self.route = {}
        for low, high in ranges:
            self._open(low, high, parents)

    def _open(self, low: int, high: int, parents: tuple[Shard, ...]) -> None:
        shard = Shard(len(self.shards), self.created_ms, low, high, self._made)
        self._made += 1
        shard.parents = parents
        self.shards.append(shard)

    def _route(self, key: str) -> Shard:
        at = self.hashes[key]
        found = next(shard for shard in self.shards if shard.is_open and shard.low <= at <= shard.high)
        self.route[key] = found
        return found


def _numbers(incarnation: int, number: int) -> str:
    """Sequence numbers as text, made once per process."""
    made = _sequences.setdefault(incarnation, [])
    while len(made) <= number:
        made.append(str(FIRST_SEQUENCE - APART * incarnation + len(made)))
    return made[number]
