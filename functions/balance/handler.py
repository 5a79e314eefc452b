"""The hourly check that every accepted event is accounted for."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from stemtide.balance import check, claim_check
from stemtide.settings import BalanceSettings
from stemtide.store import clients
from stemtide.store.counters import read_counters
from stemtide.store.jobs import DynamoRuns

logger = Logger(service="balance")


@lru_cache(maxsize=1)
def settings() -> BalanceSettings:
    """The function's settings, read once per process."""
    return BalanceSettings.from_env()


@lru_cache(maxsize=1)
def table() -> Any:
    """The ingest table."""
    return clients.table(settings().ingest_table)


def handler(event: dict[str, Any], context: object) -> None:
    """Compare the counters as of the scheduled instant, for this hour and the missed ones."""
    as_of = datetime.fromisoformat(event["scheduled_at"])
    runs = DynamoRuns(table=table(), job="balance")
    slots = claim_check(runs, as_of=as_of)
    if not slots:
        return
    balance = check(read_counters(table()))
    metrics = Metrics(namespace=settings().metric_namespace)
    metrics.add_metric(name="UnbalancedEvents", unit=MetricUnit.Count, value=balance.unbalanced)
    metrics.add_metric(name="LanesCompared", unit=MetricUnit.Count, value=balance.lanes_compared)
    metrics.add_metric(name="LanesNotCompared", unit=MetricUnit.Count, value=balance.lanes_left)
    metrics.flush_metrics()
    logger.info(
        "counters compared",
        unbalanced=balance.unbalanced,
        lanes=balance.lanes_compared,
        left=balance.lanes_left,
    )
    for slot in slots:
        runs.finish(slot, as_of=as_of)
