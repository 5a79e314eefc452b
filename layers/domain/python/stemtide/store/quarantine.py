"""The quarantine: what can never be counted as it is, kept with its reason for people to look at."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from zlib import crc32

from boto3.dynamodb.conditions import Attr, Key

from stemtide import lanes
from stemtide.calls import day_of, iso_of
from stemtide.ports import ConflictError, QuarantineRow
from stemtide.store.errors import translated

PARTITIONS: Final = 8
"""A day's rows are spread over this many partitions: a flood of poison writes 8,000 rows a second."""
MAX_INLINE_BYTES: Final = 32 * 1024
"""A longer payload goes to the archive bucket."""
DAYS_KEY: Final = "quarantine-days"
_PLACE: Final = re.compile(
    rf"(\d{{4}}-\d{{2}}-\d{{2}})/(\d{{1,20}}/\d{{1,20}}#\d{{{lanes.SEQUENCE_DIGITS}}}#\d{{5,6}})", re.ASCII
)
"""Arrival day and sort key in a decoded id: nothing else may become a key of the table."""
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A quarantined call or record: `at` its arrival (ISO), `bytes` its size, `payload` its text if short."""

    id: str
    reason: str
    detail: str
    at: str
    bytes: int
    account: str | None = None
    message_id: str | None = None
    payload: str | None = None
    released_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinePage:
    """Rows, newest day first, and where to go on (None: that was all)."""

    rows: list[Quarantined]
    cursor: str | None


class DynamoQuarantine:
    """`ports.Quarantine` on the ingest table and the archive bucket (clients; threads may share them)."""

    def __init__(self, *, client: Any, table_name: str, s3: Any, bucket: str, retention: timedelta) -> None:
        self._client = client
        self._table_name = table_name
        self._s3 = s3
        self._bucket = bucket
        self._retention_s = int(retention.total_seconds())
        self._known_days: set[str] = set()

    def put(self, row: QuarantineRow) -> None:
        """Keep the row, once per position.

        first delivery                redelivery
        puts the row
                            (a person releases it: released_at is set)
                                      puts the row  -> refused: it exists, released_at stays
        """
        day, sort = day_of(row.arrival_ms), _sort_key(row)
        self._remember(day)
        expires_at = row.arrival_ms // 1000 + self._retention_s
        item = {**_item(row, day, sort), **self._payload(row, day, sort)}
        item["expires_at"] = {"N": str(expires_at)}
        self._put_new(item)

    def _remember(self, day: str) -> None:
        """The day's index row comes first, so that no quarantined row can be missed by the list."""
        if day not in self._known_days:
            self._put_new({"pk": {"S": DAYS_KEY}, "sk": {"S": day}})
            self._known_days.add(day)

    def _put_new(self, item: dict[str, Any]) -> None:
        try:
            with translated():
                self._client.put_item(
                    TableName=self._table_name, Item=item, ConditionExpression="attribute_not_exists(pk)"
                )
        except ConflictError:
            return

    def _payload(self, row: QuarantineRow, day: str, sort: str) -> dict[str, Any]:
        if len(row.payload) > MAX_INLINE_BYTES:
            key = f"quarantine/{day}/{row_id(day, sort)}.json"
            with translated():
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=row.payload)
            return {"payload_key": {"S": key}}
        try:
            return {"payload": {"S": row.payload.decode()}}
        except UnicodeDecodeError:
            return {"payload": {"B": row.payload}}


def list_quarantined(
    table: Any,
    *,
    day: str | None = None,
    reason: str | None = None,
    limit: int = _PAGE,
    cursor: str | None = None,
) -> QuarantinePage:
    """Up to `limit` quarantined calls, newest arrival day first.

    Args:
        table: boto3 Table resource of the ingest table.
        day: only this arrival day (`YYYY-MM-DD`).
        reason: only this reason.
        limit: rows a page.
        cursor: the `cursor` of the page before.

    Raises:
        ValueError: not a cursor of this list.
    """
    after = _decode(cursor) if cursor else None
    rows: list[Quarantined] = []
    for item in _items(table, days=[day] if day else _days(table), reason=reason, after=after):
        if len(rows) == limit:
            return QuarantinePage(rows=rows, cursor=rows[-1].id)
        rows.append(_quarantined(item))
    return QuarantinePage(rows=rows, cursor=None)


def get_quarantined(table: Any, row_id: str) -> Quarantined | None:
    """The row of an id, None when there is none.

    Raises:
        ValueError: not an id of the quarantine.
    """
    item = _get(table, row_id)
    return None if item is None else _quarantined(item)


