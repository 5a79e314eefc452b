"""The list of customer records by risk: pages over the accounts table's two indexes."""

import base64
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import msgspec
from boto3.dynamodb.conditions import Attr, Key

from stemtide import tables
from stemtide.calls import is_account_id
from stemtide.scoring.assessment import Tier
from stemtide.store import record_keys as keys
from stemtide.store.errors import translated

BY_RISK: Final = tables.ACCOUNTS.indexes[0]
BY_CSM: Final = tables.ACCOUNTS.indexes[1]
SCORED: Final = (Tier.LOW, Tier.MEDIUM, Tier.HIGH, Tier.CRITICAL)
"""By falling score the tiers follow one another the other way round: a tier is a range of scores."""
_QUERY_LIMIT: Final = 100


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """After which record a page ends: its pass and place, and the filters the list was asked with."""

    asked: str
    turn: int
    risk_key: str
    account: str


class _Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One query of the several whose results, one after the other, are the list."""

    index: tables.Index
    partition: str
    tier_is: str | None = None
    tier_is_not: str | None = None


def read_page(
    client: Any,
    table: str,
    *,
    tier: str | None,
    csm: str | None,
    descending: bool,
    cursor: str | None,
    limit: int,
) -> keys.RecordPage:
    """See `Records.list_records`.

    Raises:
        ValueError: not a cursor of this list with these filters.
    """
    csm_key = None if csm is None else csm.lower()
    asked = msgspec.json.encode([tier, csm_key, descending]).decode()
    passes = _passes(tier, csm_key, descending=descending)
    after = None if cursor is None else _decoded(cursor, asked=asked, passes=len(passes))
    found: list[keys.StoredRecord] = []
    last: _Cursor | None = None
    for turn, item in _items(client, table, passes, after, descending=descending):
        if len(found) == limit:
            return keys.RecordPage(records=found, cursor=None if last is None else _encoded(last))
        found.append(keys.record_in(item))
        last = _Cursor(asked, turn, item["risk_key"], item["account"])
    return keys.RecordPage(records=found, cursor=None)


def _passes(tier: str | None, csm_key: str | None, *, descending: bool) -> list[_Pass]:
    if csm_key is not None:
        of_csm = partial(_Pass, index=BY_CSM, partition=csm_key)
        if tier is not None:
            return [of_csm(tier_is=tier)]
        return [of_csm(tier_is_not=keys.UNSCORED), of_csm(tier_is=keys.UNSCORED)]
    scored = SCORED[::-1] if descending else SCORED
    tiers = [tier] if tier is not None else [*(t.value for t in scored), keys.UNSCORED]
    return [_Pass(index=BY_RISK, partition=one) for one in tiers]


def _items(
    client: Any, table: str, passes: list[_Pass], after: _Cursor | None, *, descending: bool
) -> Iterator[tuple[int, dict[str, Any]]]:
    first = 0 if after is None else after.turn
    for turn in range(first, len(passes)):
        start = after if turn == first else None
        for item in _query(client, table, passes[turn], start, descending=descending):
            yield turn, item


def _query(
    client: Any, table: str, one: _Pass, after: _Cursor | None, *, descending: bool
) -> Iterator[dict[str, Any]]:
    query: dict[str, Any] = {
        "TableName": table,
        "IndexName": one.index.name,
        "KeyConditionExpression": Key(one.index.partition_key).eq(one.partition),
        "ScanIndexForward": not descending,
        "Limit": _QUERY_LIMIT,
    }
    if one.tier_is is not None:
        query["FilterExpression"] = Attr("tier").eq(one.tier_is)
    elif one.tier_is_not is not None:
        query["FilterExpression"] = Attr("tier").ne(one.tier_is_not)
    if after is not None:
        query["ExclusiveStartKey"] = {
            "account": after.account,
            "item": keys.RECORD,
            one.index.sort_key: after.risk_key,
            one.index.partition_key: one.partition,
        }
    while True:
        with translated():
            found = client.query(**query)
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        query["ExclusiveStartKey"] = found["LastEvaluatedKey"]


def _encoded(cursor: _Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _decoded(text: str, *, asked: str, passes: int) -> _Cursor:
    """The cursor in a text from outside: only what can be a place of this very list."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = msgspec.json.decode(raw, type=_Cursor)
    except (ValueError, msgspec.DecodeError):
        raise ValueError("not a cursor of this list") from None
    place = cursor.risk_key.partition("#")
    if cursor.asked != asked or not 0 <= cursor.turn < passes or not is_account_id(cursor.account):
        raise ValueError("not a cursor of this list with these filters")
    if len(place[0]) != 3 or not (place[0].isascii() and place[0].isdigit()) or place[2] != cursor.account:
        raise ValueError("not a cursor of this list")
    return cursor
