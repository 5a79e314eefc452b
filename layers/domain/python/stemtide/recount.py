"""The truth of an account-day from what the archive has of its account: pure, in one order for everybody.

The stream counts what it sees when it sees it and knows a repetition only by its recent ids. Here all calls
of an account are at hand, in the order (arrival, lane, sequence number). A call is a repetition if another
with its message id came before: for the same event day at any time, for another day within 24 hours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

import msgspec

from stemtide import users
from stemtide.archive import ArchivedRecord
from stemtide.calls import DAY_MS, Bounds
from stemtide.envelope import Arrived
from stemtide.fold import fold
from stemtide.kinesis_event import Delivered
from stemtide.quick import event_of, read_columns
from stemtide.records import decode_record
from stemtide.state import EMPTY, Caps, Event, State
from stemtide.users import Users

REPEATED_WITHIN_MS: Final = DAY_MS
"""Under another day a producer repeats only what has no timestamp; producers' own windows are 24 h, too."""
_LANE: Final = "recount"


class ArchivedCall(NamedTuple):
    """An accepted call and its place in the archive: arrival (epoch ms), lane, sequence number."""

    arrival_ms: int
    lane: str
    sequence: int
    id_hash: bytes
    user: bytes | None
    name: str
    at_ms: int
    weight: int

    @property
    def day(self) -> int:
        """The event's UTC day since the epoch."""
        return self.at_ms // DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """What a day's recount begins with: nothing, or the part of it that was backfilled, with its users."""

    state: State = EMPTY
    users: Users = users.NOBODY


NOTHING: Final = Begin()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """A day as the archive has it.

    `users` are all its distinct users, `seen` is the highest sequence number of its calls per lane;
    `last_arrival_ms` is None without any.
    """

    state: State
    users: Users
    seen: Mapping[str, int]
    last_arrival_ms: int | None


def calls_of(
    lane: str, records: Iterable[ArchivedRecord], *, bounds: Bounds
) -> dict[str, list[ArchivedCall]]:
    """The calls that a lane's records add to the usage of their own accounts, by account.

    Calls of other accounts came again under their own key, rejected ones and mere facts count nowhere.
    """
    delivered = [
        Delivered(int(record.seq), record.key, record.arrival_ms, record.bytes) for record in records
    ]
    columns, left = read_columns(delivered, bounds, {})
    for record in left:
        decoded = decode_record(record.data, Arrived(at_ms=record.arrival_ms, key=record.key, bounds=bounds))
        events = [event_of(record.sequence, call) for call in decoded.calls]
        columns.append(([record.key] * len(events), events))
    arrivals = {record.sequence: record.arrival_ms for record in delivered}
    found: dict[str, list[ArchivedCall]] = {}
    for keys, events in columns:
        for key, e in zip(keys, events, strict=True):
            call = ArchivedCall(
                arrivals[e.sequence], lane, e.sequence, e.id_hash, e.user, e.name, e.at_ms, e.weight
            )
            found.setdefault(key, []).append(call)
    return found


class AccountCalls:
    """The archived calls of one account; given in the order of their lanes, in any order of the lanes."""

    def __init__(self, calls: Iterable[ArchivedCall]) -> None:
        ordered = sorted(calls, key=lambda call: call[:3])
        self._by_day: dict[int, list[ArchivedCall]] = {}
        for call in ordered:
            self._by_day.setdefault(call.day, []).append(call)
        by_id = sorted(ordered, key=lambda call: call.id_hash)  # stable: in order within an id
        groups = ((key, list(group)) for key, group in groupby(by_id, key=lambda call: call.id_hash))
        self._repeated = {key: group for key, group in groups if len(group) > 1}

    def recount(self, day: int, *, bound: Mapping[str, int], begin: Begin, caps: Caps) -> Recounted:
        """The day from its calls up to `bound`, a sequence number per lane; other lanes are left out.

        Args:
            day: UTC day since the epoch.
            bound: up to where each lane counts.
            begin: what the day has besides; calls before its `covered_ms` are in already. A day that has
                moved its users to the users item keeps them there (`spilled`).
            caps: how much the state may hold.
        """
        within = [call for call in self._by_day.get(day, ()) if _is_within(call, bound)]
        covered, again = begin.state.covered_ms, self._repetitions(day, within, bound)
        counted = [
            call
            for call in within
            if not (covered is not None and call.at_ms < covered) and id(call) not in again
        ]
        folded = fold(
            begin.state,
            [
                Event(place, call.id_hash, call.user, call.name, call.at_ms, call.weight)
                for place, call in enumerate(counted)
            ],
            lane=_LANE,
            caps=caps,
        )
        state = msgspec.structs.replace(
            folded.state,
            duplicates=begin.state.duplicates + len(within) - len(counted),
            marks={},
            recent={},
        )
        seen: dict[str, int] = {}
        for call in within:
            seen[call.lane] = max(call.sequence, seen.get(call.lane, -1))
        present = users.union(begin.users, folded.users) if state.spilled else Users(state.users)
        return Recounted(
            state=state,
            users=present,
            seen=seen,
            last_arrival_ms=max((call.arrival_ms for call in within), default=None),
        )

    def hold(self, day: int, marks: Mapping[str, int]) -> bool:
        """Whether each mark is the place of one of the day's calls, as a state's marks always are."""
        places = {(call.lane, call.sequence) for call in self._by_day.get(day, ())}
        return places.issuperset(marks.items())

    def _repetitions(self, day: int, calls: Iterable[ArchivedCall], bound: Mapping[str, int]) -> set[int]:
        """Which of the day's calls came before, by identity: a record may hold the same call twice."""
        found: set[int] = set()
        for key in self._repeated.keys() & {call.id_hash for call in calls}:
            latest_ms, on_the_day = -REPEATED_WITHIN_MS, False
            for call in self._repeated[key]:
                if not _is_within(call, bound):
                    continue
                if call.day == day:
                    if on_the_day or call.arrival_ms - latest_ms <= REPEATED_WITHIN_MS:
                        found.add(id(call))
                    on_the_day = True
                latest_ms = call.arrival_ms
        return found


def _is_within(call: ArchivedCall, bound: Mapping[str, int]) -> bool:
    return call.sequence <= bound.get(call.lane, -1)
