"""The nightly run over every account: which nights, which batches, by which version."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stemtide.as_of import as_of_text, end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.jobs import Runs, claim_due
from stemtide.quality_gate import Extracted
from stemtide.scoring.assessment import CHURN, RULES_VERSION

JOB: Final = "sweep"
NIGHTS_JOB: Final = "sweep-nights"
RUNNING: Final = "running"
"""The state of a night that was begun."""
SCORED: Final = "scored"
"""The state of a night whose scores are written."""
NIGHT_BEFORE_DAYS: Final = 7
"""The night before, to which who is at risk is compared, is at most so many days older; its list lies for
30."""
EVERY: Final = timedelta(days=1)
NIGHTS_AT_MOST: Final = 3
"""Missed nights that are caught up: the newest sets the records, the older ones fill the history."""
SWEPT: Final = "SweptAccounts"
"""The metric that a run leaves when it has come to its end."""
BATCH_ACCOUNTS: Final = 500
"""Accounts a batch: one invocation of the scorer, well within its time-out."""
TRIGGER: Final = "schedule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """By which version a night was begun (None: rules), when (epoch ms; later than by any version before it),
    and whether nothing may act on what that version says."""

    version: str | None
    at_ms: int
    shadow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run works off: `versions` are the nights' instants (ISO) and the version each is scored by
    (None: rules), `batches` the items of the state machine's first map."""

    run: str
    versions: Mapping[str, str | None]
    accounts: int
    batches: tuple[dict[str, Any], ...]

    @property
    def model(self) -> str | None:
        """The version of the newest night."""
        return self.versions[max(self.versions)] if self.versions else None


def claim_nights(runs: Runs, *, scheduled: datetime) -> list[datetime]:
    """The nights (slots: midnight UTC) that a firing of the schedule answers for; none: another does."""
    return claim_due(runs, as_of=scheduled, every=EVERY, at_most=NIGHTS_AT_MOST)


def as_of_of(slot: datetime) -> str:
    """A night's instant: the last millisecond of the UTC day before its slot."""
    day = int(slot.astimezone(UTC).timestamp() * 1000) // DAY_MS - 1
    return as_of_text(end_of_day_ms(day))


def version_of_night(
    row: Mapping[str, Any] | None, *, champion: str | None, usable: Callable[[str], bool]
) -> str | None:
    """The version that a night caught up by the schedule is scored by: the one it began with.

    Half of it may be scored by that one already, and the champion may have changed since. One that must not
    be used any more gives way to the champion, which then scores all of the night anew.

    Args:
        row: what is known of the night; None: it never began.
        champion: the version that serves, None: rules.
        usable: whether a version loads.
    """
    begun = None if row is None else row.get("model_version")
    if begun is None:
        return champion
    if begun == RULES_VERSION:
        return None
    return str(begun) if usable(str(begun)) else champion


def plan(
    accounts: Iterable[str],
    *,
    versions: Mapping[str, str | None],
    run: str,
    challenger: str | None = None,
) -> Plan:
    """The batches of a run, night by night. Each names instant and versions, so that a night rests on one.

    Args:
        versions: the nights, oldest first, and the version of each.
        challenger: scores besides and sets nothing; None: there is none.
    """
    listed = sorted(set(accounts))
    parts = [listed[start : start + BATCH_ACCOUNTS] for start in range(0, len(listed), BATCH_ACCOUNTS)]
    batches = [
        {
            "step": "extract",
            "run": run,
            "as_of": night,
            "trigger": TRIGGER,
            "model": {"name": CHURN, "version": version},
            "challenger": None if challenger is None else {"name": CHURN, "version": challenger},
            "accounts": part,
            "size": len(part),
        }
        for night, version in versions.items()
        for part in parts
    ]
    numbered = tuple({**batch, "number": number} for number, batch in enumerate(batches))
    return Plan(run=run, versions=dict(versions), accounts=len(listed), batches=numbered)


def numbers_of(nights: Sequence[str], night: str, accounts: int) -> dict[int, int]:
    """The numbers of a night's batches and how many accounts each has."""
    count = -(-accounts // BATCH_ACCOUNTS)
    first = list(nights).index(night) * count
    return {first + i: min(BATCH_ACCOUNTS, accounts - i * BATCH_ACCOUNTS) for i in range(count)}


def extracted(rows: Mapping[int, Mapping[str, Any]], sizes: Mapping[int, int]) -> Extracted:
    """What a night's batches found together; a batch without a row was given up with all its accounts.

    Args:
        rows: the batches' statistics by number (`extraction.Statistics`).
        sizes: the accounts of each batch of the night.
    """
    found = [rows[number] for number in sizes if number in rows]
    lost = [size for number, size in sizes.items() if number not in rows]
    columns = sorted({column for row in found for column in row["nulls"]})
    return Extracted(
        accounts=sum(sizes.values()),
        customers=sum(int(row["customers"]) for row in found),
        others=sum(int(row["others"]) for row in found),
        failed=sum(int(row["failed"]) for row in found) + sum(lost),
        given_up=len(lost),
        first_failed=next((str(row["first_failed"]) for row in found if row["first_failed"]), None),
        counted=sum(int(row["counted"]) for row in found),
        nulls={column: sum(int(row["nulls"].get(column, 0)) for row in found) for column in columns},
    )


def to_score(
    planned: Mapping[str, Any],
    *,
    rows: Mapping[int, object],
    marks: Mapping[str, Sequence[str]],
    begun: Mapping[str, Begun],
) -> list[dict[str, Any]]:
    """The items of the second map: the extracted batches of the nights that may be scored.

    Args:
        planned: what the plan answered.
        rows: the extracted batches by number.
        marks: the nights that may be scored, and what each of their scores must say.
        begun: as what each of them was begun.
    """
    return [
        {
            "step": "score",
            "run": planned["run"],
            "number": number,
            "size": size,
            "as_of": night,
            "trigger": TRIGGER,
            "model": {"name": CHURN, "version": begun[night].version, "shadow": begun[night].shadow},
            "begun_ms": begun[night].at_ms,
            "challenger": planned["challenger"],
            "marks": list(marks[night]),
        }
        for night in planned["nights"]
        if night in marks
        for number, size in numbers_of(planned["nights"], night, planned["accounts"]).items()
        if number in rows
    ]


COUNTED: Final = ("scored", "unchanged", "not_customers", "failed")


def totals(rows: Iterable[Mapping[str, Any]], *, lost: Iterable[int] = (), unread: int = 0) -> dict[str, int]:
    """The sums over the batches' answers.

    Args:
        rows: of the batches that came to their end.
        lost: the accounts of each that was given up: they count as failed, though some may be scored.
        unread: accounts of the others that could not be extracted.
    """
    found, sizes = list(rows), list(lost)
    sums = {name: sum(int(part[name]) for part in found) for name in COUNTED}
    stopped = [part for part in found if part.get("taken_over")]
    failed = sums["failed"] + sum(sizes) + unread
    return sums | {"failed": failed, "given_up": len(sizes) + len(stopped)}


def cause_of(failed: int, *, given_up: int, first: str | None, taken_over: str | None = None) -> str | None:
    """Why a run that came to its end did not score every account; None: it did.

    Args:
        first: the first account without a score, where it is known.
        taken_over: the run that has begun a night of it anew.
    """
    if not failed:
        return None
    named = f", the first: {first}" if first is not None else ""
    broken = f"{failed} accounts are without a score{named}"
    if taken_over is not None:
        return f"{broken}; the run {taken_over} has begun this night anew by another version"
    return f"{broken}; {given_up} batches were given up" if given_up else broken
