"""The usage table in the form in which two tables are compared."""

from collections.abc import Iterator
from typing import Any

from boto3.dynamodb.conditions import Key

from stemtide import users
from stemtide.canonical import Projection, project
from stemtide.commit import USERS_SUFFIX
from stemtide.ports import is_day
from stemtide.state import decode
from stemtide.store.errors import translated
from stemtide.users import Users


def read_projections(table: Any, *, account: str | None = None) -> Iterator[tuple[str, str, Projection]]:
    """(account, day, projection) of every day in the table, or of one account's days.

    Args:
        table: boto3 Table resource of the usage table.
        account: account id; None: all, by a scan.

    Raises:
        LookupError: a day's users are not in the table.
        UnavailableError: no answer.
    """
    for item in _items(table, account):
        if not is_day(str(item["day"])):
            continue
        state = decode(bytes(item["s"]))
        present = _users_of(table, item) if state.spilled else Users(state.users)
        yield str(item["account"]), str(item["day"]), project(state, present)


def _items(table: Any, account: str | None) -> Iterator[dict[str, Any]]:
    page: dict[str, Any] = {"ConsistentRead": True}
    if account is not None:
        page["KeyConditionExpression"] = Key("account").eq(account)
    read = table.scan if account is None else table.query
    while True:
        with translated():
            found = read(**page)
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        page["ExclusiveStartKey"] = found["LastEvaluatedKey"]


def _users_of(table: Any, item: dict[str, Any]) -> Users:
    key = {"account": item["account"], "day": f"{item['day']}{USERS_SUFFIX}"}
    with translated():
        kept = table.get_item(Key=key, ConsistentRead=True).get("Item")
    if kept is None:
        raise LookupError(f"the users of {item['account']} on {item['day']} are missing from the table")
    return users.decode(bytes(kept["s"]))
