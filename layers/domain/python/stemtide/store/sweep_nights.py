"""What is known of each night, in the ingest table: by which version it began, what became of it."""

import time
from collections.abc import Mapping
from typing import Any, Final

from boto3.dynamodb.conditions import Key

from stemtide.ports import ConflictError, UnavailableError
from stemtide.scoring.assessment import RULES_VERSION
from stemtide.store.errors import translated
from stemtide.sweep import RUNNING, SCORED, Begun

KEY: Final = "sweep-night"
"""The partition of the rows; `sk` is the night's instant."""
KEPT_S: Final = 400 * 86_400
PAGE: Final = 100
TRIES: Final = 5
"""Times that others may begin a night between reading and writing."""


class SweepNights:
    """The nights' rows (`table`: boto3 Table resource of the ingest table): `run`, `model_version` (`shadow`)
    that it was last begun by, `begun_ms` when that version began it, `state`, and once it is scored
    `customers`, `at_risk` and `list_key`."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def read(self, night: str) -> dict[str, Any] | None:
        """A night's row, None before it began."""
        with translated():
            found = self._table.get_item(Key={"pk": KEY, "sk": night}, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item

    def begin(self, night: str, *, run: str, version: str | None, shadow: bool, now_ms: int) -> Begun:
        """Note that a run begins to score the night by a version; batches of another stop from then on.

        A run by the version that the night rests on goes on with it. Another one begins it anew, later than
        all before it whatever the clocks say:

            run by v1                       run by v2
            reads: nobody has begun it
                                            begins it at 5
            begins it at 4 -> refused: it was begun
            reads: begun at 5, begins it at 6

        Raises:
            UnavailableError: outcome unknown, or too many others began it.
        """
        for _ in range(TRIES):
            held = self.read(night) or {}
            was = _begun_in(held)
            begun = Begun(version=version, at_ms=max(now_ms, (was.at_ms if was else 0) + 1), shadow=shadow)
            if was is not None and was.version == version:
                begun = was
            facts = {
                "run": run,
                "model_version": version or RULES_VERSION,
                "state": RUNNING,
                "begun_ms": begun.at_ms,
                "shadow": begun.shadow,
            }
            condition, given = "attribute_not_exists(begun_ms)", {}
            if was is not None:
                condition, given = "begun_ms = :was", {":was": was.at_ms}
            if self._update(night, facts, only_if=condition, given=given):
                return begun
        raise UnavailableError("the night was begun by others each time")

    def begun(self, night: str) -> Begun | None:
        """By which version the night was begun last, None: by none."""
        return _begun_in(self.read(night) or {})

    def abort(self, night: str, *, run: str, cause: str) -> None:
        """Note that a run was kept from scoring the night; one that is scored stays so, as does the version
        that half of it may be scored by."""
        facts = {"state": "aborted", "aborted_run": run, "cause": cause}
        not_scored = "attribute_not_exists(#state) OR #state <> :scored"
        self._update(night, facts, only_if=not_scored, given={":scored": SCORED})

    def note(self, night: str, *, run: str, facts: Mapping[str, Any]) -> None:
        """Note what became of a night, unless another run has begun it since."""
        self._update(night, facts, only_if="#run = :of_run", given={":of_run": run})

    def taken_over(self, night: str, *, begun_ms: int) -> str | None:
        """The run that has begun the night anew since, None: nobody has."""
        row = self.read(night) or {}
        return str(row["run"]) if int(row.get("begun_ms", 0)) > begun_ms else None

    def unfinished(self, *, latest: int) -> list[str]:
        """Of the latest nights those that a run has begun to score and none has ended, oldest first."""
        with translated():
            found = self._table.query(
                KeyConditionExpression=Key("pk").eq(KEY),
                ScanIndexForward=False,
                Limit=latest,
                ConsistentRead=True,
            )
        return sorted(str(item["sk"]) for item in found["Items"] if item.get("state") == RUNNING)

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
        self, night: str, facts: Mapping[str, Any], *, only_if: str, given: Mapping[str, Any]
    ) -> bool:
        written = {**facts, "expires_at": int(time.time()) + KEPT_S}
        names = {f"#{name}": name for name in written}
        if "#run" in only_if:
            names["#run"] = "run"
        try:
            with translated():
                self._table.update_item(
                    Key={"pk": KEY, "sk": night},
                    UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in written),
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues={f":{name}": value for name, value in written.items()}
                    | dict(given),
                    ConditionExpression=only_if,
                )
        except ConflictError:
            return False
        return True


def _begun_in(row: Mapping[str, Any]) -> Begun | None:
    if "begun_ms" not in row:
        return None
    version = str(row["model_version"])
    return Begun(
        version=None if version == RULES_VERSION else version,
        at_ms=int(row["begun_ms"]),
        shadow=bool(row["shadow"]),
    )
