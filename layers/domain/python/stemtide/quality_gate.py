"""Whether a night may be scored: what was extracted, against the configured checks. No clock, no I/O."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any, Final

import msgspec

from stemtide.as_of import end_of_day_ms, last_closed_day
from stemtide.calls import MINUTE_MS, day_of_index
from stemtide.config_sweep import AccountCount, Check, Completeness, Failures, Freshness, Severity, Sweep
from stemtide.event_days import EventDays, closed_days, hole, staleness

TRIPPED: Final = "TrippedGates"
"""The metric of critical checks that were not met, of each run; an alarm looks at it."""
MARK: Final = "gate:"
"""Before a check's name where a score says what speaks against it."""


class Outcome(StrEnum):
    """What became of a check; `IGNORED`: not met, and a person let the night pass."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    IGNORED = "ignored"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """A check of a night: its outcome, in words and in the figures they are made of."""

    name: Check
    night: str
    severity: Severity
    outcome: Outcome
    words: str
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """What the extraction of a night found, over all its batches.

    `failed` accounts could not be read, those of the `given_up` batches included. `nulls` counts, by key
    column, the customers without a value among the `counted` ones.
    """

    accounts: int = 0
    customers: int = 0
    others: int = 0
    failed: int = 0
    given_up: int = 0
    first_failed: str | None = None
    counted: int = 0
    nulls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """All that a night is judged by.

    `as_of_ms` is its instant, `events` when there were events, `lag_ms` how far the stream's
    consumers are behind now, `customers_before` the customers of scored nights before it, newest first.
    """

    night: str
    as_of_ms: int
    extracted: Extracted
    events: EventDays
    lag_ms: int
    customers_before: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class _Finding:
    met: bool
    words: str
    figures: dict[str, Any]


def judge(nights: Iterable[Night], config: Sweep, *, ignored: Collection[Check] = ()) -> list[CheckResult]:
    """Every check of each night, in the order of the nights and of `Check`."""
    return [
        _result(check, finding, night.night, config.severity(check), ignored)
        for night in nights
        for check, finding in _findings(night, config).items()
    ]


def may_be_scored(results: Iterable[CheckResult], night: str) -> bool:
    """Whether no critical check of the night was left unmet."""
    return all(one.outcome is not Outcome.FAILED for one in results if one.night == night)


def marks_of(results: Iterable[CheckResult], night: str) -> tuple[str, ...]:
    """What each score of the night must say, e.g. `gate:feature_completeness`."""
    unmet = (Outcome.WARNING, Outcome.IGNORED)
    return tuple(f"{MARK}{one.name}" for one in results if one.night == night and one.outcome in unmet)


def cause_of(results: Iterable[CheckResult]) -> str:
    """Why nights were not scored, in words."""
    failed = [
        f"{one.name} of {one.night[:10]} ({one.words})" for one in results if one.outcome is Outcome.FAILED
    ]
    return f"the quality gate tripped: {'; '.join(failed)}"


def checks_named(names: Iterable[str]) -> tuple[Check, ...]:
    """The checks of these names.

    Raises:
        ValueError: there is no such check.
    """
    known = ", ".join(Check)
    found = list(names)
    if unknown := [name for name in found if name not in set(Check)]:
        raise ValueError(f"{unknown[0]!r} is no check of the quality gate: known are {known}")
    return tuple(Check(name) for name in found)


def _result(
    check: Check, finding: _Finding, night: str, severity: Severity, ignored: Collection[Check]
) -> CheckResult:
    if finding.met:
        outcome = Outcome.PASSED
    elif check in ignored:
        outcome = Outcome.IGNORED
    else:
        outcome = Outcome.FAILED if severity is Severity.CRITICAL else Outcome.WARNING
    return CheckResult(
        name=check,
        night=night,
        severity=severity,
        outcome=outcome,
        words=finding.words,
        figures=finding.figures,
    )


def _findings(night: Night, config: Sweep) -> dict[Check, _Finding]:
    found = night.extracted
    return {
        Check.EVENT_DATA_FRESHNESS: _fresh(night, config.event_data_freshness),
        Check.RECENT_DAYS: _recent(night, config.event_data_freshness),
        Check.FEATURE_COMPLETENESS: _complete(found, config.feature_completeness),
        Check.ACCOUNT_COUNT: _count(found.customers, night.customers_before, config.account_count),
        Check.EXTRACTION_FAILURES: _failures(found, config.extraction_failures),
    }


def _fresh(night: Night, config: Freshness) -> _Finding:
    """The newest event at the end of the last closed day, which is the newest that features see."""
    limit_ms = config.max_stale_minutes * MINUTE_MS
    day = last_closed_day(night.as_of_ms)
    found = staleness(night.events, end_of_day_ms(day), limit_ms=limit_ms)
    words = found.words()
    behind = night.lag_ms > limit_ms
    if behind:
        words += f"; the stream's consumers are {night.lag_ms // MINUTE_MS:,} min behind"
    figures = {
        "newest_ms": found.newest_ms,
        "as_of_ms": found.as_of_ms,
        "usual_ms": found.usual_ms,
        "limit_ms": limit_ms,
        "consumers_lag_ms": night.lag_ms,
    }
    return _Finding(not found.stale and not behind, words, figures)


def _recent(night: Night, config: Freshness) -> _Finding:
    """Whether the other days of the week that features compare with the one before are whole."""
    limit_ms = config.max_stale_minutes * MINUTE_MS
    asked = closed_days(night.as_of_ms)[1:]
    lacking = [day for day in asked if hole(night.events, day, limit_ms=limit_ms) is not None]
    named = ", ".join(day_of_index(day) for day in lacking)
    words = f"events are missing at the end of {named}" if lacking else "no events are missing"
    return _Finding(not lacking, words, {"days": len(asked), "lacking": [day_of_index(d) for d in lacking]})


def _complete(found: Extracted, config: Completeness) -> _Finding:
    shares = {
        name: 100 * found.nulls.get(name, 0) / found.counted if found.counted else 0.0
        for name in config.columns
    }
    worst = max(shares, key=lambda name: shares[name])
    words = f"null rate: {shares[worst]:.1f} %{f' of {worst}' if shares[worst] else ''}"
    figures = {"null_pct": shares, "customers": found.counted, "max_null_pct": config.max_null_pct}
    return _Finding(shares[worst] <= config.max_null_pct, words, figures)


def _count(customers: int, before: Sequence[int], config: AccountCount) -> _Finding:
    recent = list(before[: config.recent_nights])
    if not recent:
        return _Finding(
            True, f"{customers:,} customers, no night before to compare with", {"customers": customers}
        )
    usual = median(recent)
    least = min(usual * config.min_pct / 100, usual - config.few)
    most = max(usual * config.max_pct / 100, usual + config.few)
    words = f"{customers:,} customers, usual: {usual:,.0f}"
    figures = {"customers": customers, "usual": usual, "least": max(0.0, least), "most": most}
    nobody_left = customers == 0 < usual
    return _Finding(least <= customers <= most and not nobody_left, words, figures)


def _failures(found: Extracted, config: Failures) -> _Finding:
    most = max(found.accounts * config.max_failed_pct / 100, config.few)
    words = f"{found.failed:,} of {found.accounts:,} accounts could not be read"
    if found.first_failed is not None:
        words += f", the first: {found.first_failed}"
    figures = {"failed": found.failed, "accounts": found.accounts, "given_up": found.given_up, "most": most}
    return _Finding(found.failed <= most, words, figures)
