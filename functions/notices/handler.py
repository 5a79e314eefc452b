"""Works off what SES tells of mails: bounces, complaints, deliveries."""

import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.clock import ModelClock
from stemtide.config import bundled_config
from stemtide.delivery.mail_metrics import PAUSED_CAMPAIGNS, count
from stemtide.mail.notices import NoticeError, parse
from stemtide.mail.noticing import Noticing
from stemtide.ports import UnavailableError
from stemtide.queue_messages import Message, answer, messages_of, paused
from stemtide.settings import NoticesSettings
from stemtide.store import clients
from stemtide.store.contacts import Contacts
from stemtide.store.score_queue import ScoreQueue

logger = Logger(service="notices")


@lru_cache(maxsize=1)
def settings() -> NoticesSettings:
    """The function's settings, read once per process."""
    return NoticesSettings.from_env()


@lru_cache(maxsize=1)
def queue() -> ScoreQueue:
    """The queue of notices, looked up once per process."""
    return ScoreQueue(
        client=clients.client("sqs"),
        url=settings().notice_queue,
        dead_letter_url=settings().notice_dead_letter_queue,
    )


@lru_cache(maxsize=1)
def noticing() -> Noticing:
    """What is done about notices, made once per process."""
    table = clients.table(settings().contacts_table)
    contacts = Contacts(table, accounts_table=settings().accounts_table)
    return Noticing(
        addresses=contacts.addresses,
        mails=contacts.notices,
        campaigns=contacts.campaigns,
        config=bundled_config().mail,
        clock=ModelClock.parse(settings().clock),
        real_ms=lambda: time.time_ns() // 1_000_000,
        paused=_say_paused,
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Work off a delivery of the queue; the response names the messages that must come again."""
    messages = messages_of(event)
    failed = [message for message in messages if not _done(message)]
    queue().later(paused(failed))
    logger.info("notices worked off", messages=len(messages), again=len(failed))
    return answer(message.id for message in failed)


def _done(message: Message) -> bool:
    try:
        notice = parse(message.body)
        if notice is not None:
            noticing().take(notice)
    except NoticeError as error:
        logger.warning("set aside: no notice of SES", queued=message.id, error=str(error))
        return _set_aside(message, error)
    except UnavailableError:
        return False
    return True


def _set_aside(message: Message, error: NoticeError) -> bool:
    try:
        queue().set_aside(message.body, error)
    except UnavailableError:
        return False
    return True


def _say_paused(campaign: str, why: str) -> None:
    logger.error("a campaign was paused", campaign=campaign, why=why)
    count(settings().metric_namespace, PAUSED_CAMPAIGNS, 1)
