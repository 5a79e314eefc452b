"""The usage table as a backfill reads and writes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stemtide.ports import BACKFILLED, CUTOVER_SORT, StoredState, UsageRow
from stemtide.store.batches import put_together
from stemtide.store.errors import translated
from stemtide.store.usage import put_of, stored_of


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillItems:
    """Reads and writes the table `table_name` through `client` (DynamoDB, may be shared by threads)."""

    client: Any
    table_name: str

    def of(self, account: str, *, backfilled: bool = False) -> dict[str, StoredState]:
        """The account's items by sort key: what the stream has written, the cutover in any case.

        Args:
            backfilled: also what a backfill has written and the stream has not touched since.

        Raises:
            UnavailableError: no answer.
        """
        query: dict[str, Any] = {
            "TableName": self.table_name,
            "KeyConditionExpression": "account = :account",
            "ExpressionAttributeValues": {":account": {"S": account}},
            "ProjectionExpression": "#day, v, s, expires_at",
            "ExpressionAttributeNames": {"#day": "day"},
            "ConsistentRead": True,
        }
        if not backfilled:
            query["FilterExpression"] = "attribute_not_exists(#backfilled) OR #backfilled = :false"
            query["ExpressionAttributeNames"]["#backfilled"] = BACKFILLED
            query["ExpressionAttributeValues"][":false"] = {"BOOL": False}
        found: dict[str, StoredState] = {}
        page: dict[str, Any] = {}
        while True:
            with translated():
                answer = self.client.query(**query, **page)
            found |= {item["day"]["S"]: stored_of(item) for item in answer["Items"]}
            if "LastEvaluatedKey" not in answer:
                return found
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def put(self, rows: Sequence[UsageRow]) -> list[int]:
        """Write all rows or none; the indexes of those whose condition does not hold (see `put_together`).

        An old day that is put in is nobody's first use of a day: the mark keeps it from the detector. The
        cutover has the mark too, and says there that it is no day.
        """
        puts = []
        for row in rows:
            put = put_of(row)
            put["Item"][BACKFILLED] = {"BOOL": row.sort != CUTOVER_SORT}
            puts.append({"TableName": self.table_name, **put})
        return put_together(self.client, puts)
