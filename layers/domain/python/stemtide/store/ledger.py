"""The lanes' ledger rows in the ingest table: how far each consumer has come and what it counted."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide import lanes
from stemtide.ports import Checkpoint, LedgerRow
from stemtide.store.errors import translated

AGGREGATE: Final = "aggregate"
ARCHIVE: Final = "archive"
_PLAIN: Final = frozenset(
    {"pk", "sk", "mark", "mark_arrival", "records", "expected", "ranges", "checkpoints"}
)
_ranges_decoder = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]])
_checkpoints_decoder = msgspec.msgpack.Decoder(list[tuple[int, bytes, int]])
_NONE: Final = msgspec.msgpack.encode([])


def lanes_key(consumer: str) -> str:
    """The partition key of a consumer's ledger rows."""
    return f"lane#{consumer}"


class DynamoLedger:
    """`ports.Ledger` of one consumer on the ingest table (boto3 Table resource)."""

    def __init__(self, *, table: Any, consumer: str) -> None:
        self._table = table
        self._pk = lanes_key(consumer)

    def read(self, lane: str) -> LedgerRow:
        """The lane's row as of now."""
        with translated():
            item = self._table.get_item(Key={"pk": self._pk, "sk": lane}, ConsistentRead=True).get("Item")
        return LedgerRow(lane=lane) if item is None else _row(item)

    def write(self, row: LedgerRow, *, over_mark: int) -> None:
        """Write the row over the one with that mark.

        The condition keeps two invocations from counting the same records:

            zombie                        successor
            reads mark=10
                                          reads mark=10, counts 11-20, writes mark=20
            counts 11-15, writes mark=15  -> refused: the mark is 20
            re-reads: 11-15 are accounted for

        A lost reply ends the same way: the retry finds its own mark.
        """
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(mark)"}
        if over_mark >= 0:
            condition = {
                "ConditionExpression": "mark = :read",
                "ExpressionAttributeValues": {":read": str(over_mark)},
            }
        with translated():
            self._table.put_item(Item={"pk": self._pk, **_item(row)}, **condition)


def read_lanes(table: Any, consumer: str) -> list[LedgerRow]:
    """All ledger rows of a consumer (`table`: boto3 Table resource of the ingest table)."""
    return [_row(item) for item in query_all(table, lanes_key(consumer))]


def query_all(table: Any, partition: str) -> Iterator[dict[str, Any]]:
    """Every item of a partition of the ingest table (of the boto3 resource only the client is used)."""
    page: dict[str, Any] = {}
    while True:
        with translated():
            found = table.meta.client.query(
                TableName=table.name,
                KeyConditionExpression=Key("pk").eq(partition),
                ConsistentRead=True,
                **page,
            )
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}


def _item(row: LedgerRow) -> dict[str, Any]:
    back = [(lanes.pack(row.mark - first), lanes.pack(row.mark - last)) for first, last in row.ranges]
    points = [(minute, lanes.pack(row.mark - at), calls) for minute, at, calls in row.checkpoints]
    return {
        "sk": row.lane,
        "mark": str(row.mark),
        "mark_arrival": row.mark_arrival,
        "records": row.records,
        **({} if row.expected is None else {"expected": str(row.expected)}),
        "ranges": msgspec.msgpack.encode(back),
        "checkpoints": msgspec.msgpack.encode(points),
        **row.counts,
    }


def _row(item: dict[str, Any]) -> LedgerRow:
    mark = int(item["mark"])
    back = _ranges_decoder.decode(bytes(item["ranges"]))
    points = _checkpoints_decoder.decode(bytes(item.get("checkpoints", _NONE)))
    return LedgerRow(
        lane=str(item["sk"]),
        mark=mark,
        mark_arrival=int(item["mark_arrival"]),
        records=int(item["records"]),
        expected=int(item["expected"]) if "expected" in item else None,
        counts={name: int(value) for name, value in item.items() if name not in _PLAIN},
        ranges=tuple((mark - lanes.unpack(first), mark - lanes.unpack(last)) for first, last in back),
        checkpoints=tuple(Checkpoint(minute, mark - lanes.unpack(at), calls) for minute, at, calls in points),
    )
