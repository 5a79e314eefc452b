"""The usage table's items as day rows: what the history is merged with."""

from collections.abc import Iterable, Iterator
from typing import Any

from boto3.dynamodb.conditions import Key

from stemtide import users
from stemtide.calls import day_number, day_of_index
from stemtide.commit import USERS_SUFFIX
from stemtide.history_rows import DayRow, row_of
from stemtide.ports import is_day
from stemtide.state import decode
from stemtide.store.errors import translated
from stemtide.users import Users

Stored = dict[str, Any]


def read_rows(table: Any, first: int, last: int, *, account: str | None = None) -> Iterator[DayRow]:
    """The days from `first` to `last` (both included, since the epoch), those without calls too.

    Args:
        table: boto3 Table resource of the usage table.
        account: account id; None: all, by a scan.

    Raises:
        LookupError: a day's users are not in the table.
        UnavailableError: no answer.
    """
    ends = day_of_index(first), f"{day_of_index(last)}~"
    for item, kept in _with_users(_items(table, *ends, account)):
        sort = str(item["day"])
        state = decode(bytes(item["s"]))
        present = _users_of(table, item, kept) if state.spilled else Users(state.users)
        yield row_of(str(item["account"]), day_number(sort), int(item["v"]), state, present)


def _items(table: Any, first: str, last: str, account: str | None) -> Iterator[Stored]:
    page: dict[str, Any] = {"ConsistentRead": True}
    if account is None:
        read, page["FilterExpression"] = table.scan, Key("day").between(first, last)
    else:
        read = table.query
        page["KeyConditionExpression"] = Key("account").eq(account) & Key("day").between(first, last)
    while True:
        with translated():
            found = read(**page)
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        page["ExclusiveStartKey"] = found["LastEvaluatedKey"]


def _with_users(items: Iterable[Stored]) -> Iterator[tuple[Stored, Stored | None]]:
    """Each day with the users item that comes after it: an account's items come by their sort keys."""
    day: Stored | None = None
    for item in items:
        if is_day(str(item["day"])):
            if day is not None:
                yield day, None
            day = item
        elif day is not None and _are_its_users(item, day):
            yield day, item
            day = None
    if day is not None:
        yield day, None


def _are_its_users(item: Stored, day: Stored) -> bool:
    return bool(item["account"] == day["account"] and item["day"] == f"{day['day']}{USERS_SUFFIX}")


def _users_of(table: Any, item: Stored, kept: Stored | None) -> Users:
    """Of the item that came with the day, else of what is there by now."""
    key = {"account": item["account"], "day": f"{item['day']}{USERS_SUFFIX}"}
    if kept is None:
        with translated():
            kept = table.get_item(Key=key, ConsistentRead=True).get("Item")
    if kept is None:
        raise LookupError(f"the users of {item['account']} on {item['day']} are missing from the table")
    return users.decode(bytes(kept["s"]))
