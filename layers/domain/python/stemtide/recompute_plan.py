"""A recompute as a whole: which arrival days, cut into which tasks, and what became of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stemtide.calls import DAY_MS, day_number
from stemtide.jobs import Runs, claim_due
from stemtide.recompute import Outcome, Task

JOB: Final = "recompute"
NIGHTS_JOB: Final = "recompute-nights"
EVERY: Final = timedelta(days=1)
NIGHTS_AT_MOST: Final = 14
"""Missed nights, and such whose items could not all be set right, that are caught up."""
BUCKET_BYTES: Final = 64 * 1024 * 1024
"""Of the archive, compressed, a bucket: 1.4 million calls of the reference load (47 bytes each), as Python
objects 0.6 GB, a minute of a core."""
SCAN_BYTES: Final = 8 * BUCKET_BYTES
"""Of the archive a task that keeps one account's calls only."""
COUNTED: Final = ("checked", "corrected", "calls_removed", "calls_added", "lagging", "postponed")
"""What outcomes are summed by."""
METRICS: Final = {
    "checked": "RecomputedItems",
    "corrected": "CorrectedItems",
    "calls_removed": "CallsRemoved",
    "calls_added": "CallsAdded",
    "lagging": "LaggingItems",
}
"""The metrics that a run leaves when it has come to its end, by what they count."""


def claim_nights(runs: Runs, *, scheduled: datetime) -> list[datetime]:
    """The nights (slots: midnight UTC) that a firing of the schedule answers for; none: another does."""
    return claim_due(runs, as_of=scheduled, every=EVERY, at_most=NIGHTS_AT_MOST)


def arrival_day_of(slot: datetime) -> int:
    """A night's arrival day (since the epoch): the UTC day before its slot."""
    return int(slot.astimezone(UTC).timestamp() * 1000) // DAY_MS - 1


def days_asked(first: str | None, last: str | None, archived: Callable[[], Iterable[str]]) -> set[int]:
    """The arrival days (since the epoch) from `first` to `last`; where one is missing, as far as the archive
    goes."""
    if not (first and last):
        days = list(archived())
        first, last = first or min(days, default=None), last or max(days, default=None)
    return set() if first is None or last is None else set(range(day_number(first), day_number(last) + 1))


def tasks_of(
    days: Iterable[int], size: Callable[[int], int], *, account: str | None = None, nights_last: int = -1
) -> list[Task]:
    """The tasks for arrival days, in their order.

    Consecutive days share a task while they are small; a large day is cut into buckets of its accounts.

    Args:
        days: arrival days since the epoch.
        size: compressed bytes that the archive has of a day.
        account: the only one to be looked at.
        nights_last: the newest arrival day that the nights have come to.
    """
    room = SCAN_BYTES if account is not None else BUCKET_BYTES
    tasks: list[Task] = []
    run_last = -1
    for first, last, total in reversed(_windows(sorted(set(days)), size, room)):
        of = 1 if account is not None else max(1, -(-total // room))
        run_last = run_last if tasks and tasks[-1].first == last + 1 else last
        whole = Task(
            first=first, last=last, of=of, account=account, run_last=run_last, nights_last=nights_last
        )
        tasks += [replace(whole, bucket=bucket) for bucket in reversed(range(of))]
    return tasks[::-1]


def _windows(days: Sequence[int], size: Callable[[int], int], room: int) -> list[tuple[int, int, int]]:
    windows: list[tuple[int, int, int]] = []
    for day in days:
        found = size(day)
        if windows and windows[-1][1] == day - 1 and windows[-1][2] + found <= room:
            first, _, before = windows[-1]
            windows[-1] = (first, day, before + found)
        else:
            windows.append((day, day, found))
    return windows


def as_facts(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON has it."""
    facts = asdict(outcome)
    facts["examples"] = [
        {"account": one.account, "day": one.day, "why": str(one.why)} for one in outcome.examples
    ]
    return facts


def totals(results: Iterable[Mapping[str, Any]], *, tasks: int) -> dict[str, int]:
    """The sums over the tasks' outcomes; those of `tasks` that left none were given up."""
    found = list(results)
    sums = {name: sum(int(part[name]) for part in found) for name in COUNTED}
    return sums | {"given_up": tasks - len(found)}


def cause_of(counts: Mapping[str, int], results: Iterable[Mapping[str, Any]]) -> str | None:
    """Why a run that came to its end did not set everything right; None: it did."""
    parts = []
    if counts["given_up"]:
        parts.append(f"{counts['given_up']} tasks were given up")
    if counts["lagging"]:
        first = next(one for part in results for one in part["examples"])
        parts.append(
            f"{counts['lagging']} items stay behind, the first: {first['account']} on {first['day']}, as "
            f"{first['why']}"
        )
    return "; ".join(parts) or None
