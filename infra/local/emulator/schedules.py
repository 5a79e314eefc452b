"""EventBridge Scheduler: context attributes in the input, and one-time schedules that fire once over
restarts.

"You can use the following keywords to include context attributes in your target's input": schedule ARN,
scheduled time ("for example 2022-03-22T18:59:43Z"), execution id, attempt number (Scheduler user guide,
"Adding context attributes"). "A one-time schedule will invoke a target only once".
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from infra.local.emulator.patching import EmulatorChanged, expect, replace

SHA256 = {
    "_invoke_target": "550e304af08095637ed4de07798e4acc1b1f89316f91ab60d4d865f9f46c58f2",
    "_cron_next_fire": "6c0efd26b6123373f9dad1d02b16f88f0b120ceb7e14b3450f1ccf350ac52dbf",
    "_parse_cron_fields": "c88b90c1864de0596866f57c9fe1c1cc2930199877c126eead92f22bc6a0d3f3",
}
TICK_SHA256 = "0ece514e91205b1dfd40a5a18ba84b213cd58e1623601bdc62648a02b6b44d2f"
SHIPPED_TICK_SECONDS = 10
TICK_SECONDS = 1
LATEST_TICK_SECONDS = 120
"""A cron slot is found by looking back this far from the moment it fires."""

FIRED = "_fired"


def install() -> None:
    """Replace the dispatch of scheduled targets. Raises `EmulatorChanged`."""
    from ministack.services import eventbridge, scheduler

    expect(scheduler, "_tick_schedules", source_sha256=TICK_SHA256)
    for name in ("_cron_next_fire", "_parse_cron_fields"):
        expect(eventbridge, name, source_sha256=SHA256[name])
    if scheduler._SCHEDULE_TICK_INTERVAL not in (SHIPPED_TICK_SECONDS, TICK_SECONDS):
        raise EmulatorChanged(f"the scheduler ticks every {scheduler._SCHEDULE_TICK_INTERVAL} s")
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS
    invoke = eventbridge._invoke_target

    def _invoke_target(
        target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None
    ) -> None:
        if event.get("Source") == "aws.scheduler":
            rule[FIRED] = event["Time"]
            target = _with_context(target, rule, scheduled_time(eventbridge, rule, now=float(event["Time"])))
        invoke(target, event, rule, view)

    replace(eventbridge, "_invoke_target", _invoke_target, source_sha256=SHA256["_invoke_target"])


def remember_fired() -> None:
    """After a restart: one-time and rate schedules go on from when they fired last."""
    from ministack.services import scheduler

    for key, schedule in scheduler._schedules._data.items():
        if FIRED in schedule and not schedule.get("ScheduleExpression", "").startswith("cron"):
            scheduler._schedule_last_fired[key] = schedule[FIRED]


def scheduled_time(eventbridge: Any, schedule: dict[str, Any], *, now: float) -> datetime:
    """The instant a schedule that fires now was due: its cron slot or its one time, else now."""
    from ministack.services import scheduler

    expression = schedule.get("ScheduleExpression", "")
    moment = datetime.fromtimestamp(int(now), tz=UTC)
    once = scheduler._at_time_epoch(expression)
    if once is not None:
        return datetime.fromtimestamp(once, tz=UTC)
    fields = eventbridge._parse_cron_fields(expression)
    if fields is None:
        return moment
    slot = eventbridge._cron_next_fire(fields, datetime.fromtimestamp(now - LATEST_TICK_SECONDS, tz=UTC))
    return slot if slot is not None and slot <= moment else moment


def _with_context(target: dict[str, Any], schedule: dict[str, Any], due: datetime) -> dict[str, Any]:
    """The target with the keywords in its input filled in."""
    if not target.get("Input"):
        return target
    values = {
        "schedule-arn": schedule.get("Arn", ""),
        "scheduled-time": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": uuid.uuid4().hex,
        "attempt-number": "1",
    }
    text = target["Input"]
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return {**target, "Input": text}
