"""What was withheld of accounts: rows beside their scores, for timelines and reports."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.as_of import as_of_text
from stemtide.ports import ConflictError
from stemtide.shadow import Withheld
from stemtide.store.errors import translated
from stemtide.store.record_keys import KEPT_S, WITHHELD_PREFIX
from stemtide.store.record_rows import query_rows


@dataclass(frozen=True, slots=True)
class WithheldRows:
    """Rows of the accounts table (boto3 Table resource), one per withheld fact."""

    table: Any

    def put(self, withheld: Withheld) -> bool:
        """Note what was withheld; False if it was noted before.

        Raises:
            UnavailableError: outcome unknown; a repetition changes nothing.
        """
        item = {
            "account": withheld.account,
            "item": f"{WITHHELD_PREFIX}{withheld.as_of}#{withheld.id}",
            "withheld": msgspec.json.encode(withheld).decode(),
            "expires_at": int(time.time()) + KEPT_S,
        }
        try:
            with translated():
                self.table.meta.client.put_item(
                    TableName=self.table.name,
                    Item=item,
                    ConditionExpression="attribute_not_exists(account)",
                )
        except ConflictError:
            return False
        return True

    def of(self, account: str, from_ms: int, to_ms: int) -> Iterator[Withheld]:
        """What was withheld of an account as of instants from `from_ms` to `to_ms`, oldest first."""
        first, last = (f"{WITHHELD_PREFIX}{as_of_text(at_ms)}" for at_ms in (from_ms, to_ms))
        condition = Key("account").eq(account) & Key("item").between(first, f"{last}~")
        for item in query_rows(self.table, condition):
            yield msgspec.json.decode(item["withheld"], type=Withheld)
