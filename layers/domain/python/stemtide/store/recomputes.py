"""Where recomputes leave their tasks, their tasks' outcomes and their log, and which days are owed one."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec

from stemtide.ports import ConflictError
from stemtide.recompute import Task
from stemtide.recompute_plan import JOB
from stemtide.store.errors import translated
from stemtide.store.ledger import query_all

PREFIX: Final = "recomputes/"
"""Key prefix of the tasks, in the archive bucket."""
KEPT_S: Final = 400 * 86_400
LOG_KEY: Final = f"job#{JOB}"
DUE_KEY: Final = "recompute-due"
"""Partition of the arrival days whose archive was added to, or whose dead letters were put back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecomputeLog:
    """Tasks in S3 (client, bucket), one row per run and one per task in the ingest table (boto3 Table)."""

    s3: Any
    bucket: str
    table: Any

    def put_tasks(self, run: str, tasks: Iterable[Task], *, quiet: bool) -> str:
        """Write the tasks as one JSON array, the items of the state machine's map; its key.

        Args:
            quiet: days that are missing come in as history (see `RecountItems`).
        """
        key = f"{PREFIX}{run}/tasks.json"
        items = [
            {"number": number, "run": run, "task": asdict(task), "quiet": quiet}
            for number, task in enumerate(tasks)
        ]
        with translated():
            self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=msgspec.json.encode(items),
                ContentType="application/json",
            )
        return key

    def note(self, run: str, facts: Mapping[str, Any]) -> None:
        """Note what is known of a run; a repetition writes the same."""
        given = {**facts, "expires_at": int(time.time()) + KEPT_S}
        with translated():
            self.table.update_item(
                Key={"pk": LOG_KEY, "sk": run},
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in given),
                ExpressionAttributeNames={f"#{name}": name for name in given},
                ExpressionAttributeValues={f":{name}": value for name, value in given.items()},
            )

    def note_task(self, run: str, number: int, facts: Mapping[str, Any]) -> None:
        """Note the outcome of a task, once: what its repetition finds is right already.

        first attempt                        repetition (the reply was lost)
        corrects 3 items, notes 3
                                             corrects none, notes none -> refused: it is noted
        """
        item = {"pk": task_key(run), "sk": f"{number:06d}", **facts, "expires_at": int(time.time()) + KEPT_S}
        try:
            with translated():
                self.table.put_item(Item=item, ConditionExpression="attribute_not_exists(pk)")
        except ConflictError:
            return


def task_key(run: str) -> str:
    """The partition key of a run's tasks."""
    return f"recompute#{run}"


def read_tasks(table: Any, run: str) -> list[dict[str, Any]]:
    """The outcomes of a run's tasks so far (`table`: boto3 Table resource of the ingest table)."""
    return list(query_all(table, task_key(run)))


def read_run(table: Any, run: str) -> dict[str, Any] | None:
    """The log row of a run, None when there is none."""
    with translated():
        found = table.get_item(Key={"pk": LOG_KEY, "sk": run}, ConsistentRead=True)
    item: dict[str, Any] | None = found.get("Item")
    return item


def read_latest_run(table: Any) -> dict[str, Any] | None:
    """The log row of the run that was planned last, None before the first."""
    runs = list(query_all(table, LOG_KEY))
    return max(runs, key=lambda row: int(row.get("planned_ms", 0)), default=None)


def note_due(table: Any, days: Iterable[str], *, at: str) -> None:
    """Note that these arrival days are owed a recompute since `at` (ISO)."""
    for day in sorted(set(days)):
        with translated():
            table.put_item(Item={"pk": DUE_KEY, "sk": day, "noted_at": at})


def read_due(table: Any) -> dict[str, str]:
    """The arrival days that are owed a recompute, and since when."""
    return {str(item["sk"]): str(item["noted_at"]) for item in query_all(table, DUE_KEY)}


def settle_due(table: Any, days: Mapping[str, str]) -> None:
    """Forget days that had their recompute, unless they were noted again since it was planned."""
    for day, noted_at in days.items():
        try:
            with translated():
                table.delete_item(
                    Key={"pk": DUE_KEY, "sk": day},
                    ConditionExpression="attribute_not_exists(pk) OR noted_at = :read",
                    ExpressionAttributeValues={":read": noted_at},
                )
        except ConflictError:
            continue
