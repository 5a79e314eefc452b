"""Many conditional puts at a time, all or none of them; of the refused it is told which were the cause."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from stemtide.ports import ThrottledError
from stemtide.store.errors import code_of, translated

MAX_PUTS: Final = 100
"""Of one transaction (DynamoDB)."""
MAX_BYTES: Final = 3_500_000
"""Of the blobs of one transaction; DynamoDB takes 4 MB of items."""
CANCELLED: Final = "TransactionCanceledException"
CONDITION_FAILED: Final = "ConditionalCheckFailed"
NOTHING_WRONG: Final = "None"


def put_together(client: Any, puts: Sequence[Mapping[str, Any]]) -> list[int]:
    """Put all or none; the indexes of those whose condition does not hold (none of them: all are written).

    Args:
        client: a DynamoDB client, or the client of a table resource; it may be shared by threads.
        puts: at most `MAX_PUTS` of different items, as `Put` of TransactWriteItems.

    Raises:
        ThrottledError: not written; another transaction holds an item, or the table takes no more now.
        UnavailableError: outcome unknown.
    """
    return write_together(client, [{"Put": put} for put in puts])


def write_together(client: Any, writes: Sequence[Mapping[str, Any]]) -> list[int]:
    """Do all or none of the writes of TransactWriteItems; see `put_together`."""
    try:
        with translated():
            client.transact_write_items(TransactItems=writes)
    except ClientError as error:
        if code_of(error) != CANCELLED:
            raise
        return _refused(error)
    return []


def _refused(error: ClientError) -> list[int]:
    reasons = [
        str(reason.get("Code", NOTHING_WRONG)) for reason in error.response.get("CancellationReasons", ())
    ]
    refused = [index for index, reason in enumerate(reasons) if reason == CONDITION_FAILED]
    if refused:
        return refused
    others = sorted({reason for reason in reasons if reason != NOTHING_WRONG})
    if "ValidationError" in others or not others:
        raise error
    raise ThrottledError(", ".join(others)) from error
