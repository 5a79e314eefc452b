"""Puts on the bus what a table's stream tells: drops of use and changes of tier, failed and settled invoices,
subscriptions, other cards, what stops mail, tasks of CSMs; or notes in shadow that they are withheld."""

import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.config import bundled_config
from stemtide.delivery.bus import Bus
from stemtide.publishing import PublishPorts, publish_changes
from stemtide.settings import PublishSettings
from stemtide.store import clients
from stemtide.store.consumer_marks import leave_mark
from stemtide.store.set_aside import SetAside
from stemtide.store.withheld import WithheldRows
from stemtide.table_stream import Change, changes, done_before, partial_answer

logger = Logger(service="publish")


@lru_cache(maxsize=1)
def settings() -> PublishSettings:
    """The function's settings, read once per process."""
    return PublishSettings.from_env()


@lru_cache(maxsize=1)
def places() -> dict[str, Any]:
    """The bus, the tables and the queue, looked up once per process."""
    return {
        "bus": Bus(client=clients.client("events"), name=settings().event_bus, sleep=time.sleep),
        "table": clients.table(settings().ingest_table),
        "withheld": WithheldRows(clients.table(settings().accounts_table)),
        "aside": SetAside(
            client=clients.client("sqs"), queue_url=settings().dead_letter_queue, function=settings().consumer
        ),
    }


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish a delivery's facts or note that they are withheld; the response names what comes again."""
    found = changes(event)
    ports = PublishPorts(put=places()["bus"].publish, withhold=places()["withheld"].put, set_aside=_set_aside)
    published = publish_changes(found, shadow=bundled_config().shadow, ports=ports)
    logger.info(
        "published",
        consumer=settings().consumer,
        facts=published.facts,
        withheld=published.withheld,
        again=len(published.failed),
    )
    done = done_before(found, published.failed)
    if done is not None:
        leave_mark(places()["table"], settings().consumer, done)
    return partial_answer(published.failed)


def _set_aside(change: Change, error: Exception) -> None:
    logger.error("set aside: it cannot be read", keys=change.keys, error=type(error).__name__)
    places()["aside"].send({"keys": change.keys, "sequence": change.sequence}, error)
