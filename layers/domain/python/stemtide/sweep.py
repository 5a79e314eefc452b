"""The nightly run over every account: which nights, which batches, and what became of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stemtide.as_of import as_of_text, end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.jobs import Runs, claim_due

JOB: Final = "sweep"
NIGHTS_JOB: Final = "sweep-nights"
EVERY: Final = timedelta(days=1)
NIGHTS_AT_MOST: Final = 3
"""Missed nights that are caught up: the newest sets the records, the older ones fill the history."""
SWEPT: Final = "SweptAccounts"
"""The metric that a run leaves when it has come to its end."""
BATCH_ACCOUNTS: Final = 500
"""Accounts a batch: one invocation of the scorer, well within its time-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run works off: `nights` are instants (ISO), `batches` the items of the state machine's map."""

    run: str
    nights: tuple[str, ...]
    accounts: int
    batches: tuple[dict[str, Any], ...]
    model: str | None


def claim_nights(runs: Runs, *, scheduled: datetime) -> list[datetime]:
    """The nights (slots: midnight UTC) that a firing of the schedule answers for; none: another does."""
    return claim_due(runs, as_of=scheduled, every=EVERY, at_most=NIGHTS_AT_MOST)


def as_of_of(slot: datetime) -> str:
    """A night's instant: the last millisecond of the UTC day before its slot."""
    day = int(slot.astimezone(UTC).timestamp() * 1000) // DAY_MS - 1
    return as_of_text(end_of_day_ms(day))


def plan(accounts: Iterable[str], *, nights: Sequence[str], model: str | None, run: str) -> Plan:
    """The batches of a run. Each names instant and model version, so that one run rests on one model."""
    listed = sorted(set(accounts))
    batches = [
        {
            "accounts": listed[start : start + BATCH_ACCOUNTS],
            "size": len(listed[start : start + BATCH_ACCOUNTS]),
            "as_of": night,
            "trigger": "schedule",
            "model": {"name": "churn", "version": model},
            "run": run,
        }
        for night in nights
        for start in range(0, len(listed), BATCH_ACCOUNTS)
    ]
    return Plan(run=run, nights=tuple(nights), accounts=len(listed), batches=tuple(batches), model=model)


def totals(results: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The sums over the batches' answers. A batch that was given up counts as failed with all its accounts,
    some of which may be scored."""
    found = list(results)
    names = ("scored", "unchanged", "not_customers", "failed")
    sums = {name: sum(int(part[name]) for part in found) for name in names}
    return sums | {"given_up": sum(1 for part in found if part.get("given_up"))}


def cause_of(counts: Mapping[str, int], results: Iterable[Mapping[str, Any]]) -> str | None:
    """Why a run that came to its end did not score every account; None: it did."""
    if not counts["failed"]:
        return None
    first = next(str(part["first"]) for part in results if part["failed"])
    broken = f"{counts['failed']} accounts are without a score, the first: {first}"
    return f"{broken}; {counts['given_up']} batches were given up" if counts["given_up"] else broken
