"""Dead letters: one row per payload that a consumer gave up on, and a total per consumer and lane."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from stemtide.balance import DeadTotal
from stemtide.ports import ConflictError
from stemtide.store.errors import translated
from stemtide.store.ledger import query_all

DAYS_KEY: Final = "dead-days"
MAX_TRIES: Final = 20
"""Tries to add a payload to its lane's total against other payloads of the same lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadRow:
    """One payload: its object key, consumer, positions, calls not accounted for, why, when (ISO).

    `arrivals` are the arrivals (epoch ms) of its first and last record, None of a table's changes;
    `requeued_at` (ISO) is when it was put back.
    """

    key: str
    consumer: str
    lane: str
    first: int
    last: int
    records: int
    events: int
    condition: str
    at: str
    arrivals: tuple[int, int] | None = None
    requeued_at: str | None = None

    @property
    def id(self) -> str:
        """What people call it by: the last part of its key, which no other has."""
        return self.key.rpartition("/")[2]


def totals_key(consumer: str) -> str:
    """The partition key of a consumer's totals."""
    return f"dead-total#{consumer}"


def read_totals(table: Any, consumer: str) -> list[DeadTotal]:
    """The totals of a consumer, one per lane with dead letters (`table`: boto3 Table resource)."""
    return [_total(item) for item in query_all(table, totals_key(consumer))]


def read_rows(table: Any, *, day: str | None = None) -> Iterator[DeadRow]:
    """Every payload that was given up, the latest days first, or those of one day `YYYY-MM-DD`.

    Args:
        table: boto3 Table resource of the ingest table.
        day: when it was given up.
    """
    days = [str(item["sk"]) for item in query_all(table, DAYS_KEY)] if day is None else [day]
    for one in sorted(days, reverse=True):
        for item in query_all(table, f"dead#{one}"):
            yield _row(item)


def read_waiting(table: Any, *, day: str | None = None) -> list[DeadRow]:
    """Those of `read_rows` that nobody has put back yet."""
    return [row for row in read_rows(table, day=day) if row.requeued_at is None]


def mark_requeued(table: Any, row: DeadRow, at: str) -> None:
    """Note that the payload was put back; the first time counts."""
    with translated():
        table.update_item(
            Key={"pk": f"dead#{row.at[:10]}", "sk": row.key},
            UpdateExpression="SET requeued_at = if_not_exists(requeued_at, :at)",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":at": at},
        )


def register(table: Any, row: DeadRow) -> bool:
    """Keep the row and add it to its lane's total, once; False when it was there already.

    Both writes are one transaction: S3 notifies at least once, and an `ADD` without the row's condition
    would count the second notification too. The total is conditional on its number of payloads:

        payload A                     payload B (same lane)
        reads payloads=3
                                      reads payloads=3, writes payloads=4
        writes payloads=4             -> refused, reads payloads=4, writes payloads=5

    The day's index row comes first, so that no payload can be missed by the list.

    Raises:
        ConflictError: the total changed under every try.
    """
    with translated():
        table.put_item(Item={"pk": DAYS_KEY, "sk": row.at[:10]})
    for _ in range(MAX_TRIES):
        key = {"pk": totals_key(row.consumer), "sk": row.lane}
        with translated():
            item = table.get_item(Key=key, ConsistentRead=True).get("Item")
        total = DeadTotal(lane=row.lane) if item is None else _total(item)
        outcome = _write(table, row, total)
        if outcome is not None:
            return outcome
    raise ConflictError(f"total of {row.lane}")


def _write(table: Any, row: DeadRow, total: DeadTotal) -> bool | None:
    """True: written; False: the row is known; None: the total was not what was read."""
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
    if total.payloads:
        condition = {
            "ConditionExpression": "payloads = :read",
            "ExpressionAttributeValues": {":read": total.payloads},
        }
    unknown = {"ConditionExpression": "attribute_not_exists(pk)"}
    puts = [
        {"Put": {"TableName": table.name, "Item": _item(row), **unknown}},
        {"Put": {"TableName": table.name, "Item": _total_item(row, total), **condition}},
    ]
    client = table.meta.client
    try:
        with translated():
            client.transact_write_items(TransactItems=puts)
    except client.exceptions.TransactionCanceledException as error:
        codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
        if codes and codes[0] == "ConditionalCheckFailed":
            return False
        if set(codes) & {"ConditionalCheckFailed", "TransactionConflict"}:
            return None
        raise
    return True


def _item(row: DeadRow) -> dict[str, Any]:
    arrived = (
        {} if row.arrivals is None else {"first_arrival": row.arrivals[0], "last_arrival": row.arrivals[1]}
    )
    return {
        **arrived,
        "pk": f"dead#{row.at[:10]}",
        "sk": row.key,
        "consumer": row.consumer,
        "lane": row.lane,
        "first": str(row.first),
        "last": str(row.last),
        "records": row.records,
        "events": row.events,
        "condition": row.condition,
        "at": row.at,
    }


def _row(item: dict[str, Any]) -> DeadRow:
    arrived = "first_arrival" in item
    return DeadRow(
        key=str(item["sk"]),
        consumer=str(item["consumer"]),
        lane=str(item["lane"]),
        first=int(item["first"]),
        last=int(item["last"]),
        records=int(item["records"]),
        events=int(item["events"]),
        condition=str(item["condition"]),
        at=str(item["at"]),
        arrivals=(int(item["first_arrival"]), int(item["last_arrival"])) if arrived else None,
        requeued_at=item.get("requeued_at"),
    )


def _total_item(row: DeadRow, total: DeadTotal) -> dict[str, Any]:
    return {
        "pk": totals_key(row.consumer),
        "sk": row.lane,
        "payloads": total.payloads + 1,
        "events": total.events + row.events,
        "last": str(max(total.last, row.last)),
    }


def _total(item: dict[str, Any]) -> DeadTotal:
    return DeadTotal(
        lane=str(item["sk"]),
        payloads=int(item["payloads"]),
        events=int(item["events"]),
        last=int(item["last"]),
    )
