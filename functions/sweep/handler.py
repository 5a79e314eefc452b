"""First and last step of a run over every account: what is to be scored, and what became of it."""

import time
from datetime import datetime
from functools import lru_cache
from logging import ERROR, INFO
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from stemtide.as_of import as_of_text, parse_as_of
from stemtide.config import bundled_config
from stemtide.delivery.model_metrics import tell_refused
from stemtide.features.configured_features import Shape
from stemtide.settings import SweepSettings
from stemtide.store import clients
from stemtide.store.account_list import list_accounts
from stemtide.store.jobs import DynamoRuns
from stemtide.store.models import ModelStore
from stemtide.store.sweeps import SweepLog
from stemtide.sweep import NIGHTS_JOB, SWEPT, as_of_of, cause_of, claim_nights, plan, totals

MODEL = "churn"
logger = Logger(service="sweep")


@lru_cache(maxsize=1)
def settings() -> SweepSettings:
    """The function's settings, read once per process."""
    return SweepSettings.from_env()


@lru_cache(maxsize=1)
def ingest() -> Any:
    """The ingest table."""
    return clients.table(settings().ingest_table)


@lru_cache(maxsize=1)
def log() -> SweepLog:
    """Where runs leave what they know."""
    return SweepLog(s3=clients.client("s3"), bucket=settings().archive_bucket, table=ingest())


def models() -> ModelStore:
    """The models, without memory: that a version loads from the bucket, as each scorer must load it, is known
    before a night rests on it."""
    s3, shape = boto3.client("s3", config=clients.CONFIG), Shape.of(bundled_config().events)
    return ModelStore(
        s3, settings().model_bucket, shape=shape, heard=tell_refused(settings().metric_namespace)
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`step` is "plan", "finish" or "fail"; `run` the name of the state machine's execution."""
    match event["step"]:
        case "plan":
            return _plan(event["run"], event["input"])
        case "finish":
            return _finish(event["plan"], event["results"])
        case _:
            return _fail(event["plan"], event["error"])


def _plan(run: str, asked: dict[str, Any]) -> dict[str, Any]:
    claimed: list[datetime] = []
    if "as_of" in asked:
        nights = [as_of_text(parse_as_of(asked["as_of"]))]
    else:
        scheduled = datetime.fromisoformat(asked["scheduled_at"])
        claimed = claim_nights(_nights(run), scheduled=scheduled)
        nights = [as_of_of(slot) for slot in claimed]
    accounts = [account for account, _ in list_accounts(clients.table(settings().accounts_table))]
    found = plan(accounts if nights else [], nights=nights, model=models().serving(MODEL)[0], run=run)
    if nights:
        log().begin(found, planned_ms=int(time.time() * 1000))
    logger.info("planned", run=run, nights=nights, accounts=found.accounts, batches=len(found.batches))
    planned: dict[str, Any] = {
        "run": run,
        "nights": nights,
        "accounts": found.accounts,
        "batches": len(found.batches),
        "model_version": found.model,
        "bucket": settings().archive_bucket,
        "key": log().put_batches(found) if found.batches else "",
        "claimed": [slot.isoformat() for slot in claimed],
        "scheduled_at": asked.get("scheduled_at"),
    }
    if nights and not found.batches:
        _finish(planned, [])
    return planned


def _finish(planned: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    counts = totals(results)
    cause = cause_of(counts, results)
    ended = {"state": "succeeded"} if cause is None else {"state": "failed", "cause": cause}
    log().end(planned["run"], facts={**counts, **ended})
    for slot in [] if counts["given_up"] else planned["claimed"]:  # else the next firing catches them up
        _nights(planned["run"]).finish(
            datetime.fromisoformat(slot), as_of=datetime.fromisoformat(planned["scheduled_at"])
        )
    metrics = Metrics(namespace=settings().metric_namespace)
    for name, count in ((SWEPT, planned["accounts"]), ("ScoredAccounts", counts["scored"])):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
    metrics.flush_metrics()
    logger.log(INFO if cause is None else ERROR, "finished", extra={"run": planned["run"], **counts, **ended})
    return {
        "run": planned["run"],
        "nights": planned["nights"],
        "accounts": planned["accounts"],
        "model_version": planned["model_version"],
        **counts,
        "cause": cause or "",
    }


def _fail(planned: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    cause = f"{error.get('Error')}: {error.get('Cause')}"[:2000]
    log().end(planned["run"], facts={"state": "failed", "cause": cause})
    logger.error("failed", run=planned["run"], cause=cause)
    return {"run": planned["run"], "cause": cause}


def _nights(run: str) -> DynamoRuns:
    return DynamoRuns(table=ingest(), job=NIGHTS_JOB, run=run)
