"""Runs of scheduled jobs in the ingest table."""

from datetime import datetime
from secrets import token_hex
from typing import Any, Final

from boto3.dynamodb.conditions import Key

from stemtide.jobs import LEASE, Run
from stemtide.ports import ConflictError
from stemtide.store.errors import translated

RECENT: Final = 100
KEPT_S: Final = 90 * 86_400
"""How long the rows of past runs are kept."""


class DynamoRuns:
    """`jobs.Runs` of one job on the ingest table (boto3 Table resource).

    `run` names the run: what it has claimed it may claim again, so that its repetition does not lose it. Each
    claim of a run without a name has a name of its own.
    """

    def __init__(self, *, table: Any, job: str, run: str | None = None) -> None:
        self._table = table
        self._pk = f"job#{job}"
        self._run = run

    def recent(self) -> list[Run]:
        """The latest runs, oldest first."""
        with translated():
            found = self._table.query(
                KeyConditionExpression=Key("pk").eq(self._pk),
                ScanIndexForward=False,
                Limit=RECENT,
                ConsistentRead=True,
            )
        runs = [Run(slot=datetime.fromisoformat(str(i["sk"])), done="done_at" in i) for i in found["Items"]]
        return runs[::-1]

    def claim(self, slot: datetime, *, as_of: datetime) -> bool:
        """Claim the slot.

        The schedule fires at least once, and a run may die:

            run A                     run B (second firing)       run C (15 minutes later)
            claims 10:00
                                      claims 10:00 -> refused
            dies
                                                                  claims 10:00: the lease is over

        A run with a name that tries again, and any whose SDK does after a lost reply, meets its own claim:

            run A                     its repetition              run B (second firing)
            claims 10:00, fails
                                      claims 10:00: it is its own
                                                                  claims 10:00 -> refused
        """
        by = self._run or token_hex(8)
        item = {"pk": self._pk, "sk": slot.isoformat(), "claimed_at": as_of.isoformat(), "claimed_by": by}
        free = "attribute_not_exists(done_at) AND (claimed_at < :time OR claimed_by = :run)"
        values = {":time": (as_of - LEASE).isoformat(), ":run": by}
        return self._put(item, slot, f"attribute_not_exists(pk) OR ({free})", values)

    def finish(self, slot: datetime, *, as_of: datetime) -> None:
        """Note the end of the run that claimed the slot at `as_of`; one that lost its lease changes nothing.

        run A                     run C
        claims 10:00 and hangs
                                  claims 10:00 when A's lease is over
        ends -> refused: the claim is C's
        """
        item = {
            "pk": self._pk,
            "sk": slot.isoformat(),
            "claimed_at": as_of.isoformat(),
            "done_at": as_of.isoformat(),
        }
        self._put(item, slot, "claimed_at = :time", {":time": as_of.isoformat()})

    def skip(self, slot: datetime, *, as_of: datetime, reason: str) -> None:
        """Note why the run that claimed the slot at `as_of` did nothing; the slot stays to be caught up.

        The next firing claims it when the lease is over, and leaves its own outcome in this one's place.
        """
        item = {
            "pk": self._pk,
            "sk": slot.isoformat(),
            "claimed_at": as_of.isoformat(),
            "skipped": reason,
        }
        self._put(item, slot, "claimed_at = :time", {":time": as_of.isoformat()})

    def _put(self, item: dict[str, Any], slot: datetime, condition: str, values: dict[str, str]) -> bool:
        try:
            with translated():
                self._table.put_item(
                    Item={**item, "expires_at": int(slot.timestamp()) + KEPT_S},
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                )
        except ConflictError:
            return False
        return True


def read_last(table: Any, job: str) -> dict[str, Any] | None:
    """The row of a job's newest slot, None before the first (`table`: boto3 Table resource, ingest)."""
    with translated():
        found = table.query(
            KeyConditionExpression=Key("pk").eq(f"job#{job}"), ScanIndexForward=False, Limit=1
        )
    items: list[dict[str, Any]] = found["Items"]
    return items[0] if items else None
