"""Every account that has a record, by the index that holds all of them."""

from collections.abc import Iterator
from typing import Any, Final

from boto3.dynamodb.conditions import Key

from stemtide.scoring.assessment import Tier
from stemtide.store.errors import translated

INDEX: Final = "by_risk"
UNSCORED: Final = "none"


def list_accounts(table: Any) -> Iterator[tuple[str, str | None]]:
    """Each account once, with its latest day of usage.

    An account whose tier changes while the tiers are read may be missed: it has been scored that moment.

    Args:
        table: boto3 Table resource of the accounts table.
    """
    seen: set[str] = set()
    for tier in (UNSCORED, *Tier):
        for item in _of_tier(table, tier):
            account = str(item["account"])
            if account not in seen:
                seen.add(account)
                yield account, str(item["last_day"]) if "last_day" in item else None


def _of_tier(table: Any, tier: str) -> Iterator[dict[str, Any]]:
    page: dict[str, Any] = {}
    while True:
        with translated():
            found = table.query(
                IndexName=INDEX,
                KeyConditionExpression=Key("tier").eq(tier),
                ProjectionExpression="#account, last_day",
                ExpressionAttributeNames={"#account": "account"},
                **page,
            )
        yield from found["Items"]
        if "LastEvaluatedKey" not in found:
            return
        page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}
