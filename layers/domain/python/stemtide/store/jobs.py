"""Runs of scheduled jobs in the ingest table."""

from datetime import datetime
from typing import Any, Final

from boto3.dynamodb.conditions import Key

from stemtide.jobs import LEASE, Run
from stemtide.ports import ConflictError
from stemtide.store.errors import translated

RECENT: Final = 100
KEPT_S: Final = 90 * 86_400
"""How long the rows of past runs are kept."""


class DynamoRuns:
    """`jobs.Runs` of one job on the ingest table (boto3 Table resource)."""

    def __init__(self, *, table: Any, job: str) -> None:
        self._table = table
        self._pk = f"job#{job}"

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
        """
        return self._put(
            {"pk": self._pk, "sk": slot.isoformat(), "claimed_at": as_of.isoformat()},
            slot,
            "attribute_not_exists(pk) OR (attribute_not_exists(done_at) AND claimed_at < :time)",
            (as_of - LEASE).isoformat(),
        )

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
        self._put(item, slot, "claimed_at = :time", as_of.isoformat())

    def _put(self, item: dict[str, Any], slot: datetime, condition: str, time: str) -> bool:
        try:
            with translated():
                self._table.put_item(
                    Item={**item, "expires_at": int(slot.timestamp()) + KEPT_S},
                    ConditionExpression=condition,
                    ExpressionAttributeValues={":time": time},
                )
        except ConflictError:
            return False
        return True
