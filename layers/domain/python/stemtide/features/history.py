"""An account's usage by day, from the table or from a log: what the features are computed from.

Counters are whole numbers. Distinct things over several days cannot be added up, so for each occurrence the
previous one of the same thing is looked up: a window holds as many distinct things as it has occurrences
whose previous one lies before it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from stemtide import users
from stemtide.calls import CALL_TYPES, RESERVED_PREFIX
from stemtide.config_schema import Events, Signal
from stemtide.limits import USER_HASH_BYTES

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


class Day(NamedTuple):
    """One UTC day (days since 1970-01-01) with usage; `users` is a sketch of `stemtide.users`."""

    day: int
    by_event: Mapping[str, int]
    users: bytes


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
    (may lie before `days`). `crowded` holds every day's sketch if a day has more users than are kept exactly.
    """

    account: str
    days: Ints
    counters: Ints
    users: Occurrences
    types: Occurrences
    first_day: int | None
    crowded: Mapping[int, bytes] = field(default_factory=dict)

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
        sketches = [sketch for day, sketch in self.crowded.items() if last - length < day <= last]
        if any(_is_estimate(sketch) for sketch in sketches):
            return users.count(users.union(b"", users.unpack(b"".join(sketches))))
        return self.users.distinct(length, last)


def history_of(
    account: str, days: Iterable[Day], *, events: Events, first_day: int | None = None
) -> AccountHistory:
    """The history of days in ascending order; `first_day` if the account was seen before them."""
    listed = list(days)
    kinds = _Kinds(events)
    numbers = np.array([day.day for day in listed], dtype=np.int64)
    counters = np.array([kinds.counters(day) for day in listed], dtype=np.int64)
    adopted = [(day.day, kind) for day in listed for kind in map(kinds.adopted, day.by_event) if kind]
    sizes = np.array([len(day.users) // USER_HASH_BYTES for day in listed], dtype=np.int64)
    hashes = np.frombuffer(b"".join(day.users for day in listed), dtype=">u8").astype(np.uint64)
    seen = [numbers[0].item()] if listed else []
    crowded = any(_is_estimate(day.users) for day in listed)
    return AccountHistory(
        account=account,
        days=numbers,
        counters=counters.reshape(len(listed), len(Counter)),
        users=Occurrences(np.repeat(numbers, sizes), hashes),
        types=Occurrences(
            np.array([day for day, _ in adopted], dtype=np.int64),
            np.array([kind for _, kind in adopted], dtype=np.uint64),
        ),
        first_day=min([*seen, *([] if first_day is None else [first_day])], default=None),
        crowded={day.day: day.users for day in listed} if crowded else {},
    )


def _is_estimate(sketch: bytes) -> bool:
    return len(sketch) >= users.KEPT * USER_HASH_BYTES


class _Kinds:
    """What the event types of one account mean, looked up once each."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._signals: dict[str, frozenset[Signal]] = {}
        self._numbers: dict[str, int] = {}

    def counters(self, day: Day) -> list[int]:
        total = core = api = logins = 0
        for name, count in day.by_event.items():
            signals = self._signals.get(name)
            if signals is None:
                signals = self._signals[name] = self._events.classify(name)
            total += count
            if signals:
                core += count if Signal.CORE_ACTION in signals else 0
                api += count if Signal.API_CALL in signals else 0
                logins += count if Signal.LOGIN in signals else 0
        return [total, users.count(day.users), int(total > 0), core, api, logins]

    def adopted(self, name: str) -> int:
        """The number of an event type that shows a part of the product in use, 0 for all others."""
        number = self._numbers.get(name)
        if number is None:
            number = len(self._numbers) + 1 if is_feature(name, self._events) else 0
            self._numbers[name] = number
        return number


def is_feature(name: str, events: Events) -> bool:
    """Whether an event type stands for a part of the product: no login, no page view, no system's fact."""
    bare = name in CALL_TYPES or name.startswith(RESERVED_PREFIX)
    return not bare and Signal.LOGIN not in events.classify(name)
