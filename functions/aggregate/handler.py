"""The stream's first consumer: usage per account and day."""

from functools import lru_cache
from typing import Any

from stemtide.aggregate import AggregatePorts, aggregate
from stemtide.config import bundled_config
from stemtide.settings import AggregateSettings
from stemtide.store.assembly import aggregate_ports, aggregate_rules
from stemtide.store.pace import lambda_pace


@lru_cache(maxsize=1)
def ports() -> AggregatePorts:
    """What the aggregates touch, made once per process: its caches stay warm."""
    return aggregate_ports(AggregateSettings.from_env(), bundled_config())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Bring a batch of records into the aggregates; the response names the first that must come again."""
    return aggregate(
        event,
        ports=ports().paced(lambda_pace(context.get_remaining_time_in_millis)),
        rules=aggregate_rules(bundled_config().ingest),
    )
