"""The stream's second consumer: every record as it came, in one compressed object per delivery and day."""

import gzip
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Protocol

import msgspec

from stemtide.accounting import Position, advance
from stemtide.calls import day_of
from stemtide.kinesis_event import Delivered, parse_delivery
from stemtide.lanes import pad
from stemtide.ledgers import enter_lane, write_ledger
from stemtide.ports import Incarnations, Ledger, LedgerRow, Pace, UnavailableError
from stemtide.records import count_calls

PREFIX: Final = "raw"
RECEIVED: Final = "in"
"""The ledger's counter: calls that came in."""
_COMPRESSION: Final = 6


class Objects(Protocol):
    """Where archive objects go."""

    def put(self, key: str, body: bytes) -> None:
        """Write or overwrite an object.

        Raises:
            UnavailableError: outcome unknown.
        """


class ArchivedRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an object: sequence number, arrival (epoch ms), partition key, and the bytes as text if
    they are UTF-8."""

    seq: str
    arrival_ms: int
    key: str
    data: str | None = None
    data_b64: str | None = None

    @property
    def bytes(self) -> bytes:
        """The record's bytes."""
        return b64decode(self.data_b64) if self.data_b64 is not None else (self.data or "").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePorts:
    """Everything outside that the archive touches."""

    objects: Objects
    ledger: Ledger
    incarnations: Incarnations
    pace: Pace


def archive(event: Mapping[str, Any], *, ports: ArchivePorts) -> None:
    """Write the records of a Lambda event to the archive, then count them in the lane's ledger.

    A redelivery overwrites or overlaps what is there; `merged` drops what a reader has seen.

    Raises:
        UnavailableError: not everything was written or counted; the delivery must come again.
    """
    delivery = parse_delivery(event)
    if delivery is None:
        return
    lane = enter_lane(delivery, ledger=ports.ledger, incarnations=ports.incarnations)
    for day, run in groupby(delivery.records, key=lambda record: day_of(record.arrival_ms)):
        records = list(run)
        ports.objects.put(object_key(lane.name, day, records), pack(records))
    positions = [
        Position(record.sequence, record.arrival_ms, count_calls(record.data)) for record in delivery.records
    ]

    def counted(row: LedgerRow) -> LedgerRow | None:
        return advance(row, positions, before=None, parts={}, rest=RECEIVED)

    if not write_ledger(lane.row, counted, ledger=ports.ledger, pace=ports.pace):
        raise UnavailableError("the ledger of the archive")


def object_key(lane: str, day: str, records: list[Delivered]) -> str:
    """`raw/<arrival day>/<lane>/<first>-<last>.jsonl.gz`: sorts by position within lane and day."""
    span = f"{pad(records[0].sequence)}-{pad(records[-1].sequence)}"
    return f"{PREFIX}/{day}/{lane.replace('/', '_')}/{span}.jsonl.gz"


def pack(records: Iterable[Delivered]) -> bytes:
    """The records as compressed JSON lines; equal records give equal bytes."""
    lines = [msgspec.json.encode(_line(record)) for record in records]
    return gzip.compress(b"\n".join(lines) + b"\n", _COMPRESSION, mtime=0)


def unpack(body: bytes) -> list[ArchivedRecord]:
    """The records of an object, in order."""
    return _decoder.decode_lines(gzip.decompress(body))


def merged(bodies: Iterable[bytes], wanted: Callable[[str], bool] | None = None) -> Iterator[ArchivedRecord]:
    """The records of one lane's and day's objects, given in the order of their keys, each once.

    Args:
        bodies: the objects' contents.
        wanted: which partition keys; lines of others are not decoded. None: all.
    """
    last = -1
    choice = None if wanted is None else _Choice(wanted)
    for body in bodies:
        for record in unpack(body) if choice is None else choice.of(body):
            if int(record.seq) > last:
                last = int(record.seq)
                yield record


_decoder = msgspec.json.Decoder(ArchivedRecord)
_KEY: Final = b'"key":"'
"""Before it a line has only digits: the first occurrence is the field."""


class _Choice:
    """Picks lines by their key, each key judged once."""

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        self._wanted = wanted
        self._verdicts: dict[bytes, bool] = {}

    def of(self, body: bytes) -> Iterator[ArchivedRecord]:
        """The wanted records of an object."""
        verdicts = self._verdicts
        for line in gzip.decompress(body).splitlines():
            start = line.find(_KEY) + len(_KEY)
            key = line[start : line.find(b'"', start)]
            verdict = verdicts.get(key)
            if verdict is None:
                verdict = self._judge(line, key)
            if verdict:
                yield _decoder.decode(line)

    def _judge(self, line: bytes, key: bytes) -> bool:
        if b"\\" in key:  # escaped, so it may have been cut
            return self._wanted(_decoder.decode(line).key)
        verdict = self._verdicts[key] = self._wanted(key.decode())
        return verdict


def _line(record: Delivered) -> ArchivedRecord:
    sequence = str(record.sequence)
    try:
        text = record.data.decode()
    except UnicodeDecodeError:
        encoded = b64encode(record.data).decode()
        return ArchivedRecord(sequence, record.arrival_ms, record.key, data_b64=encoded)
    return ArchivedRecord(sequence, record.arrival_ms, record.key, data=text)
