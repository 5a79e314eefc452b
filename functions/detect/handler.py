"""Finds drops of use: on an account's first use of a day, and every hour for those who are silent; voids what
scoring keeps of days that have changed, and hands on who has logged in."""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.as_of import instant_ms, parse_as_of
from stemtide.calls import MINUTE_MS
from stemtide.config import bundled_config
from stemtide.detecting import DetectPorts, Outcome, on_first_use, on_silence
from stemtide.event_days import why_not_whole
from stemtide.jobs import claim_due
from stemtide.logins import on_logins
from stemtide.settings import DetectSettings
from stemtide.silence import AT_MOST, EVERY, JOB
from stemtide.store import clients
from stemtide.store.account_list import list_accounts
from stemtide.store.consumer_marks import leave_mark
from stemtide.store.day_use import DayUses
from stemtide.store.event_days import read_event_days
from stemtide.store.jobs import DynamoRuns
from stemtide.store.pace import Threads
from stemtide.store.records import Records
from stemtide.store.score_queue import LoginSender
from stemtide.store.set_aside import AsideOnce, SetAside
from stemtide.store.stream_lag import aggregates_lag_ms
from stemtide.store.usage_blocks import UsageBlocks
from stemtide.store.whole_days import WholeDays
from stemtide.table_stream import changes, done_before, partial_answer
from stemtide.voiding import void_late

logger = Logger(service="detect")


@lru_cache(maxsize=1)
def settings() -> DetectSettings:
    """The function's settings, read once per process."""
    return DetectSettings.from_env()


@lru_cache(maxsize=1)
def tables() -> dict[str, Any]:
    """The tables by role."""
    return {
        "accounts": clients.table(settings().accounts_table, config=clients.PATIENT),
        "ingest": clients.table(settings().ingest_table, config=clients.PATIENT),
    }


@lru_cache(maxsize=1)
def ports() -> DetectPorts:
    """What detecting touches, made once per process."""
    records = Records(tables()["accounts"])
    aside = SetAside(client=clients.client("sqs"), queue_url=settings().dead_letter_queue, function="detect")
    dynamodb = clients.client("dynamodb", config=clients.PATIENT)
    days = DayUses(client=dynamodb, table_name=settings().usage_table)
    once = AsideOnce(aside=aside, table=tables()["ingest"])
    whole = WholeDays(table=tables()["ingest"], config=bundled_config().sweep.event_data_freshness)

    def say(what: Any, error: Exception) -> None:
        logger.error("set aside: it cannot be read", extra={**what, "error": type(error).__name__})

    def set_aside(what: Any, error: Exception) -> None:
        say(what, error)
        aside.send(what, error)

    def aside_once(account: str, what: Any, error: Exception) -> None:
        say(what, error)
        once.send(account, what, error)

    return DetectPorts(
        days=days.read,
        drops=records.drops,
        touch=records.touch,
        put=records.put_drop,
        set_aside=set_aside,
        aside_once=aside_once,
        why_not=whole.why_not,
        side_by_side=Threads(),
    )


@lru_cache(maxsize=1)
def logins() -> LoginSender:
    """The queue of logins, looked up once per process."""
    return LoginSender(client=clients.client("sqs", config=clients.BRIEF), url=settings().login_queue)


def handler(event: dict[str, Any], context: object) -> dict[str, Any] | None:
    """A delivery of the usage table's stream, a firing of the schedule, or a question for one instant."""
    if "Records" in event:
        return _delivery(event)
    if "as_of" in event:
        return _asked(parse_as_of(event["as_of"]), ignore_stale=bool(event.get("ignore_stale")))
    _catch_up(datetime.fromisoformat(event["scheduled_at"]))
    return None


def _delivery(event: dict[str, Any]) -> dict[str, Any]:
    found = changes(event)
    again = void_late(found, UsageBlocks(tables()["accounts"]).void)  # before a drop asks for a score
    outcome = on_first_use(found, config=bundled_config(), ports=ports())
    _say("looked at first uses", outcome)
    lost = on_logins(found, logins().send)  # after the drops: they wait for nobody
    if lost:
        logger.error("logins not handed on: no score follows them", lost=lost)
    failed = (*outcome.failed, *(() if again is None else (again,)))
    done = done_before(found, failed)
    if done is not None:
        leave_mark(tables()["ingest"], "detect", done)
    return partial_answer(failed)


def _asked(as_of_ms: int, *, ignore_stale: bool) -> dict[str, Any]:
    reason = None if ignore_stale else _why_not(as_of_ms, _lag_ms())
    if reason is not None:
        logger.warning("not looked at silent accounts", reason=reason)
        return {"looked_at": 0, "unreadable": 0, "drops": [], "found": 0, "skipped": reason}
    return _look(as_of_ms)


def _why_not(as_of_ms: int, lag_ms: int) -> str | None:
    """Why everybody might look silent at the instant."""
    days = read_event_days(tables()["ingest"], as_of_ms)
    limit_ms = bundled_config().sweep.event_data_freshness.max_stale_minutes * MINUTE_MS
    return why_not_whole(days, as_of_ms, lag_ms=lag_ms, limit_ms=limit_ms)


def _lag_ms() -> int:
    now_ms = int(time.time() * 1000)
    return aggregates_lag_ms(
        clients.client("kinesis"), settings().event_stream, tables()["ingest"], now_ms=now_ms
    )


def _look(as_of_ms: int, *, everyone: bool = False) -> dict[str, Any]:
    outcome = on_silence(
        list_accounts(tables()["accounts"]),
        as_of_ms=as_of_ms,
        config=bundled_config(),
        ports=ports(),
        everyone=everyone,
    )
    _say("looked at silent accounts", outcome)
    return {
        "looked_at": outcome.looked_at,
        "unreadable": outcome.unreadable,
        "drops": [
            {"account": drop.account, "rule": drop.rule, **drop.figures} for drop in outcome.drops[:1000]
        ],
        "found": len(outcome.drops),
        "skipped": None,
    }


def _catch_up(scheduled: datetime) -> None:
    """Look as of each hour that is due; an hour at which the stream was stale is left for a later firing.

    When the hour before the newest was left, too, drops may have been withheld from those who used the
    product: the newest looks at everyone.
    """
    runs = DynamoRuns(table=tables()["ingest"], job=JOB)
    due = claim_due(runs, as_of=scheduled, every=EVERY, at_most=AT_MOST)
    lag_ms = _lag_ms() if due else 0
    for slot in due:
        as_of_ms = instant_ms(slot.astimezone(UTC))
        reason = _why_not(as_of_ms, lag_ms)
        if reason is not None:
            logger.warning("not looked at silent accounts", slot=slot.isoformat(), reason=reason)
            runs.skip(slot, as_of=scheduled, reason=reason)
            continue
        _look(as_of_ms, everyone=slot == due[-1] and slot - EVERY in due)
        runs.finish(slot, as_of=scheduled)


def _say(what: str, outcome: Outcome) -> None:
    logger.info(
        what,
        accounts=outcome.looked_at,
        drops=len(outcome.drops),
        again=len(outcome.failed),
        unreadable=outcome.unreadable,
        withheld=outcome.withheld,
        why=outcome.why,
    )
