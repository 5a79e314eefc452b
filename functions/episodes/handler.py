"""Opens, wakes and restarts dunning episodes: on facts about billing, and every hour."""

import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.clock import ModelClock
from stemtide.config import bundled_config
from stemtide.delivery.executions import Executions
from stemtide.dunning.assembly import About, keeper
from stemtide.dunning.hearing import JOB, hear, heard_in
from stemtide.dunning.keeping import Keeper
from stemtide.run_entry import on_event
from stemtide.settings import EpisodesSettings
from stemtide.store import clients
from stemtide.store.episodes import EpisodeTable
from stemtide.store.records import Records
from stemtide.store.score_queue import ScoreQueue

logger = Logger(service="episodes")


@lru_cache(maxsize=1)
def settings() -> EpisodesSettings:
    """The function's settings, read once per process."""
    return EpisodesSettings.from_env()


@lru_cache(maxsize=1)
def queue() -> ScoreQueue:
    """The queue of facts, looked up once per process."""
    return ScoreQueue(
        client=clients.client("sqs"), url=settings().queue, dead_letter_url=settings().dead_letter_queue
    )


@lru_cache(maxsize=1)
def the_keeper() -> Keeper:
    """What opens, wakes and restarts, made once per process."""
    clock = ModelClock.parse(settings().clock)
    records = Records(clients.table(settings().accounts_table))
    return keeper(
        episodes=EpisodeTable(clients.table(settings().episodes_table)),
        runs=Executions(client=clients.client("stepfunctions"), machine=settings().state_machine),
        about=About(config=bundled_config(), record=records.read, hold=lambda _: {}),
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
