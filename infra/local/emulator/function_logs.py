"""What functions write, in CloudWatch Logs and as metrics: a log stream per environment, embedded metrics."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from .patching import expect, replace

logger = logging.getLogger("function_logs")

EMIT_LAMBDA_LOGS = "111efbf06968bb207427d25f6070f8048962a56385e2f7c62bb76b5f9d051720"
EVALUATE_ALL_ALARMS = "f83f88e57f1ccfc9ae5020078bce761ce6af4f5d9b6ec938be7f439681daaaa7"
RELIED_ON = {
    "_append_log_events": "e47cae7a15a4cc4668b51832593f304d5bb88fecfa67de3b88c0c115883e987c",
    "_fanout_to_subscription_filters": "cb898244bb9fac17e2631dc7e0ed3bae016c629227768ffd22ac27abd79bad0a",
    "_make_group_arn": "3d349158bb566a4f01ee99f6ba2bd90e4a26fa2f7d828c36691bfc27efa6b177",
}
EMBEDDED_MARK = '"_aws"'

log_stream: ContextVar[str | None] = ContextVar("log_stream", default=None)
"""The log stream of the environment that runs the current invocation."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: Mapping[str, str]


def install() -> None:
    """Replace the emulator's writing of function logs. Raises `EmulatorChanged`."""
    from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

    expect(cloudwatch, "_evaluate_all_alarms", source_sha256=EVALUATE_ALL_ALARMS)
    for name, source in RELIED_ON.items():
        expect(cloudwatch_logs, name, source_sha256=source)
    replace(lambda_svc, "_emit_lambda_logs", _emit_lambda_logs, source_sha256=EMIT_LAMBDA_LOGS)


def stream_name(version: str) -> str:
    """A new environment's log stream, named as on AWS."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{uuid4().hex}"


def _emit_lambda_logs(
    func: dict[str, Any],
    request_id: str,
    log_text: str,
    error: bool,
    duration_ms: int,
    *,
    log_source: str | None = None,
) -> None:
    """Write an invocation's lines, between START and END/REPORT, to the function's log group."""
    config = func.get("config") or func
    version = str(config.get("Version", "$LATEST"))
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName')}"
    lines = log_text.splitlines()
    memory = config.get("MemorySize", 128)
    written = [
        f"START RequestId: {request_id} Version: {version}",
        *lines,
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms} ms\tBilled Duration: {duration_ms} ms\t"
        f"Memory Size: {memory} MB",
    ]
    _append(group, log_stream.get() or stream_name(version), written)
    _record(lines)


def _append(group: str, stream: str, lines: list[str]) -> None:
    from ministack.services import cloudwatch_logs as logs

    now = int(time.time() * 1000)
    stored = logs._log_groups.get(group)
    if stored is None:
        stored = logs._log_groups[group] = {
            "arn": logs._make_group_arn(group),
            "creationTime": now,
            "retentionInDays": None,
            "tags": {},
            "subscriptionFilters": {},
            "streams": {},
        }
    target = stored["streams"].setdefault(
        stream,
        {
            "events": [],
            "uploadSequenceToken": "1",
            "creationTime": now,
            "firstEventTimestamp": None,
            "lastEventTimestamp": None,
            "lastIngestionTime": None,
        },
    )
    logs._append_log_events(
        target, [{"timestamp": now, "message": line, "ingestionTime": now} for line in lines]
    )
    logs._fanout_to_subscription_filters(group, stream, [{"timestamp": now, "message": m} for m in lines])


def _record(lines: list[str]) -> None:
    from ministack.services import cloudwatch

    points = [point for line in lines for point in embedded_metrics(line)]
    for point in points:
        cloudwatch.record_metric(point.namespace, point.name, point.value, point.unit, dict(point.dimensions))
    if points:  # as shipped only PutMetricData lets alarms look
        cloudwatch._evaluate_all_alarms()


def embedded_metrics(line: str) -> Iterator[Point]:
    """The metrics in a line of CloudWatch's embedded metric format; none in any other line.

    "The _aws member has CloudWatchMetrics": namespace, dimension sets (names of the line's members), metric
    names; a metric's member is a number or a list of numbers.
    """
    if EMBEDDED_MARK not in line:
        return
    try:
        document = json.loads(line)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for dimension_set in directive.get("Dimensions") or [[]]:
                dimensions = {name: str(document[name]) for name in dimension_set}
                for metric in directive["Metrics"]:
                    value = document[metric["Name"]]
                    for number in value if isinstance(value, list) else [value]:
                        unit = str(metric.get("Unit", "None"))
                        yield Point(directive["Namespace"], metric["Name"], float(number), unit, dimensions)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("embedded metrics not understood (%r): %.200s", error, line)