def get_payload(table: Any, s3: Any, bucket: str, row_id: str) -> bytes | None:
    """The bytes that were quarantined under an id, None when there is no such row.

    Args:
        table: boto3 Table resource of the ingest table.
        s3: boto3 client.
        bucket: the archive bucket.
        row_id: as listed.

    Raises:
        ValueError: not an id of the quarantine.
    """
    item = _get(table, row_id)
    if item is None:
        return None
    if "payload_key" in item:
        body: bytes = s3.get_object(Bucket=bucket, Key=item["payload_key"])["Body"].read()
        return body
    return _bytes(item["payload"])


def mark_released(table: Any, row_id: str, at: str) -> bool:
    """Note that the row was put back into the stream at an ISO instant; False when it was noted before.

    Of two releases that race the first one's instant stays:

        release A                 release B
        marks 10:00
                                  marks 10:01 -> refused: released_at exists
    """
    day, sort = _decode(row_id)
    try:
        with translated():
            table.update_item(
                Key={"pk": _partition(day, sort), "sk": sort},
                UpdateExpression="SET released_at = :at",
                ConditionExpression="attribute_exists(pk) AND attribute_not_exists(released_at)",
                ExpressionAttributeValues={":at": at},
            )
    except ConflictError:
        return False
    return True


def row_id(day: str, sort: str) -> str:
    """The id that people see."""
    return base64.urlsafe_b64encode(f"{day}/{sort}".encode()).decode().rstrip("=")


def _decode(text: str) -> tuple[str, str]:
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:  # no base64, no ASCII or no UTF-8
        decoded = ""
    place = _PLACE.fullmatch(decoded)
    if place is None:
        raise ValueError(f"not an id of the quarantine: {text[:80]!r}")
    return place[1], place[2]


def _sort_key(row: QuarantineRow) -> str:
    return f"{row.lane}#{lanes.pad(row.sequence)}#{row.index:05d}"


def _partition(day: str, sort: str) -> str:
    return f"quarantine#{day}#{crc32(sort.encode()) % PARTITIONS}"


def _item(row: QuarantineRow, day: str, sort: str) -> dict[str, Any]:
    texts = {
        "pk": _partition(day, sort),
        "sk": sort,
        "reason": row.reason,
        "detail": row.detail,
        "at": iso_of(row.arrival_ms),
        "account": row.account,
        "message_id": row.message_id,
    }
    item: dict[str, Any] = {name: {"S": text} for name, text in texts.items() if text is not None}
    return {**item, "bytes": {"N": str(len(row.payload))}}


def _days(table: Any) -> list[str]:
    found = table.query(KeyConditionExpression=Key("pk").eq(DAYS_KEY), ScanIndexForward=False)
    return [str(item["sk"]) for item in found["Items"]]


def _items(
    table: Any, *, days: list[str], reason: str | None, after: tuple[str, str] | None
) -> Iterator[dict[str, Any]]:
    place = (after[0], _partition(*after)) if after else None
    for day in days:
        for number in range(PARTITIONS):
            partition = f"quarantine#{day}#{number}"
            if place is None or (day == place[0] and partition == place[1]):
                condition = Key("pk").eq(partition)
                if place is not None and after is not None:
                    condition &= Key("sk").gt(after[1])
                    place = None
                yield from _query(table, condition, reason)


def _query(table: Any, condition: Any, reason: str | None) -> Iterator[dict[str, Any]]:
    query: dict[str, Any] = {"KeyConditionExpression": condition, "Limit": _PAGE}
    if reason is not None:
        query["FilterExpression"] = Attr("reason").eq(reason)
    while True:
        found = table.query(**query)
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        query["ExclusiveStartKey"] = found["LastEvaluatedKey"]


def _get(table: Any, row_id: str) -> dict[str, Any] | None:
    day, sort = _decode(row_id)
    item: dict[str, Any] | None = table.get_item(Key={"pk": _partition(day, sort), "sk": sort}).get("Item")
    return item


def _quarantined(item: dict[str, Any]) -> Quarantined:
    payload = item.get("payload")
    return Quarantined(
        id=row_id(str(item["at"])[:10], str(item["sk"])),
        reason=str(item["reason"]),
        detail=str(item["detail"]),
        at=str(item["at"]),
        bytes=int(item["bytes"]),
        account=item.get("account"),
        message_id=item.get("message_id"),
        payload=None if payload is None else _bytes(payload).decode(errors="backslashreplace"),
        released_at=item.get("released_at"),
    )


def _bytes(payload: Any) -> bytes:
    return payload.encode() if isinstance(payload, str) else bytes(payload)
