"""What the usage table tells of event types and of accounts' activity, item by item in any order.

Nothing here depends on the order of the items or on which of them come together, so that the table may be
read in parallel segments. An account takes about as much memory as its name, its recent users (2 KB at most)
and a bit per event type; an event type a few numbers.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from stemtide import users
from stemtide.backfill import BACKFILL_SUFFIX
from stemtide.calls import DAY_MS, day_number, is_told
from stemtide.commit import USERS_SUFFIX
from stemtide.ports import is_day
from stemtide.segments import SEGMENT_DAYS, Activity
from stemtide.state import State, decode
from stemtide.users import NOBODY, Users

DAY_CHARS: Final = len("2026-03-14")


@dataclass(slots=True, kw_only=True)
class TypeCount:
    """One event type over the range; days are days since 1970-01-01.

    `calls` is None where rows stand for several events beside other event types: items count calls by day
    only. `backfilled` of the events came from a backfill, not through the stream.
    """

    first_day: int
    last_day: int
    events: int = 0
    calls: int | None = 0
    account_days: int = 0
    accounts: int = 0
    backfilled: int = 0


@dataclass(slots=True)
class _Account:
    """What is known of an account so far; `types` has a bit per event type."""

    types: int = 0
    first_day: int | None = None
    days: list[int] = field(default_factory=lambda: [0, 0])
    events: list[int] = field(default_factory=lambda: [0, 0])
    users: Users = NOBODY


class UsageTally:
    """Adds up items of the usage table.

    Args:
        first: first event day of the range (days since 1970-01-01), None: open.
        last: last one.
        closed: the closed day at whose end activity is looked at; the range does not bound that.
    """

    def __init__(self, *, first: int | None, last: int | None, closed: int) -> None:
        self._first = first
        self._last = last
        self._closed = closed
        self._types: dict[str, TypeCount] = {}
        self._backfilled: Counter[str] = Counter()
        self._bits: dict[str, int] = {}
        self._accounts: dict[str, _Account] = {}
        self.items = 0

    def add(self, account: str, sort: str, blob: bytes) -> None:
        """Take one item of the table: a day, a busy day's users, a backfilled part, or a cutover.

        Raises:
            ValueError: an item of a format that this version does not know.
        """
        self.items += 1
        if is_day(sort):
            state = decode(blob)
            if state.calls:
                self._add_day(account, day_number(sort), state)
        elif sort[DAY_CHARS:] == USERS_SUFFIX:
            self._add_users(account, day_number(sort[:DAY_CHARS]), users.decode(blob))
        elif sort[DAY_CHARS:] == BACKFILL_SUFFIX and self._is_within(day_number(sort[:DAY_CHARS])):
            self._backfilled.update(decode(blob).by_event)

    def types(self) -> dict[str, TypeCount]:
        """The event types of the range, most events first."""
        accounts = self._accounts_by_bit()
        for name, found in self._types.items():
            found.accounts = accounts[self._bits[name]]
            found.backfilled = min(found.events, self._backfilled[name])
        return dict(sorted(self._types.items(), key=lambda entry: (-entry[1].events, entry[0])))

    @property
    def accounts(self) -> int:
        """Accounts with an event in the range."""
        return sum(account.types > 0 for account in self._accounts.values())

    def activities(self) -> Iterator[tuple[str, Activity]]:
        """Every account that was known by the closed day, by name."""
        for name, account in sorted(self._accounts.items()):
            if account.first_day is not None and account.first_day <= self._closed:
                yield name, self._activity(account, account.first_day)

    def _activity(self, account: _Account, first_day: int) -> Activity:
        return Activity(
            known_days=self._closed - first_day + 1,
            active_days=account.days[0],
            users=users.count(account.users),
            events=account.events[0],
            active_days_before=account.days[1],
            events_before=account.events[1],
        )

    def _accounts_by_bit(self) -> Counter[int]:
        found: Counter[int] = Counter()
        for account in self._accounts.values():
            left = account.types
            while left:
                lowest = left & -left
                found[lowest] += 1
                left ^= lowest
        return found

    def _is_within(self, day: int) -> bool:
        return (self._first is None or day >= self._first) and (self._last is None or day <= self._last)

    def _of(self, name: str) -> _Account:
        found = self._accounts.get(name)
        if found is None:
            found = self._accounts[name] = _Account()
        return found

    def _add_day(self, name: str, day: int, state: State) -> None:
        account = self._of(name)
        account.first_day = day if account.first_day is None else min(account.first_day, day)
        age = (self._closed - day) // SEGMENT_DAYS
        told = sum(events for event, events in state.by_event.items() if is_told(event))
        if age in (0, 1) and state.events > told:
            account.days[age] += 1
            account.events[age] += state.events - told
        self._add_users(name, day, Users(state.users))
        if self._is_within(day):
            account.types |= self._add_types(day, state)

    def _add_users(self, name: str, day: int, present: Users) -> None:
        if 0 <= self._closed - day < SEGMENT_DAYS and present != NOBODY:
            account = self._of(name)
            account.users = users.joined(account.users, present)

    def _add_types(self, day: int, state: State) -> int:
        """Count the day's event types; their bits."""
        backfilled = state.covered_ms is not None and (day + 1) * DAY_MS <= state.covered_ms
        if backfilled:
            self._backfilled.update(state.by_event)
        one_each, bits = state.events == state.calls, 0
        for name, events in state.by_event.items():
            found = self._types.get(name)
            if found is None:
                found = self._types[name] = TypeCount(first_day=day, last_day=day)
                self._bits[name] = 1 << len(self._bits)
            found.first_day, found.last_day = min(found.first_day, day), max(found.last_day, day)
            found.events += events
            found.account_days += 1
            calls = events if one_each else state.calls if len(state.by_event) == 1 else None
            found.calls = None if calls is None or found.calls is None else found.calls + calls
            bits |= self._bits[name]
        return bits
