"""How far the consumers of the tables' streams have come.

A delivery does not name its shard, so a consumer leaves a mark at the last change of each batch that it has
worked off. The last change of a shard that concerns it is the last of some batch: it is worked off when
its mark is there. For a batch that Lambda gave up, whoever registers its payload leaves the mark.
"""

import time
from typing import Any, Final

from stemtide.store.errors import translated

KEPT_S: Final = 30 * 3600
"""A stream holds a change for a day; its mark is of use a little longer."""


def leave_mark(table: Any, consumer: str, sequence: str) -> None:
    """Note that the consumer has worked off a batch that ends with this change.

    Args:
        table: boto3 Table resource of the ingest table.
    """
    with translated():
        table.put_item(
            Item={
                "pk": marks_key(consumer),
                "sk": sequence,
                "expires_at": int(time.time()) + KEPT_S,
            }
        )


def has_mark(table: Any, consumer: str, sequence: str) -> bool:
    """Whether a batch that ends with this change was worked off."""
    with translated():
        found = table.get_item(Key={"pk": marks_key(consumer), "sk": sequence}, ConsistentRead=True)
    return "Item" in found


def marks_key(consumer: str) -> str:
    """The partition key of a consumer's marks."""
    return f"mark#{consumer}"
