"""What Lambda writes to the dead-letter bucket when a consumer gives up, and what of it was lost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from stemtide.accounting import is_accounted
from stemtide.kinesis_event import Delivered, parse_delivery
from stemtide.lanes import incarnation_of, lane_of
from stemtide.ports import LedgerRow
from stemtide.records import count_calls

CONSUMERS: Final = {"aggregat": "aggregate", "archive": "archive"}
"""The consumer by what its function's name contains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One on-failure object: who gave up, why (Lambda's condition), when (ISO), and the records."""

    consumer: str
    condition: str
    at: str
    shard: str
    records: list[Delivered]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDeadLetter:
    """An on-failure object of a table's consumer: `changes` in `lane` (table and shard), no calls.

    `ends` are the sequence numbers at which the batch ends, as the stream writes them: of its last change,
    and of the last record that was read for it, which a filter may have kept from the function.
    """

    consumer: str
    condition: str
    at: str
    lane: str
    first: int
    last: int
    changes: int
    ends: tuple[str, ...]


def parse_dead_letter(body: bytes) -> DeadLetter | TableDeadLetter:
    """The dead letter in an S3 on-failure object of an event source mapping.

    Raises:
        KeyError: not such an object (an S3 destination keeps the whole event as `payload`).
        ValueError: without records, or from a function that is no consumer of the event stream.
    """
    content = msgspec.json.decode(body)
    payload = content["payload"]
    event = msgspec.json.decode(payload) if isinstance(payload, str) else payload
    if "DDBStreamBatchInfo" in content:
        return _of_table(content, event)
    delivery = parse_delivery(event)
    if delivery is None:
        raise ValueError("a dead letter without records")
    return DeadLetter(
        consumer=_consumer(content["requestContext"]),
        condition=str(content["requestContext"]["condition"]),
        at=str(content["timestamp"]),
        shard=delivery.shard,
        records=delivery.records,
    )


def _of_table(content: Mapping[str, Any], event: Mapping[str, Any]) -> TableDeadLetter:
    changes = event["Records"]
    if not changes:
        raise ValueError("a dead letter without changes")
    info, request = content["DDBStreamBatchInfo"], content["requestContext"]
    table = str(info["streamArn"]).split(":", 5)[5].split("/")[1]
    return TableDeadLetter(
        consumer=str(request["functionArn"]).split(":")[6].rpartition("-")[2],
        condition=str(request["condition"]),
        at=str(content["timestamp"]),
        lane=f"{table}/{info['shardId']}",
        first=int(info["startSequenceNumber"]),
        last=int(info["endSequenceNumber"]),
        changes=len(changes),
        ends=tuple(sorted({str(changes[-1]["dynamodb"]["SequenceNumber"]), str(info["endSequenceNumber"])})),
    )


def lane_among(dead: DeadLetter, lanes: Iterable[str]) -> str:
    """The lane the dead letter came through.

    Of the stream's incarnations that any ledger knows it is the latest one that existed when the first
    record arrived. None known: incarnation 0, which no stream has.
    """
    arrival = dead.records[0].arrival_ms
    known = (incarnation_of(lane) for lane in lanes)
    created = max((incarnation for incarnation in known if incarnation <= arrival), default=0)
    return lane_of(incarnation=created, shard=dead.shard)


def lost_calls(dead: DeadLetter, row: LedgerRow | None) -> int:
    """The calls that the consumer's ledger has not counted.

    Lambda gives up a delivery also when only its acknowledgement was lost: what the ledger has counted
    by then is not dead.
    """
    return sum(
        count_calls(record.data)
        for record in dead.records
        if row is None or not is_accounted(row, record.sequence)
    )


def _consumer(request: Mapping[str, Any]) -> str:
    name = str(request["functionArn"]).split(":")[6].lower()
    found = [(name.rfind(part), consumer) for part, consumer in CONSUMERS.items() if part in name]
    if not found:
        raise ValueError(f"{name} is no consumer of the event stream")
    return max(found)[1]
