"""Bringing one account-day's events into the table, each exactly once, whatever happened before."""

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Final, NamedTuple, ParamSpec, TypeVar

import msgspec

from stemtide import users
from stemtide.fold import Folded, Memory, fold
from stemtide.logins import Arrival, newest_login
from stemtide.ports import (
    ConflictError,
    Pace,
    StoredState,
    ThrottledError,
    UnavailableError,
    UsageItems,
    UsageRow,
)
from stemtide.state import EMPTY, Caps, Event, State, decode, encode
from stemtide.users import Users
from stemtide.warm import WarmCache

P = ParamSpec("P")
T = TypeVar("T")

MAX_TRIES: Final = 10
"""Tries of one item in one invocation; with the back-off about 15 s of throttling."""
FIRST_PAUSE_S: Final = 0.05
MAX_PAUSE_S: Final = 5.0
STALE: Final = -1
"""Version of a known item whose last put was not acknowledged: it must be read again."""
STATE_BYTES: Final = 5_000
"""What a decoded state takes in memory, about."""
NOTED_BYTES: Final = 150
"""What each duplicate takes in it that is noted until its ledger has counted it, about."""
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


class Committed(NamedTuple):
    """What became of a group: its duplicates as (sequence number, calls), and the sequence number from which
    events must come again; None: all are in."""

    duplicates: list[tuple[int, int]]
    left: int | None


Accounted = Callable[[str], int]
"""The sequence number up to which a lane's ledger has counted, -1 for nothing (may be out of date).

Raises:
    UnavailableError: no answer.
"""


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
    """Writes account-days. `pace` bounds the time, the caches spare reads, `is_login` tells the event types
    whose arrival a write is to tell (None: of none)."""

    items: UsageItems
    states: WarmCache[Known]
    sketches: WarmCache[KnownUsers]
    pace: Pace
    caps: Caps
    is_login: Callable[[str], bool] | None = None

    def commit(
        self,
        group: Group,
        *,
        lane: str,
        accounted: Accounted,
        arrived: tuple[int, int],
        expires_at: int,
        arrival: Arrival | None = None,
    ) -> Committed:
        """Bring the group's events in.

        Args:
            group: the events; those already in are found by the lane's mark and dropped.
            lane: where they come from.
            accounted: up to where a lane's ledger has counted.
            arrived: first and last UTC day (since the epoch) on which records of the events arrived.
            expires_at: epoch seconds.
            arrival: when the record of an event arrived; None: logins are not told.

        Raises:
            GivenUpError: not (certainly) written within the tries and the time.
        """
        return self._retried(self._attempt, group, lane, accounted, arrived, expires_at, arrival)

    def _attempt(
        self,
        group: Group,
        lane: str,
        accounted: Accounted,
        arrived: tuple[int, int],
        expires_at: int,
        arrival: Arrival | None,
    ) -> Committed:
        key = (group.account, group.day)
        known = self.states.get(key)
        if known is None or known.version == STALE:
            known = self._read(key, known)
        folded = fold(
            known.state,
            group.events,
            lane=lane,
            accounted={name: accounted(name) for name in (lane, *known.state.recent)},
            arrived=arrived,
            caps=self.caps,
            memory=known.memory,
        )
        if folded.changed:
            if folded.users:
                # The users go first: a crash between the two leaves users of events that are not counted
                # yet and will come again. The other order would lose them for good.
                self._retried(self._add_users, group, folded.users, expires_at)
            row = UsageRow(
                account=group.account,
                sort=group.day,
                version=known.version + 1,
                blob=encode(folded.state),
                events=folded.state.events,
                expires_at=expires_at,
                login_ms=self._login(group, folded, arrival),
            )
            self._put(key, known, row)
            known.memory.add(folded, caps=self.caps)
            known = Known(row.version, folded.state, known.memory)
        self.states.put(key, known, size=_size(known))
        return Committed(folded.duplicates, folded.left)

    def _login(self, group: Group, folded: Folded, arrival: Arrival | None) -> int | None:
        if self.is_login is None or arrival is None:
            return None
        return newest_login(group.events, folded.accepted, is_login=self.is_login, arrival=arrival)

    def _put(self, key: tuple[str, str], known: Known, row: UsageRow) -> None:
        """Put the row. If that is not acknowledged the state is void, not what is certainly in the item."""
        try:
            self.items.put(row)
        except BaseException:
            stale = Known(STALE, known.state, known.memory)
            self.states.put(key, stale, size=_size(stale))
            raise

    def _add_users(self, group: Group, hashes: Set[bytes], expires_at: int) -> None:
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
            self.sketches.drop(key)  # void until the put is acknowledged
            self.items.put(row)
            known = KnownUsers(row.version, present, row.expires_at)
        self.sketches.put(key, known, size=len(present.packed))

    def _read(self, key: tuple[str, str], before: Known | None) -> Known:
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
            Memory(state) if before is None else before.memory.again(state, caps=self.caps),
        )

    def _retried(self, attempt: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Attempt until it works: again at once after a refused condition, after a pause otherwise."""
        pause = FIRST_PAUSE_S
        for _ in range(MAX_TRIES):
            if self.pace.spent():
                break
            try:
                return attempt(*args, **kwargs)
            except ConflictError:
                continue
            except (ThrottledError, UnavailableError):
                self.pace.pause(pause * (0.5 + 0.5 * self.pace.jitter()))
                pause = min(2 * pause, MAX_PAUSE_S)
        raise GivenUpError


def _size(known: Known) -> int:
    noted = sum(map(len, known.state.recent.values())) if known.state.recent else 0
    return known.memory.size + STATE_BYTES + NOTED_BYTES * noted


def _known_users(stored: StoredState | None) -> KnownUsers:
    if stored is None:
        return KnownUsers(0, users.NOBODY, 0)
    return KnownUsers(stored.version, users.decode(stored.blob), stored.expires_at)
