"""Account-days into the usage table, however often it is tried and whoever else writes."""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from stemtide.backfill import OtherBackfillError
from stemtide.history_rows import DayRow, HistoryRows
from stemtide.ports import SideBySide, ThrottledError, UnavailableError
from stemtide.store.backfill_items import BackfillItems

from stemtide_cli.backfill_planning import NO_ITEMS, Day, Known, Plan, Planner, batches
from stemtide_cli.errors import CliError

PATIENCE_S: Final = 60.0
"""One request is tried for this long; then the run ends (it can be resumed)."""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
MAX_RACES: Final = 50
"""Tries of one day against the stream's own writes."""
RESUME: Final = "run the same command again: it goes on where this run has ended"
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Written:
    """What became of days: `written`, `replaced` of them over what the stream had counted; already there.

    `others` hold another backfill, `for_archive` wait for a recompute (account, day). `stands` are the rows
    of the days that are in, until somebody keeps them.
    """

    written: int = 0
    replaced: int = 0
    unchanged: int = 0
    others: list[tuple[str, str]] = field(default_factory=list)
    for_archive: list[tuple[str, str]] = field(default_factory=list)
    stands: list[DayRow] = field(default_factory=list)

    def add(self, more: "Written") -> None:
        self.written += more.written
        self.replaced += more.replaced
        self.unchanged += more.unchanged
        self.others += more.others
        self.for_archive += more.for_archive
        self.stands += more.stands

    def note(self, plan: Plan) -> None:
        """Count a plan that is carried out."""
        self.written += bool(plan.rows)
        self.unchanged += not plan.rows
        self.replaced += plan.replaces
        if plan.for_archive:
            self.for_archive.append((plan.day.account, plan.day.sort))
        if plan.stands is not None:
            self.stands.append(plan.stands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Tries a request to `what` until it works, with pauses; `say` is told why it has to wait."""

    say: Callable[[str], None]
    what: str = "the table"
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, request: Callable[[], T]) -> T:
        """What the request answers.

        Raises:
            CliError: it is refused, or not answered, for `PATIENCE_S`.
        """
        since, pause = self.clock(), FIRST_PAUSE_S
        while True:
            try:
                return request()
            except UnavailableError as error:
                refused = isinstance(error, ThrottledError)
                why = f"{'refused for its rate' if refused else 'no answer'}: {error or type(error).__name__}"
            if self.clock() - since >= PATIENCE_S:
                raise CliError(f"{self.what} takes nothing any more ({why})", hint=RESUME)
            self.say(f"a request waits ({why}); trying again")
            self.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 - spreads requests
            pause = min(pause * 2, LONGEST_PAUSE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """`HistoryRows` that does not give up at once."""

    history: HistoryRows
    patience: Patience

    def put(self, folder: str, name: str, rows: Sequence[DayRow], /) -> None:
        """Keep rows; the same rows again change nothing.

        Raises:
            CliError: they are not taken.
        """
        self.patience(partial(self.history.put, folder, name, rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes days of the log, batches side by side."""

    items: BackfillItems
    planner: Planner
    patience: Patience
    side_by_side: SideBySide

    def write(self, days: Iterable[Day], known: Mapping[str, Known]) -> Written:
        """Bring days in.

        Args:
            known: items of the accounts as far as they were read; what is not in it is found by the refused
                write, and read.

        Raises:
            CliError: the table takes nothing any more, or a day keeps changing.
        """
        told, plans = Written(), []
        for day in days:
            try:
                plan = self.planner.plan(day, known.get(day.account, NO_ITEMS))
            except OtherBackfillError:
                told.others.append((day.account, day.sort))
                continue
            if plan.rows:
                plans.append(plan)
            else:
                told.note(plan)
        for done in self.side_by_side(self._write, batches(plans)):
            told.add(done)
        return told

    def settle(self, day: Day) -> Written:
        """Bring one day in over what is there now: read, written under the condition that it still is so.

        Raises:
            CliError: as `write`.
        """
        told = Written()
        for _ in range(MAX_RACES):
            known = self.patience(partial(self.items.of_day, day.account, day.sort))
            try:
                plan = self.planner.plan(day, known)
            except OtherBackfillError:
                told.others.append((day.account, day.sort))
                return told
            if not plan.rows or not self._put([plan]):
                told.note(plan)
                return told
        raise CliError(f"{day.sort} of {day.account} keeps changing", hint=RESUME)

    def _write(self, plans: Sequence[Plan]) -> Written:
        told, left = Written(), list(plans)
        while left:
            owners = [plan for plan in left for _ in plan.rows]
            raced = {id(owners[index]) for index in self._put(left)}
            if not raced:
                for plan in left:
                    told.note(plan)
                break
            for plan in left:
                if id(plan) in raced:
                    told.add(self.settle(plan.day))
            left = [plan for plan in left if id(plan) not in raced]
        return told

    def _put(self, plans: Sequence[Plan]) -> list[int]:
        rows = [row for plan in plans for row in plan.rows]
        waiting = {(plan.day.account, plan.day.sort) for plan in plans if plan.for_archive}
        return self.patience(partial(self.items.put, rows, waiting=waiting))
