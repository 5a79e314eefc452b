"""Failed payments and worlds of tests."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from stemtide.config_dunning import MailStep, Policy

from simulator.dunning.assumptions import Amounts, Assumptions, Declined
from simulator.dunning.failures import Failure

START = round(datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp() * 1000)
DAY = 24 * 3_600_000
POLICY = Policy(
    retry_days=(1.0, 3.0, 7.0),
    paydays=(),
    mails=(
        MailStep(name="first", after_days=0.0),
        MailStep(name="final_notice", after_days=7.0, last=True),
    ),
    end_days=10.0,
)
FAILURE = Failure(
    customer="acme",
    amount=9900,
    currency="EUR",
    failed_ms=START,
    code="do_not_honor",
    zone=ZoneInfo("UTC"),
)


def failure(**changes: Any) -> Failure:
    return msgspec.structs.replace(FAILURE, **changes)


def world(*declines: Declined, **changes: Any) -> Assumptions:
    """A world of these declines, in which nothing else is uncertain."""
    return msgspec.structs.replace(
        Assumptions(
            first_day=date(2026, 1, 1),
            days=60,
            zones=("UTC", "Asia/Kolkata"),
            amounts=(Amounts(currency="EUR", share=1.0, median=5000, spread=0.5),),
            declines=declines,
        ),
        **changes,
    )


TIME_ONLY = world(
    Declined(code="do_not_honor", share=0.6, works_again=((1.0, 0.2), (10.0, 0.8))),
    Declined(code="try_again_later", share=0.4, works_again=((2.0, 0.9),)),
)
"""Cards work from some instant on, and nobody answers a mail."""
