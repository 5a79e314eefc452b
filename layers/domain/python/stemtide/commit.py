"""Bringing one account-day's events into the table, each exactly once, whatever happened before."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from stemtide import limits, users
from stemtide.ports import (
    ConflictError,
    Pace,
    StoredState,
    ThrottledError,
    UnavailableError,
    UsageItems,
    UsageRow,
)
from stemtide.state import EMPTY, Caps, Event, State, decode, encode, fold
from stemtide.users import Users
from stemtide.warm import WarmCache

T = TypeVar("T")

MAX_TRIES: Final = 10
"""Tries of one item in one invocation; with the back-off about 15 s of throttling."""
FIRST_PAUSE_S: Final = 0.05
MAX_PAUSE_S: Final = 5.0
USERS_SUFFIX: Final = "#users"
USERS_SLACK_S: Final = 400 * 86_400
"""The users item outlives its day by this: calls without a user may prolong the day until they are too
late, and need not rewrite the users for it."""


class GivenUpError(Exception):
    """This item could not be written in this invocation; its events are reported as failed."""


@dataclass(frozen=True, slots=True)
class Group:
    """The events of one account and day, in the order of their lane."""

    account: str
    day: str
    events: list[Event]


@dataclass(frozen=True, slots=True)
class Known:
    """An item as this process last knew it (version 0: it does not exist)."""

    version: int
    state: State
    size: int = 0


@dataclass(frozen=True, slots=True)
class KnownUsers:
    """A users item as this process last knew it."""

    version: int
    users: Users
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Committer:
    """Writes account-days. `pace` bounds the time, the caches spare reads.

    `remembered` holds ids, oldest first, of calls that this process has seen acknowledged in an item.
    """

    items: UsageItems
    states: WarmCache[Known]
    sketches: WarmCache[KnownUsers]
    remembered: WarmCache[dict[bytes, None]]
    pace: Pace
    caps: Caps

    def commit(
        self, group: Group, *, lane: str, accounted: int, arrived: tuple[int, int], expires_at: int
    ) -> list[tuple[int, int]]:
        """Bring the group's events in and return its duplicates as (sequence number, calls).

        Args:
            group: the events; those already in are found by the lane's mark and dropped.
            lane: where they come from.
            accounted: up to where the lane's ledger has counted.
            arrived: first and last UTC day (since the epoch) of the delivery's arrivals.
            expires_at: epoch seconds.

        Raises:
            GivenUpError: not (certainly) written within the tries and the time.
        """
        return self._retried(lambda: self._attempt(group, lane, accounted, arrived, expires_at))

    def _attempt(
        self, group: Group, lane: str, accounted: int, arrived: tuple[int, int], expires_at: int
    ) -> list[tuple[int, int]]:
        key = (group.account, group.day)
        known = self.states.get(key) or self._read(key)
        remembered = self.remembered.get(key) or {}
        folded = fold(
            known.state,
            group.events,
            lane=lane,
            accounted=accounted,
            arrived=arrived,
            caps=self.caps,
            remembered=remembered,
        )
        if not folded.changed:
            self.states.put(key, known, size=known.size)
            return folded.duplicates
        if folded.users:
            # The users go first: a crash between the two leaves users of events that are not counted
            # yet and will come again. The other order would lose them for good.
            self._retried(lambda: self._add_users(group, folded.users, expires_at))
        row = UsageRow(
            account=group.account,
            sort=group.day,
            version=known.version + 1,
            blob=encode(folded.state),
            events=folded.state.events,
            expires_at=expires_at,
        )
        self._put(self.states, key, row)
        self.states.put(key, Known(row.version, folded.state, len(row.blob)), size=len(row.blob))
        self._remember(key, remembered, folded.accepted)
        return folded.duplicates

    def _remember(self, key: tuple[str, str], ids: dict[bytes, None], more: dict[bytes, None]) -> None:
        """Keep the newest ids. The dict is its item's alone: one delivery touches an item once."""
        ids.update(more)
        for oldest in list(islice(ids, max(0, len(ids) - self.caps.remembered_ids))):
            del ids[oldest]
        self.remembered.put(key, ids, size=limits.REMEMBERED_ID_BYTES * len(ids))

    def _add_users(self, group: Group, hashes: frozenset[bytes], expires_at: int) -> None:
        key = (group.account, group.day + USERS_SUFFIX)
        known = self.sketches.get(key) or _known_users(self.items.get(*key))
        present = users.union(known.users, hashes)
        if present != known.users or known.expires_at < expires_at:
            row = UsageRow(
                account=group.account,
                sort=key[1],
                version=known.version + 1,
                blob=users.encode(present),
                events=0,
                expires_at=expires_at + USERS_SLACK_S,
            )
            self._put(self.sketches, key, row)
            known = KnownUsers(row.version, present, row.expires_at)
        self.sketches.put(key, known, size=len(present.packed))

    def _read(self, key: tuple[str, str]) -> Known:
        """The item as of now. A new day of a backfilled account begins with the account's cutover."""
        stored, cutover = self.items.get_day(*key)
        if stored is None:
            return Known(0, EMPTY if cutover is None else decode(cutover.blob))
        return Known(stored.version, decode(stored.blob), len(stored.blob))

    def _put(self, cache: WarmCache[T], key: tuple[str, str], row: UsageRow) -> None:
        """Put the row; what this process knows of the item is void until the put is acknowledged."""
        cache.drop(key)
        self.items.put(row)

    def _retried(self, attempt: Callable[[], T]) -> T:
        """Attempt until it works: again at once after a refused condition, after a pause otherwise."""
        pause = FIRST_PAUSE_S
        for _ in range(MAX_TRIES):
            if self.pace.spent():
                break
            try:
                return attempt()
            except ConflictError:
                continue
            except (ThrottledError, UnavailableError):
                self.pace.pause(pause * (0.5 + 0.5 * self.pace.jitter()))
                pause = min(2 * pause, MAX_PAUSE_S)
        raise GivenUpError


def _known_users(stored: StoredState | None) -> KnownUsers:
    if stored is None:
        return KnownUsers(0, users.NOBODY, 0)
    return KnownUsers(stored.version, users.decode(stored.blob), stored.expires_at)
