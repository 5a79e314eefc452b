"""An account's usage by day, from the table or from a log: what the features are computed from.

Counters are whole numbers. Distinct things over several days cannot be added up, so for each occurrence the
previous one of the same thing is looked up: a window holds as many distinct things as it has occurrences
whose previous one lies before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from stemtide import users
from stemtide.calls import CALL_TYPES, RESERVED_PREFIX
from stemtide.config_schema import Events, Signal
from stemtide.limits import USER_HASH_BYTES
from stemtide.users import Users

Ints: TypeAlias = npt.NDArray[np.int64]

NEVER: Final = -(1 << 40)
"""Earlier than any day."""


class Counter(IntEnum):
    """The columns of a day; `ACTIVE` is 1 on a day with events, `USERS` the day's distinct users."""

    EVENTS = 0
    USERS = 1
    ACTIVE = 2
    CORE_ACTIONS = 3
    API_CALLS = 4
    LOGINS = 5
    INVITES = 6


_COUNTED: Final = {
    Counter.CORE_ACTIONS: Signal.CORE_ACTION,
    Counter.API_CALLS: Signal.API_CALL,
    Counter.LOGINS: Signal.LOGIN,
    Counter.INVITES: Signal.INVITE,
}


class Day(NamedTuple):
    """One UTC day (days since 1970-01-01) with usage; `users` as `stemtide.users` keeps them."""

    day: int
    by_event: Mapping[str, int]
    users: Users


class Occurrences:
    """Things that occurred on days, each at most once a day."""

    def __init__(self, days: Ints, things: npt.NDArray[np.uint64]) -> None:
        """`days` ascending; things are told apart by a number."""
        order = np.lexsort((days, things))
        same = things[order[1:]] == things[order[:-1]]
        self._days = days
        self._previous = np.full(len(days), NEVER, dtype=np.int64)
        self._previous[order[1:][same]] = days[order[:-1][same]]
        self._by_length: dict[int, Ints] = {}

    def distinct(self, length: int, last: int) -> int:
        """How many distinct things occurred in the `length` days up to `last`."""
        if len(self._days) == 0:
            return 0
        counts = self._by_length.get(length)
        if counts is None:
            counts = self._by_length[length] = self._counts(length)
        at = last - int(self._days[0])
        return int(counts[at]) if 0 <= at < len(counts) else 0

    def _counts(self, length: int) -> Ints:
        """The distinct things of every window, by its last day from the first day on.

        An occurrence is the first of its thing in the windows that end on its day or later, reach back to it
        and not to the previous one.
        """
        first = self._days[0]
        ends = np.maximum(self._days, self._previous + length)
        after = self._days + length
        size = int(self._days[-1] - first) + length + 1
        opened = np.bincount(ends - first, minlength=size)
        return np.cumsum(opened - np.bincount(after - first, minlength=size))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHistory:
    """Usage of one account.

    `days` ascending with `counters` [days, Counter], `first_day` the first day that is known of the account
    (may lie before `days`). `crowded` holds every day's users if a day has more than are kept exactly.
    """

    account: str
    days: Ints
    counters: Ints
    users: Occurrences
    types: Occurrences
    first_day: int | None
    crowded: Mapping[int, Users] = field(default_factory=dict)

    def known_days(self, day: int) -> int:
        """Days up to `day`, it included, since the account was first seen."""
        return 0 if self.first_day is None else max(0, day - self.first_day + 1)

    def last_active_day(self, day: int) -> int | None:
        """The latest day with events up to `day`."""
        active = np.flatnonzero(self.counters[: self.days.searchsorted(day + 1), Counter.ACTIVE])
        return int(self.days[active[-1]]) if len(active) else None

    def distinct_users(self, length: int, last: int) -> int:
        """Distinct users of the `length` days up to `last`: exact unless a day has too many to be kept."""
        if not self.crowded:
            return self.users.distinct(length, last)
        present = [one for day, one in self.crowded.items() if last - length < day <= last]
        if not all(one.exact for one in present):
            return users.count(users.together(present))
        return self.users.distinct(length, last)


