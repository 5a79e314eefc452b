"""Works off the payment provider's events from the billing table's stream; reconciles with the provider."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from stemtide import limits
from stemtide.billing.batch import Arrived, Outcome, work_batch
from stemtide.billing.ports import BillingPorts
from stemtide.billing.reconcile import JOB, METRICS, Reconciled, hand_on, reconcile
from stemtide.billing.working import work_off
from stemtide.clock import ModelClock
from stemtide.config import bundled_config
from stemtide.config_billing import Provider
from stemtide.delivery.provider_access import ProviderAccess
from stemtide.jobs import claim_due
from stemtide.ports import UNREADABLE, UnavailableError
from stemtide.settings import BillingSettings
from stemtide.store import clients
from stemtide.store.billing_assembly import billing_ports, reconcile_ports
from stemtide.store.billing_events import BillingEvents, pending_in
from stemtide.store.consumer_marks import leave_mark
from stemtide.store.jobs import DynamoRuns
from stemtide.store.set_aside import SetAside
from stemtide.table_stream import Change, changes, done_before, partial_answer

logger = Logger(service="billing")
MOST_SLOTS = 24
"""A reconcile makes up for all that were missed: so many are noted as done."""


@lru_cache(maxsize=1)
def settings() -> BillingSettings:
    """The function's settings, read once per process."""
    return BillingSettings.from_env()


@lru_cache(maxsize=1)
def tables() -> dict[str, Any]:
    """The tables by role."""
    named = {
        "accounts": settings().accounts_table,
        "billing": settings().billing_table,
        "ingest": settings().ingest_table,
    }
    return {role: clients.table(name, config=clients.PATIENT) for role, name in named.items()}


@lru_cache(maxsize=1)
def access() -> ProviderAccess:
    """The way to the provider; remembers the key for a while."""
    return ProviderAccess(
        client=clients.client("secretsmanager"),
        secret_id=settings().provider_key_secret,
        url=settings().provider_url,
        clock=time.monotonic,
    )


def ports() -> BillingPorts:
    """What working off an event touches."""
    return billing_ports(
        billing=tables()["billing"],
        accounts=tables()["accounts"],
        provider=access().provider(),
        clock=ModelClock.parse(settings().clock),
        config=bundled_config(),
    )


def handler(event: dict[str, Any], context: Any) -> Any:
    """A delivery of the stream (the response names what must come again), the hourly schedule, or a person's
    wish: `{"job": "billing", "walk": bool}` reconciles now."""
    if "job" in event:
        return _reconcile(event)
    found = changes(event)
    events = BillingEvents(tables()["billing"])
    deadline_ms = limits.DEADLINE_MARGIN.total_seconds() * 1000
    try:
        touched = ports()
    except UnavailableError as error:
        logger.error("events wait", extra={"why": f"{type(error).__name__}: {error}"})  # noqa: TRY400
        return partial_answer(change.sequence for change in found)
    outcome = work_batch(
        _arrived(found),
        work=lambda claim: work_off(claim, touched),
        finish=events.finish,
        spent=lambda: context.get_remaining_time_in_millis() <= deadline_ms,
    )
    _say(outcome)
    done = done_before(found, outcome.again)
    if done is not None:
        leave_mark(tables()["ingest"], "billing", done)
    return partial_answer(outcome.again)


def _arrived(found: Sequence[Change]) -> list[Arrived]:
    """Each change with its event; what cannot be read is set aside and holds up nothing."""
    arrived = []
    for change in found:
        try:
            pending = pending_in(change.new or {})
        except UNREADABLE as error:
            logger.error("set aside: it cannot be read", keys=change.keys, error=type(error).__name__)  # noqa: TRY400
            aside = SetAside(
                client=clients.client("sqs"), queue_url=settings().dead_letter_queue, function="billing"
            )
            aside.send({"keys": change.keys, "sequence": change.sequence}, error)
        else:
            arrived.append(Arrived(sequence=change.sequence, claim=pending.claim))
    return arrived


def _say(outcome: Outcome) -> None:
    for claim, reason in outcome.failed:
        logger.error(
            "an event cannot be worked off", extra={"event": claim.id, "type": claim.type, "why": reason}
        )
    if outcome.errors:
        logger.warning("events come again", extra={"errors": outcome.errors})
    logger.info(
        "worked off",
        extra={
            "done": outcome.done,
            "unmapped": outcome.unmapped,
            "failed": len(outcome.failed),
            "again": len(outcome.again),
        },
    )


def _reconcile(event: dict[str, Any]) -> dict[str, Any]:
    """A reconcile where one is due or wanted; else only what waits is handed on."""
    if bundled_config().billing.provider is Provider.NONE:
        return {"provider": "none"}
    runs = DynamoRuns(table=tables()["ingest"], job=JOB)
    scheduled = "scheduled_at" in event
    as_of = datetime.fromisoformat(event["scheduled_at"]) if scheduled else datetime.now(UTC)
    every = timedelta(hours=bundled_config().billing.reconcile_hours)
    slots = claim_due(runs, as_of=as_of, every=every, at_most=MOST_SLOTS) if scheduled else []
    touched = reconcile_ports(tables()["billing"], ports())
    now_ms = time.time_ns() // 1_000_000
    if scheduled and not slots:
        found = hand_on(touched, now_ms=now_ms, ask=False)
    else:
        found = reconcile(touched, now_ms=now_ms, walk=bool(event.get("walk")))
    for slot in slots:
        runs.finish(slot, as_of=as_of)
    _measure(found)
    result: dict[str, Any] = msgspec.to_builtins(found)
    logger.info("reconciled", extra=result)
    return result


def _measure(found: Reconciled) -> None:
    metrics = Metrics(namespace=settings().metric_namespace)
    for name, metric in METRICS.items():
        value = getattr(found, name)
        if value is not None:
            metrics.add_metric(name=metric, unit=MetricUnit.Count, value=value)
    metrics.flush_metrics()
