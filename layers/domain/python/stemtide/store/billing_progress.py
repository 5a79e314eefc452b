"""How far reconciles with the payment provider have come, in the billing table."""

from typing import Any, Final

import msgspec

from stemtide.billing.reconcile import Progress
from stemtide.store.errors import translated

_KEY: Final = {"pk": "reconcile", "sk": "progress"}


class BillingProgress:
    """The one row (boto3 Table resource of the billing table)."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def read(self) -> Progress | None:
        """As of now, None before the first reconcile.

        Raises:
            UnavailableError: no answer.
        """
        with translated():
            found = self._table.get_item(Key=_KEY, ConsistentRead=True)
        item = found.get("Item")
        return None if item is None else msgspec.json.decode(str(item["progress"]), type=Progress)

    def save(self, progress: Progress) -> None:
        """Write it; an older one only makes the next reconcile list more.

        Raises:
            UnavailableError: outcome unknown.
        """
        with translated():
            self._table.put_item(Item={**_KEY, "progress": msgspec.json.encode(progress).decode()})
