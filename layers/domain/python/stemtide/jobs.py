"""Scheduled runs by slots: a missed slot is caught up, none is run twice."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

LEASE = timedelta(minutes=15)
"""A run that has not ended after Lambda's longest time-out has died: its slot may be claimed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A slot that somebody claimed; `done` when the run has ended."""

    slot: datetime
    done: bool


class Runs(Protocol):
    """The runs of one job."""

    def recent(self) -> list[Run]:
        """The latest runs, oldest first."""

    def claim(self, slot: datetime, *, as_of: datetime) -> bool:
        """Claim the slot; False when another run has it."""

    def finish(self, slot: datetime, *, as_of: datetime) -> None:
        """Note that the run which claimed the slot at `as_of` has ended."""


def due_slots(last_done: datetime | None, as_of: datetime, every: timedelta, at_most: int) -> list[datetime]:
    """The slots to run, oldest first: multiples of `every` since the epoch, after `last_done`, up to `as_of`.

    Args:
        last_done: the slot up to which everything has run; None: only the present slot is due.
        as_of: now, with a zone.
        every: distance of the slots.
        at_most: no more than the latest so many.
    """
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    present = (as_of - epoch) // every
    first = present if last_done is None else (last_done - epoch) // every + 1
    first = max(first, present - at_most + 1)
    return [epoch + number * every for number in range(first, present + 1)]


def claim_due(runs: Runs, *, as_of: datetime, every: timedelta, at_most: int) -> list[datetime]:
    """Claim what is due, and of the latest runs what was claimed and never ended; the slots claimed."""
    recent = runs.recent()
    unfinished = next((index for index, run in enumerate(recent) if not run.done), len(recent))
    last_done = recent[unfinished - 1].slot if unfinished else None
    if recent and last_done is None:
        last_done = recent[0].slot - every
    done = {run.slot for run in recent if run.done}
    due = [slot for slot in due_slots(last_done, as_of, every, at_most) if slot not in done]
    return [slot for slot in due if runs.claim(slot, as_of=as_of)]
