"""Single scores of an account's past."""

from typing import Any

from boto3.dynamodb.conditions import Key

from stemtide.as_of import as_of_text
from stemtide.store.errors import translated
from stemtide.store.record_keys import SCORE_PREFIX, StoredScore, score_in


def last_score_before(table: Any, account: str, at_ms: int) -> StoredScore | None:
    """The account's newest score made for an instant before `at_ms`, None without any.

    Of several at one instant it is any of them.

    Args:
        table: boto3 Table resource of the accounts table.

    Raises:
        UnavailableError: no answer.
    """
    before = Key("item").between(SCORE_PREFIX, f"{SCORE_PREFIX}{as_of_text(at_ms)}")
    with translated():
        found = table.meta.client.query(
            TableName=table.name,
            KeyConditionExpression=Key("account").eq(account) & before,
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
    return score_in(found["Items"][0]) if found["Items"] else None
