"""Folds what is said of customers into their records."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.config import bundled_config
from stemtide.profiling import ProfilePorts, profile_accounts
from stemtide.sentiment import sentiment_by
from stemtide.settings import ProfileSettings
from stemtide.store import clients
from stemtide.store.consumer_marks import leave_mark
from stemtide.store.pace import Threads
from stemtide.store.records import Records
from stemtide.store.set_aside import SetAside
from stemtide.store.sources import SourceNotes
from stemtide.table_stream import changes, done_before, partial_answer

logger = Logger(service="profile")


@lru_cache(maxsize=1)
def settings() -> ProfileSettings:
    """The function's settings, read once per process."""
    return ProfileSettings.from_env()


@lru_cache(maxsize=1)
def marks() -> Any:
    """The ingest table."""
    return clients.table(settings().ingest_table)


@lru_cache(maxsize=1)
def sources() -> SourceNotes:
    """Where it is noted who was heard of; remembers what this process has noted."""
    return SourceNotes(marks())


@lru_cache(maxsize=1)
def ports() -> ProfilePorts:
    """What profiling touches, made once per process."""
    records = Records(clients.table(settings().accounts_table))
    aside = SetAside(client=clients.client("sqs"), queue_url=settings().dead_letter_queue, function="profile")

    def set_aside(what: dict[str, Any], error: Exception) -> None:
        logger.error("set aside: it cannot be read", extra={**what, "error": type(error).__name__})
        aside.send(what, error)

    return ProfilePorts(
        facts=records.facts,
        sentiment_of=sentiment_by(bundled_config().support.sentiment),
        replace=records.replace_fact,
        write=records.write_profile,
        set_aside=set_aside,
        side_by_side=Threads(),
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Look at the accounts of a delivery; the response names the changes that must come again."""
    found = changes(event)
    outcome = profile_accounts(found, ports=ports())
    logger.info(
        "profiled",
        accounts=outcome.looked_at,
        written=outcome.written,
        sentiments=outcome.sentiments,
        again=len(outcome.failed),
    )
    sources().note(outcome.heard)
    done = done_before(found, outcome.failed)
    if done is not None:
        leave_mark(marks(), "profile", done)
    return partial_answer(outcome.failed)
