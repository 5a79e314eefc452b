"""The accounts' books, in the billing table: a row each, with the facts that are owed."""

from typing import Any

import msgspec

from stemtide.billing.book import Book
from stemtide.billing.ports import StoredBook
from stemtide.store.errors import translated


class BillingBooks:
    """`billing.ports.Books` on the billing table (boto3 Table resource)."""

    def __init__(self, table: Any) -> None:
        self._client = table.meta.client
        self._name = table.name

    def get(self, account: str, /) -> StoredBook:
        """See the port."""
        with translated():
            found = self._client.get_item(TableName=self._name, Key=_key(account), ConsistentRead=True)
        item = found.get("Item")
        if item is None:
            return StoredBook()
        return StoredBook(
            book=msgspec.json.decode(str(item["body"]), type=Book), version=int(item["version"])
        )

    def put(self, account: str, stored: StoredBook, /) -> None:
        """See the port.

        event A                           event B
        reads version 3
                                          reads version 3, writes version 4
        writes version 4 -> refused: it is 4
        """
        condition = "version = :before"
        if stored.version == 1:
            condition = "attribute_not_exists(pk)"
        values = {} if stored.version == 1 else {"ExpressionAttributeValues": {":before": stored.version - 1}}
        with translated():
            self._client.put_item(
                TableName=self._name,
                Item={
                    **_key(account),
                    "version": stored.version,
                    "body": msgspec.json.encode(stored.book).decode(),
                },
                ConditionExpression=condition,
                **values,
            )


def _key(account: str) -> dict[str, str]:
    return {"pk": f"account#{account}", "sk": "book"}
