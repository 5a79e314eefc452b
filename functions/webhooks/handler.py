"""`POST /v1/webhooks/stripe`: events of the payment provider, claimed in the billing table."""

import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.access import POST_STRIPE
from stemtide.http.app import answer
from stemtide.http.stripe_events import StripeEvents
from stemtide.rotating_secret import RotatingSecret
from stemtide.settings import WebhooksSettings
from stemtide.store import clients
from stemtide.store.billing_events import BillingEvents

logger = Logger(service="webhooks")


@lru_cache(maxsize=1)
def stripe_events() -> StripeEvents:
    """What takes the provider's events, made once per process."""
    settings = WebhooksSettings.from_env()
    return StripeEvents(
        secrets=RotatingSecret(
            client=clients.client("secretsmanager", config=clients.EDGE),
            secret_id=settings.signing_secret,
            clock=time.monotonic,
        ),
        claim=BillingEvents(clients.table(settings.billing_table, config=clients.EDGE)).claim,
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    return answer(event, operations={POST_STRIPE.operation: stripe_events().post}, logger=logger)
