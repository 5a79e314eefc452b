"""What is known of each night, in the ingest table: by which version it began, what became of it."""

import time
from collections.abc import Mapping
from typing import Any, Final

from boto3.dynamodb.conditions import Key

from stemtide.ports import ConflictError
from stemtide.store.errors import translated
from stemtide.sweep import RULES, SCORED

KEY: Final = "sweep-night"
"""The partition of the rows; `sk` is the night's instant."""
KEPT_S: Final = 400 * 86_400
PAGE: Final = 100


class SweepNights:
    """The nights' rows (`table`: boto3 Table resource of the ingest table): `run` and `model_version` that it
    was last begun by, `state`, and once it is scored `customers`, `at_risk` and `list_key`."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def read(self, night: str) -> dict[str, Any] | None:
        """A night's row, None before it began."""
        with translated():
            found = self._table.get_item(Key={"pk": KEY, "sk": night}, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item

    def begin(self, night: str, *, run: str, version: str | None) -> None:
        """Note that a run begins to score the night by a version; batches of another stop from then on."""
        self._update(night, {"run": run, "model_version": version or RULES, "state": "running"})

    def abort(self, night: str, *, run: str, cause: str) -> None:
        """Note that a run was kept from scoring the night; one that is scored stays so, as does the version
        that half of it may be scored by."""
        facts = {"state": "aborted", "aborted_run": run, "cause": cause}
        self._update(night, facts, only_if="attribute_not_exists(#state) OR #state <> :scored")

    def note(self, night: str, *, run: str, facts: Mapping[str, Any]) -> None:
        """Note what became of a night, unless another run has begun it since."""
        self._update(night, facts, only_if="#run = :of_run", of_run=run)

    def taken_over(self, night: str, *, version: str | None) -> str | None:
        """The run that has begun the night anew by another version, None: nobody has."""
        row = self.read(night)
        if row is None or row.get("model_version") == (version or RULES):
            return None
        return str(row["run"])

    def before(self, night: str, *, state: str, limit: int) -> list[dict[str, Any]]:
        """The latest nights before one that are in a state, newest first, among the last 100."""
        with translated():
            found = self._table.query(
                KeyConditionExpression=Key("pk").eq(KEY) & Key("sk").lt(night),
                ScanIndexForward=False,
                Limit=PAGE,
                ConsistentRead=True,
            )
        return [item for item in found["Items"] if item.get("state") == state][:limit]

    def _update(
        self, night: str, facts: Mapping[str, Any], *, only_if: str = "", of_run: str | None = None
    ) -> None:
        given = {**facts, "expires_at": int(time.time()) + KEPT_S}
        names = {f"#{name}": name for name in given}
        values = {f":{name}": value for name, value in given.items()}
        condition: dict[str, Any] = {"ConditionExpression": only_if} if only_if else {}
        if of_run is not None:
            names["#run"], values[":of_run"] = "run", of_run
        elif only_if:
            values[":scored"] = SCORED
        try:
            with translated():
                self._table.update_item(
                    Key={"pk": KEY, "sk": night},
                    UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in given),
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                    **condition,
                )
        except ConflictError:
            return
