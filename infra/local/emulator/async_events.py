"""Asynchronous invocations and S3 notifications that survive a kill, with AWS's retries and dead letters.

"When you invoke a function asynchronously, Lambda places the event in a queue and returns a success
response. A separate process reads events from the queue and sends them to your function" (Lambda developer
guide). The queue is the journal's task list: an event leaves it once the function succeeded or its failure
is delivered.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.emulator import failures
from infra.local.emulator.durability import Keeper
from infra.local.emulator.failures import Failure
from infra.local.emulator.patching import replace

RETRIES = 2
"""Runs after the first one (AWS's default MaximumRetryAttempts)."""

MAX_AGE_SECONDS = 6 * 60 * 60
"""How long a throttled event stays in the queue (AWS's default MaximumEventAgeInSeconds)."""

INVOKE = "lambda-event"
NOTIFY = "s3-notification"

SHA256 = {
    "invoke_async_with_retry": "289fe4d3cbd4089b4bace68e20212c8a4a74b38dc8e781556a1114df1058b5a1",
    "_dispatch_to_lambda": "1f95adbaed3a966a5b5761dbf547c1fa47100ea4229bd7461cd2fb599708434d",
    "_fire_s3_event_async": "d42619f0eb8691d5841f182cd3c9c4fde8ffb7649369258a73974201a2195d75",
}


@dataclass(frozen=True)
class Policy:
    """How a function's asynchronous events are retried and where failed ones go."""

    retries: int
    max_age_seconds: int
    destination: str
    dead_letter: str


def install(keeper: Keeper) -> None:
    """Put the durable queue in place of the emulator's fire-and-forget threads."""
    from ministack.services import eventbridge, lambda_svc, s3

    invocations = Invocations(keeper)
    notifications = Notifications(keeper)
    replacements: list[tuple[Any, Callable[..., Any]]] = [
        (lambda_svc, invocations.invoke_async_with_retry),
        (eventbridge, invocations.dispatch_to_lambda),
        (s3, notifications.fire),
    ]
    for (module, new), (name, source) in zip(replacements, SHA256.items(), strict=True):
        replace(module, name, new, source_sha256=source)


class Invocations:
    """The queue of asynchronous Lambda events."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        keeper.tasks.register(INVOKE, self._start)

    def invoke_async_with_retry(self, func: dict[str, Any], event: Any) -> None:
        """Queue an event for a function."""
        body = {"function": (func.get("config") or func)["FunctionArn"], "event": event, "at": time.time()}
        self._start(self._keeper.tasks.accept(INVOKE, body), body)

    def dispatch_to_lambda(self, arn: str, payload: str) -> None:
        """EventBridge "invokes your Lambda function asynchronously": rules and schedules use this queue."""
        from ministack.services import lambda_svc

        try:
            event = json.loads(payload)
        except ValueError:
            event = {"body": payload}
        func, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if func and config:
            self.invoke_async_with_retry({"config": config}, event)

    def _start(self, identifier: str, body: dict[str, Any]) -> None:
        _in_background(self._run, identifier, body)

    def _run(self, identifier: str, body: dict[str, Any]) -> None:
        from ministack.core.responses import request_scope
        from ministack.services import lambda_svc

        account, region = body["function"].split(":")[4], body["function"].split(":")[3]
        with request_scope(account, region):
            func, config, _ = lambda_svc._get_func_record_for_ref(body["function"])
            if func and config:
                record = lambda_svc._execution_record_for_config(func, config)
                policy = _policy(record, config)
                failure = _run_until_settled(lambda_svc, record, body, policy)
                if failure is not None:
                    self._give_up(body, policy, failure, identifier)
        self._keeper.tasks.finish(identifier)

    def _give_up(self, body: dict[str, Any], policy: Policy, failure: Failure, identifier: str) -> None:
        """Deliver a failed event, durably, to the on-failure destination and the dead-letter queue."""
        from ministack.services import lambda_svc

        event, function = body["event"], body["function"]
        if policy.destination.split(":")[2:3] in (["sqs"], ["sns"]):
            failures.send(
                policy.destination,
                failures.invocation_record(function, event, failure, identifier),
                {},
                identifier,
            )
        elif policy.destination:
            lambda_svc._route_async_failure(policy.destination, function.split(":")[6], event, failure.result)
        if policy.dead_letter:
            failures.send(
                policy.dead_letter, event, failures.dead_letter_attributes(failure, identifier), identifier
            )
        if policy.destination or policy.dead_letter:
            self._keeper.wait_written("sqs")


def _run_until_settled(
    lambda_svc: Any, record: dict[str, Any], body: dict[str, Any], policy: Policy
) -> Failure | None:
    """Run until it succeeds (None), or until runs or age are used up.

    "For throttling errors (429) and system errors (500-series), Lambda returns the event to the queue":
    these use up no run.
    """
    runs, pauses = 0, 0
    while True:
        result = lambda_svc._execute_function(record, body["event"])
        if not result.get("error"):
            return None
        runs += 0 if result.get("throttle") else 1
        if runs > policy.retries:
            return Failure(result, runs, "RetriesExhausted")
        pause = lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS * 2.0**pauses
        pause = min(pause, lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS)
        if time.time() + pause - body["at"] > policy.max_age_seconds:
            return Failure(result, runs, "EventAgeExceeded")
        pauses += 1
        threading.Event().wait(pause)


def _policy(record: dict[str, Any], config: dict[str, Any]) -> Policy:
    """The function's event invoke configuration; "by default two more attempts", age at most six hours."""
    settings = (
        record.get("event_invoke_config") or (record.get("event_invoke_configs") or {}).get("$LATEST") or {}
    )
    retries = settings.get("MaximumRetryAttempts")
    return Policy(
        retries=RETRIES if retries is None else int(retries),
        max_age_seconds=int(settings.get("MaximumEventAgeInSeconds") or MAX_AGE_SECONDS),
        destination=((settings.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        or "",
        dead_letter=(config.get("DeadLetterConfig") or {}).get("TargetArn") or "",
    )


class Notifications:
    """Object-level events of buckets with a notification configuration, kept until they are delivered."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        keeper.tasks.register(NOTIFY, self._start)

    def fire(self, bucket_name: str, key: str, event_name: str, *details: Any, **named: Any) -> None:
        """Keep the event before the request that caused it is answered, and deliver it in the background."""
        from ministack.core.responses import get_account_id, get_region
        from ministack.services import s3

        if bucket_name not in s3._bucket_notifications:
            return
        names = ("size", "etag", "deletion_type", "version_id", "object_extra", "record_extra")
        arguments = {**dict(zip(names, details, strict=False)), **named}
        body = {
            "scope": (get_account_id(), get_region()),
            "positional": (bucket_name, key, event_name),
            "named": {**arguments, "sequencer": s3._next_event_sequencer(event_name)},
        }
        self._start(self._keeper.tasks.accept(NOTIFY, body), body)

    def _start(self, identifier: str, body: dict[str, Any]) -> None:
        _in_background(self._deliver, identifier, body)

    def _deliver(self, identifier: str, body: dict[str, Any]) -> None:
        from ministack.core.responses import request_scope
        from ministack.services import s3

        account, region = body["scope"]
        with request_scope(account, region):
            s3._fire_s3_event(*body["positional"], **body["named"])
            if "<Queue>" in s3._bucket_notifications.get(body["positional"][0], ""):
                self._keeper.wait_written("sqs")
        self._keeper.tasks.finish(identifier)


def _in_background(function: Callable[..., None], *arguments: Any) -> None:
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(function, *arguments), daemon=True).start()
