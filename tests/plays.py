"""Plays, facts and plans of tests."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from stemtide.calls import DAY_MS
from stemtide.config_plays import Cause
from stemtide.plays.decide import Action, decide
from stemtide.plays.facts import Facts
from stemtide.plays.plan import Plan, Step
from stemtide.plays.play import Journey, Play
from stemtide.scoring.assessment import Driver, Tier

UTC = ZoneInfo("UTC")
START = 1_767_603_600_000  # Monday 2026-01-05 09:00 UTC
HOUR = 3_600_000

WIN_BACK = Play(
    id="a" * 24,
    account="acme",
    journey=Journey.WIN_BACK,
    policy="unpaid",
    customer="cus_1",
    subscription="sub_1",
    cause=Cause.UNPAID,
    plan="business",
    mrr=4_900,
    currency="EUR",
    since_ms=START - 400 * DAY_MS,
    started_ms=START,
    opened_ms=START,
    until_ms=START + 60 * DAY_MS,
    again_ms=START + 180 * DAY_MS,
    seq=1,
    version=1,
)
RETENTION = msgspec.structs.replace(
    WIN_BACK,
    id="b" * 24,
    journey=Journey.RETENTION,
    policy="retention",
    cause=None,
    subscription=None,
    tier=Tier.HIGH,
    tier_ms=START,
)
MAILS = Plan(
    (
        Step("hello", 2.0, "win_back_hello"),
        Step("offer", 10.0, "win_back_offer", offers=True),
        Step("last", 21.0, "win_back_last"),
    ),
    send_hour=10,
)
STEPS = Plan(
    (
        Step("guide", 0.0, "guide", Tier.HIGH),
        Step("task", 3.0, "csm_task", Tier.HIGH),
        Step("urgent", 0.0, "csm_task", Tier.CRITICAL),
        Step("executive", 4.0, "executive", Tier.CRITICAL),
        Step("stay", 8.0, "offer", Tier.CRITICAL, offers=True),
    ),
    send_hour=10,
)
AT_RISK = Facts(score=60, tier=Tier.HIGH)


def driver(feature: str = "reports_30d", contribution: float = 0.5, text: str = "fewer reports") -> Driver:
    return Driver(
        feature=feature,
        label=feature,
        value=1.0,
        unit="",
        baseline=9.0,
        contribution=contribution,
        text=text,
    )


def decided(
    play: Play, facts: Facts, *, day: float = 0.0, plan: Plan | None = None, **changes: Any
) -> Action:
    """What is decided so many days after the start; `changes` are of the play."""
    return decide(
        msgspec.structs.replace(play, **changes),
        facts,
        plan or (MAILS if play.journey is Journey.WIN_BACK else STEPS),
        exit_margin=5,
        zone=UTC,
        now_ms=START + round(day * DAY_MS),
    )
