"""How a day of a log becomes rows of the usage table, over what is there."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace
from stemtide import users
from stemtide.backfill import (
    BACKFILL_SUFFIX,
    Made,
    NeedsArchiveError,
    OtherBackfillError,
    is_split,
    over_cutover_day,
    over_day,
    same_counts,
)
from stemtide.calls import DAY_MS, day_of_index
from stemtide.commit import USERS_SLACK_S, USERS_SUFFIX
from stemtide.history_rows import DayRow, row_of
from stemtide.ports import StoredState, UsageRow
from stemtide.state import Caps, State, decode, encode
from stemtide.store.batches import MAX_BYTES, MAX_PUTS
from stemtide.users import Users

Known = Mapping[str, StoredState]
"""Items of an account by sort key."""
NO_ITEMS: Final[Known] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the log says of an account's UTC day (since the epoch)."""

    account: str
    day: int
    made: Made

    @property
    def sort(self) -> str:
        """The sort key of its item."""
        return day_of_index(self.day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rows that bring a day in; `replaces` what the stream has counted of it.

    `for_archive`: the day's own item stays as it is until a recompute has told from the archive what of it
    belongs before the cutover. `stands` is the day's item as it then is, None if a recompute is to come.
    """

    day: Day
    rows: tuple[UsageRow, ...] = ()
    replaces: bool = False
    for_archive: bool = False
    stands: DayRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Plans days.

    Args:
        expires_at: of what is written (epoch seconds).
        again: another backfill of the same day is replaced.
    """

    caps: Caps
    expires_at: int
    again: bool

    def plan(self, day: Day, known: Known) -> Plan:
        """What to write for a day; without rows: nothing.

        Raises:
            OtherBackfillError: there is another backfill of the day.
        """
        plan = self._plan(day, known)
        return plan if plan.for_archive else dataclasses.replace(plan, stands=_standing(plan, known))

    def _plan(self, day: Day, known: Known) -> Plan:
        cutover = day.made.state.covered_ms
        assert cutover is not None
        if is_split(day.day * DAY_MS, cutover):
            return self._of_cutover_day(day, known)
        stored = _state_of(known.get(day.sort))
        made = over_day(stored, day.made, again=self.again)
        if made is None:
            return Plan(day=day)
        replaces = stored is not None and bool(stored.calls)
        return Plan(day=day, rows=self._rows(day, day.sort, made, known), replaces=replaces)

    def _of_cutover_day(self, day: Day, known: Known) -> Plan:
        """Both the item of the backfilled part and the day's own; that the first is there tells that the
        second has it, or waits for the archive."""
        part = day.sort + BACKFILL_SUFFIX
        stored, kept = _state_of(known.get(day.sort)), _state_of(known.get(part))
        waits = stored is not None and stored.covered_ms is None
        if kept is not None and same_counts(kept, day.made.state):
            return Plan(day=day, for_archive=waits)
        if kept is not None and not self.again:
            raise OtherBackfillError
        if not waits and not day.made.state.calls and kept is None:
            return Plan(day=day)
        rows = self._rows(day, part, day.made, known) if day.made.state.calls else ()
        if kept is not None and (stored is None or not stored.marks):
            return Plan(day=day, rows=(*rows, *self._rows(day, day.sort, day.made, known)))
        if kept is not None:  # the old part is among what the stream has counted since
            return self._for_archive(day, stored, rows, known)
        try:
            made = over_cutover_day(stored, _users_of(day.sort, stored, known), day.made, caps=self.caps)
        except NeedsArchiveError:
            return self._for_archive(day, stored, rows, known)
        replaces = stored is not None and made.state.calls < stored.calls + day.made.state.calls
        return Plan(day=day, rows=(*rows, *self._rows(day, day.sort, made, known)), replaces=replaces)

    def _for_archive(self, day: Day, stored: State | None, part: tuple[UsageRow, ...], known: Known) -> Plan:
        """Only the part, for a recompute to begin with.

        Until then the day's own item knows of no cutover: that is how the next run finds it.
        """
        assert stored is not None
        if stored.covered_ms is None:
            return Plan(day=day, rows=part, for_archive=True)
        waits = encode(replace(stored, covered_ms=None))
        row = self._row(day, day.sort, waits, known, events=stored.events)
        return Plan(day=day, rows=(*part, row), for_archive=True)

    def _rows(self, day: Day, sort: str, made: Made, known: Known) -> tuple[UsageRow, ...]:
        """The item's row and, before it, that of its users where they are too many for it."""
        row = self._row(day, sort, encode(made.state), known, events=made.state.events)
        if not made.state.spilled:
            return (row,)
        blob, kept = users.encode(made.users), known.get(sort + USERS_SUFFIX)
        if kept is not None and kept.blob == blob:
            return (row,)
        return self._row(day, sort + USERS_SUFFIX, blob, known, slack_s=USERS_SLACK_S), row

    def _row(
        self, day: Day, sort: str, blob: bytes, known: Known, *, events: int = 0, slack_s: int = 0
    ) -> UsageRow:
        kept = known.get(sort)
        return UsageRow(
            account=day.account,
            sort=sort,
            version=1 if kept is None else kept.version + 1,
            blob=blob,
            events=events,
            expires_at=max(self.expires_at + slack_s, 0 if kept is None else kept.expires_at),
        )


def batches(plans: Sequence[Plan]) -> Iterator[list[Plan]]:
    """The plans in transactions: none is cut in two."""
    taken: list[Plan] = []
    rows = size = 0
    for plan in plans:
        more, bulk = len(plan.rows), sum(len(row.blob) for row in plan.rows)
        if taken and (rows + more > MAX_PUTS or size + bulk > MAX_BYTES):
            yield taken
            taken, rows, size = [], 0, 0
        taken.append(plan)
        rows, size = rows + more, size + bulk
    if taken:
        yield taken


def _standing(plan: Plan, known: Known) -> DayRow | None:
    """The day's own item when the plan is carried out; None if there is none."""
    sort = plan.day.sort
    written = {row.sort: row for row in plan.rows}
    item = written.get(sort) or known.get(sort)
    if item is None:
        return None
    state, kept = decode(item.blob), written.get(sort + USERS_SUFFIX) or known.get(sort + USERS_SUFFIX)
    present = Users(state.users)
    if state.spilled:
        present = users.NOBODY if kept is None else users.decode(kept.blob)
    return row_of(plan.day.account, plan.day.day, item.version, state, present)


def _state_of(stored: StoredState | None) -> State | None:
    return None if stored is None else decode(stored.blob)


def _users_of(sort: str, state: State | None, known: Known) -> Users:
    if state is None or not state.spilled:
        return users.NOBODY if state is None else Users(state.users)
    kept = known.get(sort + USERS_SUFFIX)
    return users.NOBODY if kept is None else users.decode(kept.blob)
