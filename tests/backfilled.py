"""What a usage table holds, as backfill and stream must agree on it."""

from typing import Any

from stemtide import users
from stemtide.canonical import Projection, project
from stemtide.commit import USERS_SUFFIX
from stemtide.ports import is_day
from stemtide.state import State, decode
from stemtide.users import Users

Usage = dict[tuple[str, str], Projection]


def usage_in(table: Any) -> Usage:
    """Every day with usage in the table (boto3 Table resource), by account and day."""
    return projected({key: bytes(item["s"]) for key, item in items_in(table).items()})


def items_in(table: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Every item of the table by its keys."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    page: dict[str, Any] = {}
    while True:
        answer = table.scan(ConsistentRead=True, **page)
        found |= {(str(item["account"]), str(item["day"])): item for item in answer["Items"]}
        if "LastEvaluatedKey" not in answer:
            return found
        page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def projected(blobs: dict[tuple[str, str], bytes]) -> Usage:
    """The same of encoded items."""
    found: Usage = {}
    for (account, sort), blob in blobs.items():
        if is_day(sort) and (state := decode(blob)).calls:
            found[account, sort] = project(state, users_of(state, blobs.get((account, sort + USERS_SUFFIX))))
    return found


def users_of(state: State, blob: bytes | None) -> Users:
    """The distinct users of a day."""
    if not state.spilled:
        return Users(state.users)
    assert blob is not None
    return users.decode(blob)
