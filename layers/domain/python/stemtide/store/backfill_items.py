"""The tables as a backfill reads and writes them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stemtide.facts import Fact
from stemtide.ports import BACKFILLED, CUTOVER_SORT, StoredState, UsageRow
from stemtide.store import record_keys
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
        if backfilled:
            return self._query(account, "account = :account")
        return self._query(
            account,
            "account = :account",
            names={"#backfilled": BACKFILLED},
            values={":false": {"BOOL": False}},
            FilterExpression="attribute_not_exists(#backfilled) OR #backfilled = :false",
        )

    def of_day(self, account: str, day: str) -> dict[str, StoredState]:
        """The items of one day by sort key, whoever has written them.

        Raises:
            UnavailableError: no answer.
        """
        ends = {":first": {"S": day}, ":last": {"S": f"{day}~"}}
        return self._query(account, "account = :account AND #day BETWEEN :first AND :last", values=ends)

    def _query(
        self,
        account: str,
        keys: str,
        *,
        names: Mapping[str, str] = MappingProxyType({}),
        values: Mapping[str, Any] = MappingProxyType({}),
        **more: Any,
    ) -> dict[str, StoredState]:
        query = {
            "TableName": self.table_name,
            "KeyConditionExpression": keys,
            "ExpressionAttributeValues": {":account": {"S": account}, **values},
            "ProjectionExpression": "#day, v, s, expires_at",
            "ExpressionAttributeNames": {"#day": "day", **names},
            "ConsistentRead": True,
            **more,
        }
        found: dict[str, StoredState] = {}
        page: dict[str, Any] = {}
        while True:
            with translated():
                answer = self.client.query(**query, **page)
            found |= {item["day"]["S"]: stored_of(item) for item in answer["Items"]}
            if "LastEvaluatedKey" not in answer:
                return found
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def put(self, rows: Sequence[UsageRow], *, waiting: Collection[tuple[str, str]] = ()) -> list[int]:
        """Write all rows or none; the indexes of those whose condition does not hold (see `put_together`).

        An old day that is put in is nobody's first use of a day: the mark keeps it from the detector. The
        cutover has the mark too, and says there that it is no day; so do the days (account, sort key) that
        are `waiting` for a recompute, so that `of` finds them.
        """
        puts = []
        for row in rows:
            put = put_of(row)
            is_done = row.sort != CUTOVER_SORT and (row.account, row.sort) not in waiting
            put["Item"][BACKFILLED] = {"BOOL": is_done}
            puts.append({"TableName": self.table_name, **put})
        return put_together(self.client, puts)


def put_facts(table: Any, facts: Sequence[tuple[str, Fact]]) -> int:
    """Keep the facts of accounts that are not there yet; returns how many were new.

    Args:
        table: boto3 Table resource of the accounts table; only its client is used, which threads may share.
        facts: with their accounts, at most `batches.MAX_PUTS`.

    Raises:
        ThrottledError: not written.
        UnavailableError: outcome unknown.
    """
    puts = [
        {
            "TableName": table.name,
            "Item": record_keys.fact_item(account, fact),
            "ConditionExpression": "attribute_not_exists(#item)",
            "ExpressionAttributeNames": {"#item": "item"},
        }
        for account, fact in facts
    ]
    while puts:
        known = set(put_together(table.meta.client, puts))
        if not known:
            break
        puts = [put for index, put in enumerate(puts) if index not in known]
    return len(puts)