@dataclass(frozen=True, slots=True)
class Meanings:
    """What event types count as: for each of them 0 or 1."""

    signals: Mapping[Counter, Ints]
    features: Ints

    @classmethod
    def of(cls, names: Sequence[str], events: Events) -> "Meanings":
        """The meanings of event types, by their place in `names`."""
        found = [events.classify(name) for name in names]
        return cls(
            signals={
                counter: np.array([signal in signals for signals in found], dtype=np.int64)
                for counter, signal in _COUNTED.items()
            },
            features=np.array([is_feature(name, events) for name in names], dtype=np.int64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Events of one account: row by row the place of its day in `days`, its event type and their number."""

    days: Ints
    place: Ints
    event: Ints
    count: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Who was there: `distinct` users of each day, each occurrence, and `crowded` (see `AccountHistory`)."""

    distinct: Ints
    occurrences: Occurrences
    crowded: Mapping[int, Users]


def assemble(
    account: str, counts: Counts, presence: Presence, meanings: Meanings, *, first_day: int | None
) -> AccountHistory:
    """The history in counts and users, wherever they come from."""
    counters = np.zeros((len(counts.days), len(Counter)), dtype=np.int64)
    counters[:, Counter.EVENTS] = _per_day(counts, counts.count)
    for counter, flags in meanings.signals.items():
        counters[:, counter] = _per_day(counts, counts.count * flags[counts.event])
    counters[:, Counter.ACTIVE] = counters[:, Counter.EVENTS] > 0
    counters[:, Counter.USERS] = presence.distinct
    adopted = meanings.features[counts.event] > 0
    return AccountHistory(
        account=account,
        days=counts.days,
        counters=counters,
        users=presence.occurrences,
        types=Occurrences(counts.days[counts.place[adopted]], counts.event[adopted].astype(np.uint64)),
        first_day=first_day,
        crowded=presence.crowded,
    )


def history_of(
    account: str, days: Iterable[Day], *, events: Events, first_day: int | None = None
) -> AccountHistory:
    """The history of days in ascending order; `first_day` if the account was seen before them."""
    listed = list(days)
    sent = [name for day in listed for name in day.by_event]
    names = {name: code for code, name in enumerate(dict.fromkeys(sent))}
    numbers = _ints(day.day for day in listed)
    counts = Counts(
        days=numbers,
        place=np.repeat(np.arange(len(listed)), [len(day.by_event) for day in listed]),
        event=_ints(map(names.__getitem__, sent)),
        count=_ints(count for day in listed for count in day.by_event.values()),
    )
    seen = [listed[0].day] if listed else []
    first = min([*seen, *([] if first_day is None else [first_day])], default=None)
    meanings = Meanings.of(list(names), events)
    return assemble(account, counts, _presence(listed, numbers), meanings, first_day=first)


def _presence(listed: Sequence[Day], numbers: Ints) -> Presence:
    packed = [day.users.packed if day.users.exact else b"" for day in listed]
    sizes = _ints(len(one) // USER_HASH_BYTES for one in packed)
    hashes = np.frombuffer(b"".join(packed), dtype=">u8").astype(np.uint64)
    crowded = not all(day.users.exact for day in listed)
    return Presence(
        distinct=_ints(users.count(day.users) for day in listed),
        occurrences=Occurrences(np.repeat(numbers, sizes), hashes),
        crowded={day.day: day.users for day in listed} if crowded else {},
    )


def _per_day(counts: Counts, values: Ints) -> Ints:
    """Sums by day; whole numbers below 2^53 are exact in floating point."""
    return np.bincount(counts.place, weights=values, minlength=len(counts.days)).astype(np.int64)


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def is_feature(name: str, events: Events) -> bool:
    """Whether an event type stands for a part of the product: no login, no page view, no system's fact."""
    bare = name in CALL_TYPES or name.startswith(RESERVED_PREFIX)
    return not bare and Signal.LOGIN not in events.classify(name)
