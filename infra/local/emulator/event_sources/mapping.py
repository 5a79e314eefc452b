"""A mapping's ports onto the emulator: its settings, filter, invocations and on-failure records."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import destinations
from .decisions import Discard
from .model import Record, Settings, read_settings
from .positions import PositionStore
from .shard import Invocation, Ports
from .streams import Shard

logger = logging.getLogger("event_sources")

NEVER_PROCESSED = "No records processed"


def ports(mapping: dict[str, Any], shard: Shard, positions: PositionStore) -> Ports:
    """What a worker of this mapping needs for one shard; use it in the mapping's account and region."""
    esm_id = str(mapping["UUID"])
    return Ports(
        source=shard.source,
        settings=lambda: read_settings(mapping),
        keep=lambda records: matching(mapping, records),
        invoke=lambda records: invoke(mapping, records),
        discard=_discarder(mapping, shard.shard_id),
        save=lambda sequence: positions.save(esm_id, shard.shard_id, sequence),
    )


def function_of(mapping: Mapping[str, Any]) -> dict[str, Any] | None:
    """The stored function (or version) a mapping invokes, or None when it does not exist now."""
    from ministack.services import lambda_svc

    function, _config = lambda_svc._get_func_record_for_qualifier(
        mapping["FunctionName"], mapping.get("Qualifier")
    )
    found: dict[str, Any] | None = function
    return found


def role_of(mapping: Mapping[str, Any]) -> str:
    """The ARN of the role the mapping's function runs with."""
    function = function_of(mapping) or {}
    return str((function.get("config") or {}).get("Role", ""))


def matching(mapping: dict[str, Any], records: Sequence[Record]) -> Sequence[Record]:
    """The records the mapping's filters let through, decided by the emulator's own matcher."""
    from ministack.services import lambda_svc

    if not (mapping.get("FilterCriteria") or {}).get("Filters"):
        return records
    kept = lambda_svc._apply_filter_criteria([record.event for record in records], mapping)
    wanted = {id(event) for event in kept}
    return [record for record in records if id(record.event) in wanted]


def invoke(mapping: dict[str, Any], records: Sequence[Record]) -> Invocation:
    """Invoke the function synchronously with these records.

    A function that is missing or at its concurrency limit is not invoked: tried again, at no cost in retries.
    """
    from ministack.services import cloudwatch, lambda_svc

    function = function_of(mapping)
    if function is None:
        return Invocation(throttled=True)
    age_ms = max(0.0, time.time() - records[-1].arrival) * 1000
    dimensions = {"FunctionName": mapping["FunctionName"]}
    cloudwatch.record_metric("AWS/Lambda", "IteratorAge", age_ms, "Milliseconds", dimensions)
    result = lambda_svc._execute_function(function, {"Records": [record.event for record in records]})
    invocation = Invocation(
        body=result.get("body"), error=bool(result.get("error")), throttled=bool(result.get("throttle"))
    )
    mapping["LastProcessingResult"] = "PROBLEM: Function call failed" if invocation.error else "OK"
    if invocation.error and not invocation.throttled:
        _report(mapping, records, invocation.body)
    return invocation


def _report(mapping: Mapping[str, Any], records: Sequence[Record], body: Any) -> None:
    error = body if isinstance(body, Mapping) else {}
    logger.warning(
        "%s failed on %d records from %s on: %s: %s",
        mapping["FunctionName"],
        len(records),
        records[0].sequence,
        error.get("errorType"),
        error.get("errorMessage"),
    )


def _discarder(mapping: dict[str, Any], shard_id: str) -> Callable[[Discard, Invocation | None], None]:
    def discard(given_up: Discard, last: Invocation | None) -> None:
        origin = destinations.Origin(
            str(mapping["UUID"]), shard_id, str(mapping["EventSourceArn"]), str(mapping["FunctionArn"])
        )
        settings: Settings = read_settings(mapping)
        if settings.destination:
            destinations.deliver(settings.destination, origin, given_up, last)
        else:
            count = len(given_up.piece.records)
            logger.error(
                "%s: %d records given up (%s), no destination", origin.esm_id, count, given_up.condition
            )

    return discard
