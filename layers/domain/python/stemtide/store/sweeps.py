"""Where a run over every account leaves its batches and its log."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from stemtide.store.errors import translated
from stemtide.sweep import JOB, Plan

PREFIX: Final = "sweeps/"
"""Key prefix of the batches, in the archive bucket."""
KEPT_S: Final = 400 * 86_400
LOG_KEY: Final = f"job#{JOB}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepLog:
    """Batches in S3 (client, bucket), one row per run in the ingest table (boto3 Table resource)."""

    s3: Any
    bucket: str
    table: Any

    def put_batches(self, plan: Plan) -> str:
        """Write the batches as one JSON array; its key."""
        key = f"{PREFIX}{plan.run}/batches.json"
        with translated():
            self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=msgspec.json.encode(plan.batches),
                ContentType="application/json",
            )
        return key

    def begin(self, plan: Plan, *, planned_ms: int) -> None:
        """Note that a run has begun; a repeated plan of the same run writes the same."""
        self._put(
            plan.run,
            {
                "nights": list(plan.nights),
                "accounts": plan.accounts,
                "batches": len(plan.batches),
                "model_version": plan.model or "rules",
                "planned_ms": planned_ms,
                "state": "running",
            },
        )

    def end(self, run: str, *, facts: Mapping[str, Any]) -> None:
        """Note what became of a run."""
        self._put(run, {"ended_ms": int(time.time() * 1000), **facts})

    def _put(self, run: str, values: Mapping[str, Any]) -> None:
        given = {**values, "expires_at": int(time.time()) + KEPT_S}
        with translated():
            self.table.update_item(
                Key={"pk": LOG_KEY, "sk": run},
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in given),
                ExpressionAttributeNames={f"#{name}": name for name in given},
                ExpressionAttributeValues={f":{name}": value for name, value in given.items()},
            )


def read_run(table: Any, run: str) -> dict[str, Any] | None:
    """The log row of a run (`table`: boto3 Table resource of the ingest table), None when there is none."""
    with translated():
        found = table.get_item(Key={"pk": LOG_KEY, "sk": run}, ConsistentRead=True)
    item: dict[str, Any] | None = found.get("Item")
    return item
