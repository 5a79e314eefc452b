"""A task of a play's state machine: a step, or a wait."""

import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.clock import ModelClock
from stemtide.config import bundled_config
from stemtide.delivery.executions import PlayExecutions
from stemtide.delivery.mail_function import MailFunction
from stemtide.delivery.provider_access import ProviderAccess
from stemtide.dunning.handling import on_task
from stemtide.plays.assembly import AboutAccounts, stepper
from stemtide.plays.play import Journey
from stemtide.runs import RunKeeper
from stemtide.settings import PlaysSettings
from stemtide.store import clients
from stemtide.store.contacts import Contacts
from stemtide.store.episodes import EpisodeTable
from stemtide.store.plays import OfferTable, PlayTable
from stemtide.store.records import Records

logger = Logger(service="plays")


@lru_cache(maxsize=1)
def settings() -> PlaysSettings:
    """The function's settings, read once per process."""
    return PlaysSettings.from_env()


@lru_cache(maxsize=1)
def clock() -> ModelClock:
    """The model clock."""
    return ModelClock.parse(settings().clock)


def now_ms() -> int:
    """Model time."""
    return clock().at(time.time_ns() // 1_000_000)


@lru_cache(maxsize=1)
def access() -> ProviderAccess:
    """The way to the provider; remembers the key for a while."""
    return ProviderAccess(
        client=clients.client("secretsmanager"),
        secret_id=settings().provider_key_secret,
        url=settings().provider_url,
        clock=time.monotonic,
    )


@lru_cache(maxsize=1)
def about() -> AboutAccounts:
    """What is known of accounts, and who may be written to."""
    records = Records(clients.table(settings().accounts_table))
    contacts = Contacts(clients.table(settings().contacts_table), accounts_table=settings().accounts_table)
    return AboutAccounts(config=bundled_config(), record=records.read, facts=records.facts, contacts=contacts)


@lru_cache(maxsize=1)
def executions() -> PlayExecutions:
    """The state machines' executions."""
    machines = {
        Journey.WIN_BACK: settings().win_back_machine,
        Journey.RETENTION: settings().retention_machine,
    }
    return PlayExecutions(client=clients.client("stepfunctions"), machines=machines)


@lru_cache(maxsize=1)
def table() -> Any:
    """The table of episodes, plays among them."""
    return clients.table(settings().episodes_table)


@lru_cache(maxsize=1)
def mails() -> MailFunction:
    """The function that sends."""
    return MailFunction(
        client=clients.client("lambda", config=clients.WAITING), name=settings().mail_function
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"do": "step" | "wait", "episode", "run", ...}`: what the state machine does next."""
    plays, dunning = PlayTable(table()), EpisodeTable(table())
    answer = on_task(
        event,
        stepper=stepper(
            plays=plays,
            offers=OfferTable(table()),
            provider=access().provider,
            send=mails().send,
            about=about(),
            dunned=lambda customer: dunning.running_of(customer) is not None,
            now_ms=now_ms,
        ),
        keeper=RunKeeper(episodes=plays, runs=executions(), now_ms=now_ms),
        clock=clock(),
        now_ms=now_ms,
    )
    told = {name: answer.get(name) for name in ("do", "seconds", "reason")}
    logger.info("play", task=event["do"], episode=event["episode"], **told)
    return answer
