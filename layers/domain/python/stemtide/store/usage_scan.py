"""The whole usage table, page by page."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from stemtide.ports import SideBySide
from stemtide.store.errors import translated

SEGMENTS: Final = 8
"""Parts of the table that are read side by side, each a request of 1 MB in flight."""


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

    def read(page: dict[str, Any]) -> dict[str, Any]:
        with translated():
            answer: dict[str, Any] = client.scan(**query, **page)
        return answer

    parts = [{"Segment": number, "TotalSegments": segments} for number in range(segments)]
    pages: list[dict[str, Any]] = [{}] if segments == 1 else list(parts)
    while pages:
        answers = side_by_side(read, pages)
        yield [
            UsageItem(item["account"]["S"], item["day"]["S"], item["s"]["B"])
            for answer in answers
            for item in answer["Items"]
        ]
        pages = [
            {**page, "ExclusiveStartKey": answer["LastEvaluatedKey"]}
            for page, answer in zip(pages, answers, strict=True)
            if "LastEvaluatedKey" in answer
        ]
