"""Opens, wakes and restarts plays: on facts about customers, and every hour."""

import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.clock import ModelClock
from stemtide.config import bundled_config
from stemtide.delivery.executions import PlayExecutions
from stemtide.plays.assembly import History, keeper
from stemtide.plays.hearing import JOB, hear, heard_in
from stemtide.plays.keeping import PlayKeeper
from stemtide.plays.play import Journey
from stemtide.run_entry import on_event
from stemtide.settings import PlayEntrySettings
from stemtide.store import clients
from stemtide.store.billing_books import BillingBooks
from stemtide.store.plays import PlayTable
from stemtide.store.records import Records
from stemtide.store.score_queue import ScoreQueue

logger = Logger(service="play_entry")


@lru_cache(maxsize=1)
def settings() -> PlayEntrySettings:
    """The function's settings, read once per process."""
    return PlayEntrySettings.from_env()


@lru_cache(maxsize=1)
def queue() -> ScoreQueue:
    """The queue of facts, looked up once per process."""
    return ScoreQueue(
        client=clients.client("sqs"), url=settings().queue, dead_letter_url=settings().dead_letter_queue
    )


@lru_cache(maxsize=1)
def the_keeper() -> PlayKeeper:
    """What opens, wakes and restarts, made once per process."""
    clock = ModelClock.parse(settings().clock)
    records = Records(clients.table(settings().accounts_table))
    books = BillingBooks(clients.table(settings().billing_table))
    machines = {
        Journey.WIN_BACK: settings().win_back_machine,
        Journey.RETENTION: settings().retention_machine,
    }
    return keeper(
        plays=PlayTable(clients.table(settings().episodes_table)),
        runs=PlayExecutions(client=clients.client("stepfunctions"), machines=machines),
        about=History(
            config=bundled_config(),
            record=records.read,
            facts=records.facts,
            customers=lambda account: books.get(account).book.by_size(),
        ),
        now_ms=lambda: clock.at(time.time_ns() // 1_000_000),
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A delivery of the queue (the response names what must come again), or the hourly schedule."""
    return on_event(
        event,
        job=JOB,
        sweep=lambda: the_keeper().sweep(),
        hear=lambda body: hear(heard_in(body), keeper=the_keeper()),
        queue=queue,
        log=logger,
    )
