"""A whole table, page by page."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stemtide.ports import SideBySide
from stemtide.store.errors import translated

SEGMENTS: Final = 8
"""Parts of a table that are read side by side, each a request of 1 MB in flight."""


def scan(
    client: Any, query: Mapping[str, Any], *, side_by_side: SideBySide, segments: int
) -> Iterator[list[dict[str, Any]]]:
    """Every item that a query finds once, some at a time and in no order; what is written meanwhile may be
    missed.

    Args:
        client: DynamoDB client, which threads may share.
        query: what a Scan is asked, without the place it goes on from.
        side_by_side: runs the requests.
        segments: how many at a time. 1 where a table cannot be read in segments.

    Raises:
        UnavailableError: no answer.
    """

    def read(page: dict[str, Any]) -> dict[str, Any]:
        with translated():
            answer: dict[str, Any] = client.scan(**query, **page)
        return answer

    parts = [{"Segment": number, "TotalSegments": segments} for number in range(segments)]
    pages: list[dict[str, Any]] = [{}] if segments == 1 else list(parts)
    while pages:
        answers = side_by_side(read, pages)
        yield [item for answer in answers for item in answer["Items"]]
        pages = [
            {**page, "ExclusiveStartKey": answer["LastEvaluatedKey"]}
            for page, answer in zip(pages, answers, strict=True)
            if "LastEvaluatedKey" in answer
        ]
