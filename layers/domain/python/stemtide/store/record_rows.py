"""Reading the accounts table's rows page by page."""

from collections.abc import Iterator
from typing import Any

from stemtide.store.errors import translated


def query_rows(table: Any, condition: Any, **options: Any) -> Iterator[dict[str, Any]]:
    """Every item that a key condition finds, in the order of the sort key.

    Args:
        table: boto3 Table resource; only its client is used, which threads may share.
        options: what a Query takes besides.

    Raises:
        UnavailableError: no answer.
    """
    page: dict[str, Any] = {}
    while True:
        with translated():
            found = table.meta.client.query(
                TableName=table.name,
                KeyConditionExpression=condition,
                ConsistentRead=True,
                **options,
                **page,
            )
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}
