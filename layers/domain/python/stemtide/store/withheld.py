"""What was withheld of accounts: rows beside their scores, for timelines and reports."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.as_of import as_of_text
from stemtide.shadow import Withheld
from stemtide.store.account_items import AccountItems
from stemtide.store.record_keys import KEPT_S, WITHHELD_PREFIX


@dataclass(frozen=True, slots=True)
class WithheldRows:
    """Rows of the accounts table (boto3 Table resource), one per withheld fact."""

    table: Any

    def put(self, withheld: Withheld) -> bool:
        """Note what was withheld; False if it was noted before.

        Raises:
            UnavailableError: outcome unknown; a repetition changes nothing.
        """
        return self._items.put_new(
            {
                "account": withheld.account,
                "item": f"{WITHHELD_PREFIX}{withheld.as_of}#{withheld.id}",
                "withheld": msgspec.json.encode(withheld).decode(),
                "expires_at": int(time.time()) + KEPT_S,
            }
        )

    def of(self, account: str, from_ms: int, to_ms: int) -> Iterator[Withheld]:
        """What was withheld of an account as of instants from `from_ms` to `to_ms`, oldest first."""
        first, last = (f"{WITHHELD_PREFIX}{as_of_text(at_ms)}" for at_ms in (from_ms, to_ms))
        condition = Key("account").eq(account) & Key("item").between(first, f"{last}~")
        for item in self._items.query(condition):
            yield msgspec.json.decode(item["withheld"], type=Withheld)

    @property
    def _items(self) -> AccountItems:
        return AccountItems(client=self.table.meta.client, name=self.table.name)
