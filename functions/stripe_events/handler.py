"""The payment provider's events that come over EventBridge, claimed in the billing table."""

import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.billing.events import claim_of
from stemtide.settings import StripeEventsSettings
from stemtide.store import clients
from stemtide.store.billing_events import BillingEvents

logger = Logger(service="stripe_events")


@lru_cache(maxsize=1)
def events() -> BillingEvents:
    """Where events are claimed, made once per process."""
    return BillingEvents(clients.table(StripeEventsSettings.from_env().billing_table))


def handler(event: dict[str, Any], context: object) -> None:
    """Claim the event that a rule of the bus hands over; what fails comes again, then goes to the queue."""
    claim = claim_of(event["detail"], arrived_ms=int(time.time() * 1000), via="bus")
    new = claim is not None and events().claim(claim)
    logger.info("taken in", extra={"new": new, "concerns": claim is not None})
