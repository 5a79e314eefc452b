"""An account's usage by day, from the table or from a log: what the features are computed from.

Counters are whole numbers; what cannot be added up over days is in `occurrences`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stemtide import users
from stemtide.calls import CALL_TYPES, is_told
from stemtide.config_schema import Events, Signal
from stemtide.features.occurrences import Ints, Occurrences, Presence
from stemtide.limits import USER_HASH_BYTES
from stemtide.users import NOBODY, Users


class Counter(IntEnum):
    """The columns of a day; `EVENTS` are those of use (not `calls.is_told`), `ACTIVE` is 1 on a day with any,
    `USERS` the day's distinct users.

    Behind them come the configured parts of the product and then the configured meters.
    """

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
    """One UTC day (days since 1970-01-01) with usage; users as `stemtide.users` keeps them."""

    day: int
    by_event: Mapping[str, int]
    users: Users
    commenters: Users = NOBODY


@dataclass(frozen=True, slots=True)
class Meanings:
    """What event types count as, by their place: the counters' columns and the parts of the product."""

    columns: Ints
    """[columns, event types] of 0 or 1; those of `Counter` that are no sums of events have none."""
    parts: Ints
    """Rows (event type, part), by event type."""

    @classmethod
    def of(cls, names: Sequence[str], events: Events) -> "Meanings":
        """The meanings of event types, by their place in `names`."""
        columns = np.zeros((width(events), len(names)), dtype=np.int64)
        columns[Counter.EVENTS] = [not is_told(name) for name in names]
        pairs = []
        for place, name in enumerate(names):
            signals, parts = events.classify(name), events.parts(name)
            own = [counter for counter, signal in _COUNTED.items() if signal in signals]
            metered = [len(Counter) + len(events.features) + meter for meter in events.metered(name)]
            columns[[*own, *(len(Counter) + part for part in parts), *metered], place] = 1
            if not events.features:
                parts = (place,) if is_feature(name, events) else ()
            pairs += [(place, part) for part in parts]
        return cls(columns, np.array(pairs, dtype=np.int64).reshape(-1, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Events of one account's use: row by row the place of its day in `days`, its event type and their
    number; by day."""

    days: Ints
    place: Ints
    event: Ints
    count: Ints

    def by_event(self, length: int, last: int) -> dict[int, int]:
        """How many of each event type there were in the `length` days up to `last`."""
        first, end = self.days.searchsorted((last - length + 1, last + 1))
        within = slice(*self.place.searchsorted((first, end)))
        sums = np.bincount(self.event[within], weights=self.count[within]).astype(np.int64)
        return {event: number for event, number in enumerate(sums.tolist()) if number}


class Older(NamedTuple):
    """Days of which only the counters are known any more: ascending, [days, columns]."""

    days: Ints
    counters: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHistory:
    """Usage of one account.

    `days` ascending with `counters` [days, columns], `first_day` the first day that is known of the account
    (may lie before `days`).
    """

    account: str
    days: Ints
    counters: Ints
    users: Presence
    commenters: Presence
    types: Occurrences
    counts: Counts
    first_day: int | None

    def known_days(self, day: int) -> int:
        """Days up to `day`, it included, since the account was first seen."""
        return 0 if self.first_day is None else max(0, day - self.first_day + 1)


def assemble(
    account: str,
    counts: Counts,
    distinct: Ints,
    users: Presence,
    commenters: Presence,
    meanings: Meanings,
    *,
    first_day: int | None,
    older: Older | None = None,
) -> AccountHistory:
    """The history in counts and users, wherever they come from; `distinct` users by day."""
    counters = _per_day(counts, meanings.columns[:, counts.event])
    counters[:, Counter.ACTIVE] = counters[:, Counter.EVENTS] > 0
    counters[:, Counter.USERS] = distinct
    days = counts.days
    return AccountHistory(
        account=account,
        days=days if older is None else np.concatenate((older.days, days)),
        counters=counters if older is None else np.concatenate((older.counters, counters)),
        users=users,
        commenters=commenters,
        types=_types(counts, meanings.parts),
        counts=_of_use(counts, meanings),
        first_day=first_day,
    )


def history_of(
    account: str,
    days: Iterable[Day],
    *,
    events: Events,
    first_day: int | None = None,
    older: Older | None = None,
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
    seen = [int(known[0]) for known in ((numbers,) if older is None else (older.days, numbers)) if len(known)]
    return assemble(
        account,
        counts,
        _ints(users.count(day.users) for day in listed),
        presence_of(numbers, [day.users for day in listed]),
        presence_of(numbers, [day.commenters for day in listed]),
        Meanings.of(list(names), events),
        first_day=min([*seen, *([] if first_day is None else [first_day])], default=None),
        older=older,
    )


def presence_of(days: Ints, present: Sequence[Users]) -> Presence:
    """Who was there on each of the days."""
    packed = [one.packed if one.exact else b"" for one in present]
    sizes = _ints(len(one) // USER_HASH_BYTES for one in packed)
    hashes = np.frombuffer(b"".join(packed), dtype=">u8").astype(np.uint64)
    crowded = not all(one.exact for one in present)
    return Presence(
        occurrences=Occurrences(np.repeat(days, sizes), hashes),
        crowded=dict(zip(days.tolist(), present, strict=True)) if crowded else {},
    )


def width(events: Events) -> int:
    """Columns of a day's counters."""
    return len(Counter) + len(events.features) + len(events.meters)


def _of_use(counts: Counts, meanings: Meanings) -> Counts:
    used = meanings.columns[Counter.EVENTS, counts.event] > 0
    if used.all():
        return counts
    rows = {name: getattr(counts, name)[used] for name in ("place", "event", "count")}
    return Counts(days=counts.days, **rows)


def _types(counts: Counts, parts: Ints) -> Occurrences:
    """Which parts of the product were used on which days."""
    starts, ends = parts[:, 0].searchsorted(counts.event), parts[:, 0].searchsorted(counts.event, "right")
    number = ends - starts
    days = np.repeat(counts.days[counts.place], number)
    within = np.arange(len(days)) - np.repeat(np.cumsum(number) - number, number)
    used = parts[np.repeat(starts, number) + within, 1]
    span = int(parts[:, 1].max(initial=0)) + 1
    once = np.unique(days * span + used)
    return Occurrences(once // span, (once % span).astype(np.uint64))


def _per_day(counts: Counts, flags: npt.NDArray[np.int64]) -> Ints:
    """Sums by day [days, columns] of the events with a flag; below 2^53 they are exact in floating point."""
    columns = [
        np.bincount(counts.place, weights=counts.count * row, minlength=len(counts.days)) for row in flags
    ]
    return np.array(columns).T.astype(np.int64).reshape(len(counts.days), len(flags))


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def is_feature(name: str, events: Events) -> bool:
    """Whether an event type stands for a part of the product: no login, no page view, no system's fact."""
    bare = name in CALL_TYPES or is_told(name)
    return not bare and Signal.LOGIN not in events.classify(name)
