"""Bringing one account-day's events into the table, each exactly once, whatever happened before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from stemtide import users
from stemtide.ports import (
    ConflictError,
    Pace,
    StoredState,
    ThrottledError,
    UnavailableError,
    UsageItems,
    UsageRow,
)
from stemtide.state import EMPTY, Caps, Event, Folded, Memory, State, decode, encode, fold
from stemtide.users import Users
from stemtide.warm import WarmCache

T = TypeVar("T")

MAX_TRIES: Final = 10
"""Tries of one item in one invocation; with the back-off about 15 s of throttling."""
FIRST_PAUSE_S: Final = 0.05
MAX_PAUSE_S: Final = 5.0
STATE_BYTES: Final = 5_000
"""What a decoded state takes in memory, about."""
USERS_SUFFIX: Final = "#users"
USERS_SLACK_S: Final = 400 * 86_400
"""The users item outlives its day by this: calls without a user may prolong the day until they are too
late, and need not rewrite the users for it."""


class GivenUpError(Exception):
    """This item could not be written in this invocation; its events are reported as failed."""


class Group(msgspec.Struct, frozen=True, gc=False):
    """The events of one account and day, in the order of their lane."""

    account: str
    day: str
    events: list[Event]


class Known(msgspec.Struct, frozen=True, gc=False):
    """An item as this process last knew it (version 0: it does not exist), and what it knows to be in it."""

    version: int
    state: State
    memory: Memory


class KnownUsers(msgspec.Struct, frozen=True, gc=False):
    """A users item as this process last knew it."""

    version: int
    users: Users
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Committer:
    """Writes account-days. `pace` bounds the time, the caches spare reads."""

    items: UsageItems
    states: WarmCache[Known]
    sketches: WarmCache[KnownUsers]
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
        key = (group.account, group.day)
        known = self.states.get(key)
        memory = None if known is None else known.memory

        def attempt() -> list[tuple[int, int]]:
            now = self.states.get(key) or self._read(key, memory)
            folded = fold(
                now.state,
                group.events,
                lane=lane,
                accounted=accounted,
                arrived=arrived,
                caps=self.caps,
                memory=now.memory,
            )
            return self._write(group, now, folded, expires_at)

        return self._retried(attempt)

    def _write(self, group: Group, known: Known, folded: Folded, expires_at: int) -> list[tuple[int, int]]:
        key = (group.account, group.day)
        if folded.changed:
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
            known.memory.add(folded, caps=self.caps)
            known = Known(row.version, folded.state, known.memory)
        self.states.put(key, known, size=known.memory.size + STATE_BYTES)
        return folded.duplicates

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

    def _read(self, key: tuple[str, str], memory: Memory | None) -> Known:
        """The item as of now. A new day of a backfilled account begins with the account's cutover.

        What is known of its users is void, too: a recompute, which writes both, may have made them fewer.
        """
        self.sketches.drop((key[0], key[1] + USERS_SUFFIX))
        stored, cutover = self.items.get_day(*key)
        begin = stored or cutover
        state = EMPTY if begin is None else decode(begin.blob)
        return Known(
            0 if stored is None else stored.version,
            state,
            Memory(state) if memory is None else memory.again(state),
        )

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
