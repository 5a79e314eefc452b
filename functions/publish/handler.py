"""Puts on the bus what the accounts table's stream tells: drops of use, changes of tier; or notes in shadow
that they are withheld."""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.config import bundled_config
from stemtide.delivery.bus import Bus
from stemtide.domain_events import DomainEvent, event_of, stamp_of
from stemtide.ports import UNREADABLE, UnavailableError
from stemtide.settings import PublishSettings
from stemtide.shadow import dispatch
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
            client=clients.client("sqs"), queue_url=settings().dead_letter_queue, function="publish"
        ),
    }


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish a delivery's facts or note that they are withheld; the response names what comes again."""
    found = changes(event)
    outgoing, withheld, failed = _dispatched(_told(found))
    refused = places()["bus"].publish([published for _, published in outgoing])
    failed += [outgoing[place][0].sequence for place in sorted(refused)]
    logger.info("published", facts=len(outgoing) - len(refused), withheld=withheld, again=len(failed))
    done = done_before(found, failed)
    if done is not None:
        leave_mark(places()["table"], "publish", done)
    return partial_answer(failed)


def _dispatched(
    told: Sequence[tuple[Change, DomainEvent]],
) -> tuple[list[tuple[Change, tuple[str, DomainEvent]]], int, list[str]]:
    """What goes to the bus under which detail type, how much is withheld, and what could not be noted."""
    outgoing, withheld, failed = [], 0, []
    shadow = bundled_config().shadow
    for change, fact in told:
        sent = dispatch(fact, shadow=shadow, stamped=stamp_of(change))
        if sent.withheld is not None:
            try:
                places()["withheld"].put(sent.withheld)
            except UnavailableError:
                failed.append(change.sequence)
                continue
            withheld += 1
        if sent.detail_type is not None:
            outgoing.append((change, (sent.detail_type, fact)))
    return outgoing, withheld, failed


def _told(found: Sequence[Change]) -> list[tuple[Change, DomainEvent]]:
    """Each change with its fact; what cannot be read is set aside and holds up nothing."""
    told = []
    for change in found:
        try:
            fact = event_of(change)
        except UNREADABLE as error:
            logger.error("set aside: it cannot be read", keys=change.keys, error=type(error).__name__)  # noqa: TRY400
            places()["aside"].send({"keys": change.keys, "sequence": change.sequence}, error)
        else:
            if fact is not None:
                told.append((change, fact))
    return told
