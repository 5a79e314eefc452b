"""A task of a dunning episode's state machine: a step, or a wait."""

import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.billing.provider import PaymentProvider
from stemtide.clock import ModelClock
from stemtide.config import bundled_config
from stemtide.delivery.executions import Executions
from stemtide.delivery.mail_function import MailFunction
from stemtide.delivery.provider_access import ProviderAccess
from stemtide.dunning.assembly import About, keeper, stepper
from stemtide.dunning.handling import on_task
from stemtide.settings import DunningSettings
from stemtide.store import clients
from stemtide.store.contacts import Contacts
from stemtide.store.episodes import EpisodeTable
from stemtide.store.records import Records

logger = Logger(service="dunning")


@lru_cache(maxsize=1)
def settings() -> DunningSettings:
    """The function's settings, read once per process."""
    return DunningSettings.from_env()


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
def about() -> About:
    """What is known of accounts."""
    accounts = clients.table(settings().accounts_table)
    contacts = Contacts(clients.table(settings().contacts_table), accounts_table=settings().accounts_table)
    return About(config=bundled_config(), record=Records(accounts).read, hold=contacts.hold_of)


@lru_cache(maxsize=1)
def executions() -> Executions:
    """The state machine's executions."""
    return Executions(client=clients.client("stepfunctions"), machine=settings().state_machine)


def provider() -> PaymentProvider:
    """The provider's client.

    Raises:
        NoKeyError: nobody has put its key into the secret yet.
    """
    return access().provider()


@lru_cache(maxsize=1)
def episodes() -> EpisodeTable:
    """The table of episodes."""
    return EpisodeTable(clients.table(settings().episodes_table))


@lru_cache(maxsize=1)
def mails() -> MailFunction:
    """The function that sends."""
    return MailFunction(
        client=clients.client("lambda", config=clients.WAITING), name=settings().mail_function
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"do": "step" | "wait", "episode", "run", ...}`: what the state machine does next."""
    answer = on_task(
        event,
        stepper=stepper(
            episodes=episodes(),
            provider=provider(),
            send=mails().send,
            about=about(),
            now_ms=now_ms,
            lease_ms=round(settings().lease_s * 1000 * clock().scale),
            card_url=settings().card_url,
        ),
        keeper=keeper(episodes=episodes(), runs=executions(), about=about(), now_ms=now_ms),
        clock=clock(),
        now_ms=now_ms,
    )
    told = {name: answer.get(name) for name in ("do", "seconds", "reason")}
    logger.info("episode", task=event["do"], episode=event["episode"], **told)
    return answer
