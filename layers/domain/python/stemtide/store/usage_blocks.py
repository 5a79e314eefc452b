"""What scoring keeps of each account's usage, in the accounts table: one small row instead of a day's each.

A row says nothing new: it is made of the usage table's closed days, and void as soon as one of them changes.
Whoever makes one reads the row first, then the days, and writes over the row as it was read:

    score                            usage                         detect (from the table's stream)
    reads the row: voids = 4
    reads the days
                                     a late event changes a day
                                                                   voids = 5, empties the row
    writes the row over voids = 4
    -> refused; the next score makes it anew

Had the change come before the days were read, they would have it, and the void would cost one more reading.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from stemtide.ports import ConflictError, ThrottledError
from stemtide.store.errors import translated
from stemtide.store.record_keys import KEPT_S

BLOCK: Final = "usage"
"""Sort key of the rows."""
AT_A_TIME: Final = 100
"""Keys of one BatchGetItem (DynamoDB's limit)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """An account's row: `usage` and `kept` as of the closed day `day`, `whole` the day at which all days were
    read last (days since 1970-01-01); all None in a void one. `digest` tells what they were made with."""

    voids: int
    day: int | None = None
    whole: int | None = None
    digest: str | None = None
    usage: bytes | None = None
    kept: bytes | None = None


@dataclass(frozen=True, slots=True)
class UsageBlocks:
    """Reads and writes the rows in the accounts table (boto3 Table resource; only its client is used, which
    threads may share)."""

    table: Any

    def read(self, account: str) -> Block | None:
        """The account's row; None: it has none, and a change of a day voids nothing.

        Raises:
            UnavailableError: no answer.
        """
        with translated():
            answer = self.table.meta.client.get_item(
                TableName=self.table.name, Key=_key(account), ConsistentRead=True
            )
        return block_in(answer.get("Item"))

    def begin(self, account: str) -> Block:
        """An empty row: from now on a change of a day voids it.

        Whoever has begun at the same time did at 0 as well; if that was voided since, the write is refused.

        Raises:
            UnavailableError: outcome unknown.
        """
        with suppress(ConflictError), translated():
            self.table.meta.client.put_item(
                TableName=self.table.name,
                Item={**_key(account), "voids": 0, "expires_at": int(time.time()) + KEPT_S},
                ConditionExpression="attribute_not_exists(account)",
            )
        return Block(voids=0)

    def write(self, account: str, block: Block) -> bool:
        """Write what was made since the row was read; False if it was voided meanwhile.

        Raises:
            UnavailableError: outcome unknown.
        """
        names = ("day", "whole", "digest", "usage", "kept")
        values = {name: getattr(block, name) for name in names}
        given = {name: value for name, value in values.items() if value is not None}
        given["expires_at"] = int(time.time()) + KEPT_S
        gone = [f"#{name}" for name in names if name not in given]
        sets = "SET " + ", ".join(f"#{name} = :{name}" for name in given)
        try:
            with translated():
                self.table.meta.client.update_item(
                    TableName=self.table.name,
                    Key=_key(account),
                    UpdateExpression=sets + (" REMOVE " + ", ".join(gone) if gone else ""),
                    ConditionExpression="voids = :voids",
                    ExpressionAttributeNames={f"#{name}": name for name in {*names, *given}},
                    ExpressionAttributeValues={
                        **{f":{name}": value for name, value in given.items()},
                        ":voids": block.voids,
                    },
                )
        except ConflictError:
            return False
        return True

    def void(self, accounts: Sequence[str]) -> int:
        """Empty the rows of these accounts; those that have none need no request of their own.

        Raises:
            UnavailableError: outcome unknown; to be repeated.
        """
        found = [
            account
            for start in range(0, len(accounts), AT_A_TIME)
            for account in self._existing(accounts[start : start + AT_A_TIME])
        ]
        for account in found:
            self._void(account)
        return len(found)

    def _existing(self, accounts: Iterable[str]) -> list[str]:
        wanted = {
            "Keys": [_key(account) for account in accounts],
            "ProjectionExpression": "account",
            "ConsistentRead": True,
        }
        with translated():
            answer = self.table.meta.client.batch_get_item(RequestItems={self.table.name: wanted})
        if answer.get("UnprocessedKeys"):
            raise ThrottledError
        return [item["account"] for item in answer["Responses"][self.table.name]]

    def _void(self, account: str) -> None:
        with translated():
            self.table.meta.client.update_item(
                TableName=self.table.name,
                Key=_key(account),
                UpdateExpression="ADD voids :one REMOVE #day, whole, digest, #usage, kept",
                ExpressionAttributeNames={"#day": "day", "#usage": "usage"},
                ExpressionAttributeValues={":one": 1},
            )


def block_in(item: Mapping[str, Any] | None) -> Block | None:
    """The block in its row (None: there is none)."""
    if item is None:
        return None
    return Block(
        voids=int(item["voids"]),
        day=_number(item.get("day")),
        whole=_number(item.get("whole")),
        digest=item.get("digest"),
        usage=_bytes(item.get("usage")),
        kept=_bytes(item.get("kept")),
    )


def _key(account: str) -> dict[str, str]:
    return {"account": account, "item": BLOCK}


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
