"""The whole usage table, page by page."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from stemtide.ports import SideBySide
from stemtide.store.table_scan import SEGMENTS, scan


class UsageItem(NamedTuple):
    """An item of any kind: its keys and its encoded content."""

    account: str
    sort: str
    blob: bytes


def scan_usage(
    client: Any, table_name: str, *, side_by_side: SideBySide, segments: int = SEGMENTS
) -> Iterator[list[UsageItem]]:
    """Every item once, some at a time and in no order; what is written meanwhile may be missed.

    Args:
        client: DynamoDB client, which threads may share.
        table_name: the usage table.
        side_by_side: runs the requests.
        segments: how many at a time. 1 where a table cannot be read in segments.

    Raises:
        UnavailableError: no answer.
    """
    query = {
        "TableName": table_name,
        "ProjectionExpression": "account, #day, s",
        "ExpressionAttributeNames": {"#day": "day"},
        "ConsistentRead": True,
    }
    for items in scan(client, query, side_by_side=side_by_side, segments=segments):
        yield [UsageItem(item["account"]["S"], item["day"]["S"], item["s"]["B"]) for item in items]
