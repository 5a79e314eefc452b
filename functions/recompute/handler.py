"""A recompute, step by step: which arrival days in which tasks, one task, and what became of them."""

import time
from datetime import datetime
from functools import lru_cache
from logging import ERROR, INFO
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from stemtide.calls import day_number, day_of_index
from stemtide.config import bundled_config
from stemtide.day_items import Item
from stemtide.recompute import Task
from stemtide.recompute_plan import (
    METRICS,
    NIGHTS_JOB,
    arrival_day_of,
    as_facts,
    cause_of,
    claim_nights,
    days_asked,
    tasks_of,
    totals,
)
from stemtide.settings import RecomputeSettings
from stemtide.store.assembly import RecomputeStore, recompute_store
from stemtide.store.jobs import DynamoRuns
from stemtide.store.pace import lambda_pace
from stemtide.store.recomputes import read_due, read_tasks, settle_due

logger = Logger(service="recompute")


@lru_cache(maxsize=1)
def settings() -> RecomputeSettings:
    """The function's settings, read once per process."""
    return RecomputeSettings.from_env()


@lru_cache(maxsize=1)
def store() -> RecomputeStore:
    """What a recompute touches, made once per process."""
    return recompute_store(settings(), bundled_config(), _broken)


def _broken(item: Item, error: Exception) -> None:
    logger.error("item broken", account=item.account, day=item.sort, exc_info=error)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`step` is "plan", "task", "finish" or "fail"; `run` the name of the state machine's execution."""
    match event["step"]:
        case "plan":
            return _plan(event["run"], event["input"])
        case "task":
            return _task(event["item"], context)
        case "finish":
            return _finish(event["plan"])
        case _:
            return _fail(event["plan"], event["error"])


def _plan(run: str, asked: dict[str, Any]) -> dict[str, Any]:
    claimed: list[datetime] = []
    due: dict[str, str] = {}
    account = asked.get("account")
    if "scheduled_at" in asked:
        claimed = claim_nights(_nights(run), scheduled=datetime.fromisoformat(asked["scheduled_at"]))
        due = read_due(store().table) if claimed else {}
        days = {*map(arrival_day_of, claimed), *map(day_number, due)}
    else:
        days = days_asked(asked.get("from"), asked.get("to"), store().days.days)
        due = {} if account else {d: at for d, at in read_due(store().table).items() if day_number(d) in days}
    nights_last = max((arrival_day_of(night.slot) for night in _nights(run).recent()), default=-1)
    tasks = tasks_of(
        days, lambda day: store().days.size(day_of_index(day)), account=account, nights_last=nights_last
    )
    planned: dict[str, Any] = {
        "run": run,
        "days": [day_of_index(day) for day in sorted(days)],
        "tasks": len(tasks),
        "bucket": settings().archive_bucket,
        "key": store().log.put_tasks(run, tasks, quiet=bool(asked.get("quiet"))) if tasks else "",
        "claimed": [slot.isoformat() for slot in claimed],
        "scheduled_at": asked.get("scheduled_at"),
        "due": due,
    }
    if days:
        about = {"first": planned["days"][0], "last": planned["days"][-1], "tasks": len(tasks)}
        begun = {"planned_ms": int(time.time() * 1000), "state": "running", "account": account or ""}
        store().log.note(run, about | begun)
    logger.info("planned", run=run, days=len(days), tasks=len(tasks))
    return planned


def _task(item: dict[str, Any], context: Any) -> dict[str, Any]:
    began = time.monotonic()
    pace = lambda_pace(context.get_remaining_time_in_millis)
    outcome = store().recompute(pace, item["quiet"]).run(Task(**item["task"]))
    facts = as_facts(outcome)
    store().log.note_task(item["run"], item["number"], facts)
    logger.info(
        "task done", run=item["run"], seconds=round(time.monotonic() - began, 3), **item["task"], **facts
    )
    return {"failed": 0}


def _finish(planned: dict[str, Any]) -> dict[str, Any]:
    run = planned["run"]
    results = read_tasks(store().table, run)
    counts = totals(results, tasks=planned["tasks"])
    cause = cause_of(counts, results)
    ended = {"state": "succeeded"} if cause is None else {"state": "failed", "cause": cause}
    store().log.note(run, {"ended_ms": int(time.time() * 1000), **counts, **ended})
    if cause is None:  # else the next firing comes to these days again
        for slot in planned["claimed"]:
            scheduled = datetime.fromisoformat(planned["scheduled_at"])
            _nights(run).finish(datetime.fromisoformat(slot), as_of=scheduled)
        settle_due(store().table, planned["due"])
    metrics = Metrics(namespace=settings().metric_namespace)
    for name, metric in METRICS.items():
        metrics.add_metric(name=metric, unit=MetricUnit.Count, value=counts[name])
    metrics.flush_metrics()
    logger.log(INFO if cause is None else ERROR, "finished", extra={"run": run, **counts, **ended})
    return {"run": run, **counts, "failed": counts["given_up"] + counts["lagging"], "cause": cause or ""}


def _fail(planned: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    cause = f"{error.get('Error')}: {error.get('Cause')}"[:2000]
    store().log.note(planned["run"], {"state": "failed", "cause": cause})
    logger.error("failed", run=planned["run"], cause=cause)
    return {"run": planned["run"], "cause": cause}


def _nights(run: str) -> DynamoRuns:
    return DynamoRuns(table=store().table, job=NIGHTS_JOB, run=run)
