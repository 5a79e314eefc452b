"""`/v1/unsubscribe/{token}`: what mails a recipient gets, by the recipient's own choice."""

import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.clock import ModelClock
from stemtide.config import bundled_config
from stemtide.http.app import answer
from stemtide.http.preferences import PreferencesEdge
from stemtide.mail.link_keys import LinkKeys
from stemtide.mail.preference_page import PreferencePages
from stemtide.mail.rendering import Letterhead
from stemtide.settings import PreferencesSettings
from stemtide.store import clients
from stemtide.store.contact_items import ContactItems
from stemtide.store.mail_choices import MailChoices

logger = Logger(service="preferences")


@lru_cache(maxsize=1)
def edge() -> PreferencesEdge:
    """What believes links and keeps choices, made once per process."""
    settings = PreferencesSettings.from_env()
    table = clients.table(settings.contacts_table, config=clients.EDGE)
    return PreferencesEdge(
        keys=LinkKeys(
            client=clients.client("secretsmanager", config=clients.EDGE),
            secret_id=settings.link_keys_secret,
            clock=time.monotonic,
        ),
        choices=MailChoices(ContactItems(table)),
        pages=PreferencePages(letterhead=Letterhead.of(bundled_config())),
        model_ms=ModelClock.parse(settings.clock).at,
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    return answer(event, operations=edge().operations(), logger=logger)
