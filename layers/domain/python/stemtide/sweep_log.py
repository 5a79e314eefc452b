"""A run's log: what each stage did, when, for how long and with what outcome."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from stemtide.as_of import as_of_text
from stemtide.quality_gate import CheckResult, Extracted, Outcome

EXTRACT: Final = "extract_features"
GATE: Final = "quality_gate"
SCORE: Final = "score_accounts"
FLAG: Final = "flag_at_risk"
STAGES: Final = (EXTRACT, GATE, SCORE, FLAG)
WIDTH: Final = 31
"""Columns from a stage's name to its state."""


class State(StrEnum):
    """What became of a stage."""

    RUNNING = "running"
    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    NOT_RUN = "not_run"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of a run: when it began (ISO), seconds, counts, in words; the gate's checks."""

    name: str
    state: State
    started: str
    seconds: float
    words: str = ""
    counts: dict[str, int] = {}
    checks: tuple[CheckResult, ...] = ()


def stage(
    name: str,
    state: State,
    *,
    started_ms: int,
    ended_ms: int,
    words: str = "",
    counts: Mapping[str, int] | None = None,
    checks: Sequence[CheckResult] = (),
) -> Stage:
    """A stage that has ended."""
    return Stage(
        name=name,
        state=state,
        started=as_of_text(started_ms),
        seconds=round(max(0, ended_ms - started_ms) / 1000, 3),
        words=words,
        counts=dict(counts or {}),
        checks=tuple(checks),
    )


def of_extraction(nights: Sequence[Extracted], *, started_ms: int, ended_ms: int) -> Stage:
    """The extraction, over the nights of a run."""
    names = ("accounts", "customers", "others", "failed")
    counts = {name: sum(getattr(night, name) for night in nights) for name in names}
    words = f"{counts['customers']:,} customers of {counts['accounts']:,} accounts"
    return stage(
        EXTRACT,
        State.FAILED if counts["failed"] else State.PASSED,
        started_ms=started_ms,
        ended_ms=ended_ms,
        words=words + (f", {counts['failed']:,} failed" if counts["failed"] else ""),
        counts=counts,
    )


def of_gate(results: Sequence[CheckResult], *, started_ms: int, ended_ms: int) -> Stage:
    """The quality gate."""
    return stage(GATE, state_of_gate(results), started_ms=started_ms, ended_ms=ended_ms, checks=results)


def of_scoring(counts: Mapping[str, int], version: str, *, started_ms: int, ended_ms: int) -> Stage:
    """The scoring, by what became of the accounts."""
    words = f"{counts['scored']:,} scored, {counts['unchanged']:,} unchanged"
    words += f", {counts['not_customers']:,} no customers, {counts['failed']:,} failed, by {version}"
    state = State.FAILED if counts["failed"] else State.PASSED
    return stage(SCORE, state, started_ms=started_ms, ended_ms=ended_ms, words=words, counts=counts)


def of_flags(flagged: Mapping[str, Any], *, started_ms: int, ended_ms: int) -> Stage:
    """Who is at risk, and how many more or fewer than the night before (None: there is none)."""
    counts = {name: flagged[name] for name in ("at_risk", "new", "gone") if flagged.get(name) is not None}
    words = f"{counts.get('at_risk', 0):,} accounts flagged"
    if "new" in counts:
        words += f", {counts['new']:,} new, {counts['gone']:,} gone"
    return stage(FLAG, State.PASSED, started_ms=started_ms, ended_ms=ended_ms, words=words, counts=counts)


def not_run(names: Iterable[str], *, at_ms: int) -> list[Stage]:
    """Stages that never came."""
    return [stage(name, State.NOT_RUN, started_ms=at_ms, ended_ms=at_ms) for name in names]


def state_of_gate(checks: Iterable[CheckResult]) -> State:
    """Failed if a critical check was not met, a warning if another was not."""
    outcomes = {check.outcome for check in checks}
    if Outcome.FAILED in outcomes:
        return State.FAILED
    return State.PASSED if outcomes <= {Outcome.PASSED} else State.WARNING


def stages_in(row: Mapping[str, Any]) -> list[Stage]:
    """The stages of a run's log row."""
    return msgspec.json.decode(str(row.get("stages", "[]")), type=list[Stage])


def tree(stages: Sequence[Stage]) -> list[str]:
    """The stages as lines for people, the gate's checks below it; of several nights each check names its
    night."""
    lines = []
    nights = {check.night for one in stages for check in one.checks}
    for last, one in ((one is stages[-1], one) for one in stages):
        end, rest = ("└──", "    ") if last else ("├──", "│   ")
        timed = one.name != GATE and one.state is not State.NOT_RUN
        said = [duration(one.seconds)] if timed else []
        lines.append(_line(f"{end} {one.name}", one.state, ", ".join([*said, *filter(None, [one.words])])))
        for place, check in enumerate(one.checks):
            branch = "└──" if place == len(one.checks) - 1 else "├──"
            night = f"{check.night[:10]}: " if len(nights) > 1 else ""
            lines.append(_line(f"{rest}{branch} {check.name}", check.outcome, night + check.words))
    return lines


def duration(seconds: float) -> str:
    """For people: `12m 34s`, `3.2s`."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes}m {left:02}s"


def _line(head: str, state: StrEnum, words: str) -> str:
    dots = "." * max(3, WIDTH - len(head))
    return f"{head} {dots} {state.value.upper()}{f' ({words})' if words else ''}"
