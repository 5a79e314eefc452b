"""The usage table: conditional writes for the aggregates, days for the readers."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from boto3.dynamodb.conditions import Attr, Key

from stemtide import users
from stemtide.calls import day_of_index
from stemtide.commit import USERS_SUFFIX
from stemtide.ports import (
    AFTER_DAYS,
    CUTOVER_SORT,
    LATE,
    LOGIN,
    StoredState,
    ThrottledError,
    UsageRow,
    is_day,
)
from stemtide.state import decode
from stemtide.store.errors import translated
from stemtide.users import Users

DAY_S: Final = 86_400
MARGIN_S: Final = 300
"""A day counts as over so long before it is: clocks differ, and a write may take its time."""
FIRST_DAYS: Final = 3
"""Items read to find the first day with usage: nearly always the first is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUsage:
    """One account's usage on one UTC day; `events` and `by_event` are weights, times epoch ms.

    `users` are those that `active_users` counts, `commenters` those of them who commented.
    """

    date: date
    events: int
    active_users: int
    by_event: dict[str, int]
    calls: int
    duplicates: int
    first_ms: int
    last_ms: int
    users: Users
    commenters: Users


class DynamoUsageItems:
    """`ports.UsageItems` on the table. The client may be shared by threads."""

    def __init__(self, *, client: Any, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def get(self, account: str, sort: str) -> StoredState | None:
        """The item as of now."""
        with translated():
            item = self._client.get_item(
                TableName=self._table_name,
                Key={"account": {"S": account}, "day": {"S": sort}},
                ProjectionExpression="v, s, expires_at",
                ConsistentRead=True,
            ).get("Item")
        return None if item is None else stored_of(item)

    def get_day(self, account: str, day: str) -> tuple[StoredState | None, StoredState | None]:
        """The day's item and the account's cutover item, in one request."""
        keys = [{"account": {"S": account}, "day": {"S": sort}} for sort in (day, CUTOVER_SORT)]
        wanted = {"Keys": keys, "ProjectionExpression": "#day, v, s, expires_at", "ConsistentRead": True}
        wanted["ExpressionAttributeNames"] = {"#day": "day"}
        with translated():
            found = self._client.batch_get_item(RequestItems={self._table_name: wanted})
        if found.get("UnprocessedKeys"):
            raise ThrottledError
        items = {item["day"]["S"]: stored_of(item) for item in found["Responses"][self._table_name]}
        return items.get(day), items.get(CUTOVER_SORT)

    def put(self, row: UsageRow) -> None:
        """Write version n over version n - 1.

        Without the condition a zombie of a timed-out invocation would undo its successor:

            zombie                      successor
            reads v=7
                                        reads v=7, folds records 1-5, puts v=8
            folds records 1-3, puts v=8  -> refused: the item has v=8, not 7
            re-reads: mark is 5, nothing of 1-3 is left to apply

        A lost reply looks the same: the SDK's retry meets the first attempt's own v=8, and the re-read
        finds everything applied.
        """
        with translated():
            self._client.put_item(TableName=self._table_name, **put_of(row))


def put_of(row: UsageRow) -> dict[str, Any]:
    """A put of the row over the version before it: `Item` and condition of PutItem and of a transaction."""
    item = {
        "account": {"S": row.account},
        "day": {"S": row.sort},
        "v": {"N": str(row.version)},
        "s": {"B": row.blob},
        "events": {"N": str(row.events)},
        "expires_at": {"N": str(row.expires_at)},
    }
    if is_day(row.sort) and row.sort < day_of_index(int(time.time() + MARGIN_S) // DAY_S):
        item[LATE] = {"BOOL": True}
    if row.login_ms is not None:
        item[LOGIN] = {"N": str(row.login_ms)}
    if row.version == 1:
        return {"Item": item, "ConditionExpression": "attribute_not_exists(account)"}
    return {
        "Item": item,
        "ConditionExpression": "v = :read",
        "ExpressionAttributeValues": {":read": {"N": str(row.version - 1)}},
    }


def stored_of(item: dict[str, Any]) -> StoredState:
    """What is stored in an item as DynamoDB answers it."""
    return StoredState(
        version=int(item["v"]["N"]), blob=item["s"]["B"], expires_at=int(item["expires_at"]["N"])
    )


def read_days(table: Any, account: str, first: date, last: date) -> list[DayUsage]:
    """The account's days with usage from `first` to `last` (both included), oldest first.

    Args:
        table: boto3 Table resource of the usage table; only its client is used, which threads may share.
        account: account id.
        first: UTC date.
        last: UTC date.
    """
    between = Key("day").between(first.isoformat(), f"{last.isoformat()}~")
    items = {str(item["day"]): item for item in _query(table, account, between, ConsistentRead=True)}
    days = (
        _day_usage(item, items.get(f"{day}{USERS_SUFFIX}"))
        for day, item in sorted(items.items())
        if is_day(day)
    )
    return [day for day in days if day.calls]


def account_seen(table: Any, account: str) -> bool:
    """Whether the usage table (boto3 Table resource) holds any day with usage of the account."""
    return first_day_seen(table, account) is not None


def first_day_seen(table: Any, account: str) -> date | None:
    """The first UTC day of which the usage table holds usage of the account."""
    found = _query(
        table,
        account,
        Key("day").lt(AFTER_DAYS),
        ConsistentRead=True,
        Limit=FIRST_DAYS,
        FilterExpression=Attr("events").gt(0),
        ProjectionExpression="#day",
        ExpressionAttributeNames={"#day": "day"},
    )
    return next((date.fromisoformat(str(item["day"])[:10]) for item in found), None)


def _query(table: Any, account: str, days: Any, **more: Any) -> Iterator[dict[str, Any]]:
    page: dict[str, Any] = {}
    while True:
        found = table.meta.client.query(
            TableName=table.name, KeyConditionExpression=Key("account").eq(account) & days, **more, **page
        )
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}


def _day_usage(item: dict[str, Any], users_item: dict[str, Any] | None) -> DayUsage:
    state = decode(bytes(item["s"]))
    present = Users(state.users)
    if state.spilled:
        if users_item is None:
            raise LookupError(f"the users of {item['account']} on {item['day']} are missing from the table")
        present = users.decode(bytes(users_item["s"]))
    return DayUsage(
        date=date.fromisoformat(str(item["day"])),
        events=state.events,
        active_users=users.count(present),
        by_event=state.by_event,
        calls=state.calls,
        duplicates=state.duplicates,
        first_ms=state.first_ms or 0,
        last_ms=state.last_ms or 0,
        users=present,
        commenters=users.decode(state.commenters) if state.commenters else users.NOBODY,
    )
