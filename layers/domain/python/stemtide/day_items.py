"""Usage items as a recompute reads them: a day with its users, and what its recount begins with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from stemtide import users
from stemtide.backfill import BACKFILL_SUFFIX, is_split
from stemtide.calls import DAY_MS, day_of_index
from stemtide.commit import USERS_SUFFIX
from stemtide.lanes import unpack
from stemtide.ports import StoredState, UsageRow
from stemtide.recount import NOTHING, Begin
from stemtide.state import EMPTY, State, add_interval, decode
from stemtide.users import Users


class UsageStore(Protocol):
    """Items of the usage table, as `ports.UsageItems`, but two of them are written at once."""

    def get(self, account: str, sort: str) -> StoredState | None:
        """The item as of now (a consistent read).

        Raises:
            UnavailableError: no answer.
        """

    def get_day(self, account: str, day: str) -> tuple[StoredState | None, StoredState | None]:
        """The day's item and the account's cutover item, as of now.

        Raises:
            UnavailableError: no answer.
        """

    def put_together(self, rows: Sequence[UsageRow]) -> None:
        """Write all rows or none, each as version n over version n - 1 (version 1: over nothing).

        Raises:
            ConflictError: an item has another version.
            UnavailableError: outcome unknown.
            ThrottledError: not written.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An account's UTC day (since the epoch) as just read; version 0: there is no such item."""

    account: str
    day: int
    version: int = 0
    state: State = EMPTY
    expires_at: int = 0
    users: Users = users.NOBODY
    users_version: int = 0
    users_expire_at: int = 0
    begin: Begin = NOTHING

    @property
    def sort(self) -> str:
        """The item's sort key."""
        return day_of_index(self.day)

    @property
    def is_backfilled(self) -> bool:
        """Whether the whole day lies before the account's cutover."""
        covered = self.begin.state.covered_ms
        return covered is not None and (self.day + 1) * DAY_MS <= covered

    @property
    def marks(self) -> dict[str, int]:
        """The highest sequence number per lane that is in."""
        return {lane: unpack(packed) for lane, packed in self.state.marks.items()}

    def arrivals(self, touched: Iterable[int]) -> list[int]:
        """The intervals of days on which its records arrived, with the days on which more were found."""
        known = self.state.arrivals
        if self.state.marks and not known:  # written before items kept this: any day since the event's
            known = [self.day - 1, max([self.day, *touched])]
        for day in sorted(touched):
            known = add_interval(known, day, day)
        return known

    def days_needed(self, touched: Iterable[int]) -> set[int]:
        """The arrival days to read: its own and one before each, where a repetition may have begun.

        None of a day that was backfilled as a whole: it is left alone.
        """
        if self.is_backfilled:
            return set()
        arrivals = self.arrivals(touched)
        pairs = zip(arrivals[::2], arrivals[1::2], strict=True)
        return {day for first, last in pairs for day in range(first - 1, last + 1)}


def read_item(items: UsageStore, account: str, day: int) -> Item:
    """The item as of now.

    Raises:
        UnavailableError: no answer.
    """
    stored, cutover = items.get_day(account, day_of_index(day))
    item = Item(account=account, day=day)
    if stored is not None:
        state = decode(stored.blob)
        present = Users(b"" if state.spilled else state.users)
        item = replace(item, version=stored.version, state=state, expires_at=stored.expires_at, users=present)
    covered = item.state.covered_ms
    if covered is None and cutover is not None:
        covered = decode(cutover.blob).covered_ms
    item = replace(item, begin=_begin(items, item, covered))
    return with_users(items, item) if item.state.spilled else item


def with_users(items: UsageStore, item: Item) -> Item:
    """The item with its users item.

    Raises:
        UnavailableError: no answer.
    """
    kept = items.get(item.account, item.sort + USERS_SUFFIX)
    if kept is None:
        return item
    present = users.decode(kept.blob)
    return replace(item, users=present, users_version=kept.version, users_expire_at=kept.expires_at)


def _begin(items: UsageStore, item: Item, covered: int | None) -> Begin:
    """Nothing, or the backfilled part of the day that the cutover lies in. Users once kept apart stay so."""
    part, present = EMPTY, users.NOBODY
    if covered is not None and is_split(item.day * DAY_MS, covered):
        sort = item.sort + BACKFILL_SUFFIX
        stored = items.get(item.account, sort)
        part = EMPTY if stored is None else decode(stored.blob)
        present = Users(part.users)
        if part.spilled:
            kept = items.get(item.account, sort + USERS_SUFFIX)
            present = users.NOBODY if kept is None else users.decode(kept.blob)
    spilled = part.spilled or item.state.spilled
    begun = State(
        events=part.events,
        calls=part.calls,
        duplicates=part.duplicates,
        by_event=part.by_event,
        first_ms=part.first_ms,
        last_ms=part.last_ms,
        users=b"" if spilled else part.users,
        spilled=spilled,
        covered_ms=covered,
        commenters=part.commenters,
    )
    return Begin(state=begun, users=present)
