"""The facts of all accounts, by one scan of the accounts table."""

from collections.abc import Iterator
from typing import Any

from stemtide.facts import Fact
from stemtide.ports import SideBySide
from stemtide.store.record_keys import FACT_PREFIX, fact_in
from stemtide.store.table_scan import SEGMENTS, scan


def scan_facts(
    client: Any, table_name: str, *, side_by_side: SideBySide, segments: int = SEGMENTS
) -> Iterator[list[tuple[str, Fact]]]:
    """Every fact with its account once, some at a time and in no order.

    The rows of scores, of which there are more, are read and left out at the table.

    Args:
        client: DynamoDB client, which threads may share.
        table_name: the accounts table.
        side_by_side: runs the requests.
        segments: how many at a time. 1 where a table cannot be read in segments.

    Raises:
        UnavailableError: no answer.
    """
    query = {
        "TableName": table_name,
        "ProjectionExpression": "account, fact",
        "FilterExpression": "begins_with(#item, :fact)",
        "ExpressionAttributeNames": {"#item": "item"},
        "ExpressionAttributeValues": {":fact": {"S": FACT_PREFIX}},
        "ConsistentRead": True,
    }
    for items in scan(client, query, side_by_side=side_by_side, segments=segments):
        yield [(item["account"]["S"], fact_in({"fact": item["fact"]["S"]})) for item in items]
