"""The usage table as a recompute writes it."""

from collections.abc import Mapping, Sequence
from typing import Any

from stemtide.ports import BACKFILLED, ConflictError, UsageRow
from stemtide.store import batches
from stemtide.store.errors import TELL_WHAT_STANDS, translated, what_stands
from stemtide.store.usage import DynamoUsageItems, put_of


class RecountItems(DynamoUsageItems):
    """`day_items.UsageStore` on the table.

    `quiet`: days that were missing are brought in as history. They are marked as nobody's first use of a day,
    for the detector, and as no backfill's.
    """

    def __init__(self, *, client: Any, table_name: str, quiet: bool) -> None:
        super().__init__(client=client, table_name=table_name)
        self._quiet = quiet

    def put_together(self, rows: Sequence[UsageRow]) -> None:
        """Write all rows or none, each over the version before it."""
        puts = [self._put_of(row) for row in rows]
        if len(puts) == 1:
            self._put(puts[0])
        elif refused := batches.put_together(self._client, puts):
            raise ConflictError(", ".join(rows[index].sort for index in refused))

    def _put(self, put: Mapping[str, Any]) -> None:
        """The same version of the same state is this very put, which the SDK has sent again."""
        try:
            with translated():
                self._client.put_item(**put, **TELL_WHAT_STANDS)
        except ConflictError as refused:
            stands, version, state = what_stands(refused), put["Item"]["v"]["N"], put["Item"]["s"]["B"]
            if (stands.get("v"), stands.get("s")) != (int(version), state):
                raise

    def _put_of(self, row: UsageRow) -> dict[str, Any]:
        put = put_of(row)
        new = {BACKFILLED: {"BOOL": False}} if self._quiet and row.version == 1 else {}
        return {"TableName": self._table_name, **put, "Item": {**put["Item"], **new}}
