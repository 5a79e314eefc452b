"""What the event-source engine works with: records of a shard, settings of a mapping, pieces of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
"""A batch's event as JSON, records base64 encoded (AWS: synchronous invocation payload, 6 MB)."""

DEFAULT_STREAM_BATCH = 100
"""BatchSize of a stream mapping that names none (AWS's default)."""


class UnsupportedSetting(ValueError):  # noqa: N818 - reads as what it says
    """A mapping asks for something this engine refuses rather than ignores."""


class Condition(StrEnum):
    """Why records were given up, as the on-failure record names it."""

    RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
    TOO_OLD = "MaximumRecordAgeExceeded"


@dataclass(frozen=True, slots=True)
class Record:
    """One stream record: sequence number, arrival (epoch seconds), size in the event (bytes), event."""

    sequence: str
    arrival: float
    size: int
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """A mapping's settings; `None` for retries and age means without limit, as -1 does on AWS."""

    batch_size: int = DEFAULT_STREAM_BATCH
    window_seconds: float = 0.0
    max_retries: int | None = None
    max_age_seconds: float | None = None
    bisect: bool = False
    partial: bool = False
    destination: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive records invoked together; `failures` counts the tries that used up retries, `tries` all."""

    records: tuple[Record, ...]
    failures: int = 0
    tries: int = 0


def read_settings(mapping: Mapping[str, Any]) -> Settings:
    """The settings in a stored event source mapping, whose values may be CloudFormation's strings.

    ParallelizationFactor above 1 is accepted and worked off as 1: the order is stricter than AWS promises.
    Raises `UnsupportedSetting` for a tumbling window.
    """
    refuse_unsupported(mapping)
    destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    return Settings(
        batch_size=max(1, int(mapping.get("BatchSize") or DEFAULT_STREAM_BATCH)),
        window_seconds=float(mapping.get("MaximumBatchingWindowInSeconds") or 0),
        max_retries=_limit(mapping.get("MaximumRetryAttempts")),
        max_age_seconds=_limit(mapping.get("MaximumRecordAgeInSeconds")),
        bisect=str(mapping.get("BisectBatchOnFunctionError", False)).lower() == "true",
        partial="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or ()),
        destination=destination or None,
    )


def refuse_unsupported(mapping: Mapping[str, Any]) -> None:
    """Raise `UnsupportedSetting` for what would otherwise be silently ignored."""
    if int(mapping.get("TumblingWindowInSeconds") or 0) > 0:
        raise UnsupportedSetting("TumblingWindowInSeconds is not supported by the local emulator")


def _limit(value: Any) -> int | None:
    return None if value is None or int(value) < 0 else int(value)
