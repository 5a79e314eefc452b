"""The stream's first consumer: usage per account and day."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.aggregate import AggregatePorts, aggregate
from stemtide.config import bundled_config
from stemtide.settings import AggregateSettings
from stemtide.store.assembly import aggregate_ports, aggregate_rules
from stemtide.store.pace import lambda_pace

logger = Logger(service="aggregate")


@lru_cache(maxsize=1)
def ports() -> AggregatePorts:
    """What the aggregates touch, made once per process: its caches stay warm."""
    return aggregate_ports(AggregateSettings.from_env(), bundled_config(), say_waiting=_say_waiting)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Bring a batch of records into the aggregates; the response names the first that must come again."""
    return aggregate(
        event,
        ports=ports().paced(lambda_pace(context.get_remaining_time_in_millis)),
        rules=aggregate_rules(bundled_config().ingest),
    )


def _say_waiting(days: int, error: Exception | None) -> None:
    why = "the time was up" if error is None else str(error) or type(error).__name__
    logger.warning("it waits to be noted on which days there were events", days=days, why=why)
