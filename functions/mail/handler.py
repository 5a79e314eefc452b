"""Sends mails to customers; tells of those of which nobody knows whether they were sent."""

import secrets
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from stemtide.clock import ModelClock
from stemtide.config import bundled_config
from stemtide.delivery.mail_metrics import UNKNOWN_MAILS, count
from stemtide.delivery.ses import ONCE, SesSender
from stemtide.mail.link_keys import LinkKeys, PreferenceLinks
from stemtide.mail.message import MailRequest, Sender
from stemtide.mail.outcomes import Outcome, Unknown
from stemtide.mail.rendering import Letterhead, Letters
from stemtide.mail.service import MailService
from stemtide.mail.templates import class_of
from stemtide.mail.unconfirmed import JOB, settle
from stemtide.settings import MailSettings
from stemtide.store import clients
from stemtide.store.contacts import Contacts

logger = Logger(service="mail")


class _Asked(msgspec.Struct, frozen=True):
    """What the function is invoked with."""

    mails: tuple[MailRequest, ...]


@lru_cache(maxsize=1)
def settings() -> MailSettings:
    """The function's settings, read once per process."""
    return MailSettings.from_env()


@lru_cache(maxsize=1)
def contacts() -> Contacts:
    """The contacts table."""
    return Contacts(clients.table(settings().contacts_table), accounts_table=settings().accounts_table)


@lru_cache(maxsize=1)
def service() -> MailService:
    """The mail service, made once per process."""
    config, clock = bundled_config(), ModelClock.parse(settings().clock)
    keys = LinkKeys(
        client=clients.client("secretsmanager"), secret_id=settings().link_keys_secret, clock=time.monotonic
    )
    links = PreferenceLinks(api_url=settings().api_url, keys=keys, at_ms=_real_ms)
    return MailService(
        rows=contacts(),
        sender=SesSender(
            client=clients.client("sesv2", config=ONCE),
            sender=Sender.parse(config.mail.sender),
            reply_to=config.mail.reply_to,
            configuration_set=settings().configuration_set,
        ),
        renderer=Letters(letterhead=Letterhead.of(config)),
        class_of=class_of,
        unsubscribe_url=links.url,
        config=config,
        clock=clock,
        real_ms=_real_ms,
        token=lambda: secrets.token_hex(8),
        pause=time.sleep,
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"mails": [...]}`: the outcome of each, in their order. A firing of the schedule: how many claims were
    never confirmed.

    Raises:
        NotAllSentError: a mail met an error; all others were worked off.
    """
    if event.get("job") == JOB:
        return {"unknown": _settle()}
    outcomes = service().send_all(msgspec.convert(event, _Asked).mails)
    _tell(outcomes)
    return {"outcomes": msgspec.to_builtins(outcomes)}


def _settle() -> int:
    clock = ModelClock.parse(settings().clock)
    told = 0
    try:
        for row in settle(contacts(), real_ms=_real_ms(), model_ms=clock.at):
            logger.error("nobody knows whether a mail was sent", account=row.account, mail=row.key)
            told += 1
    finally:
        count(settings().metric_namespace, UNKNOWN_MAILS, told)
    return told


def _tell(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        said = msgspec.to_builtins(one)
        logger.info("mail", outcome=said["outcome"], mail=one.key, reason=said.get("reason"))
    unknown = sum(isinstance(one, Unknown) for one in outcomes)
    if unknown:
        count(settings().metric_namespace, UNKNOWN_MAILS, unknown)


def _real_ms() -> int:
    return time.time_ns() // 1_000_000
