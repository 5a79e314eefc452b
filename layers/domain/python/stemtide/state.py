"""The truth about one account and UTC day, and the fold that keeps it.

`fold` is pure and strictly sequential: the result depends on the order of the events within the account
and never on how they were cut into batches or how often a batch came. The one exception serves nobody
but a producer that repeats itself: ids beyond the committed window are dropped as far as they are remembered.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from stemtide import limits
from stemtide.lanes import pack, unpack
from stemtide.users import unpack as unpack_users

FORMAT: Final = b"\x01"
"""First byte of an encoded state; a change of the layout takes the next one and still reads this."""


class Event(NamedTuple):
    """One call of the account-day at its position: sequence number, hashes, name, event time, weight."""

    sequence: int
    id_hash: bytes
    user: bytes | None
    name: str
    at_ms: int
    weight: int


class State(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of one account-day.

    `events` and `by_event` are weights, `calls` and `duplicates` numbers of calls. `users` packs the
    distinct users' hashes until they move to the users item (`spilled`). `marks` holds the highest
    applied sequence number per lane, `ids` the recent message ids, `recent` per lane the
    (sequence number, calls) of duplicates that the lane's ledger may not have counted yet.
    `arrivals` are the UTC days (since the epoch) on which records of this item may have arrived, as
    intervals (first, last, first, last, ...): where the archive has them. Before `covered_ms` the account
    was backfilled: what the stream brings of that time is in already.
    """

    events: int = 0
    calls: int = 0
    duplicates: int = 0
    by_event: dict[str, int] = {}
    first_ms: int | None = None
    last_ms: int | None = None
    users: bytes = b""
    spilled: bool = False
    marks: dict[str, bytes] = {}
    ids: bytes = b""
    recent: dict[str, list[tuple[bytes, int]]] = {}
    arrivals: list[int] = []
    covered_ms: int | None = None


EMPTY: Final = State()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much an item may hold."""

    event_types: int = limits.MAX_EVENT_TYPES
    id_window: int = limits.ID_WINDOW
    inline_users: int = limits.INLINE_USERS
    remembered_ids: int = limits.REMEMBERED_IDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A fold's outcome.

    `duplicates` are the (sequence number, calls) of this batch's events that were not counted because
    their message id was known, now or when they came the first time. `users` are the hashes that
    must be in the users item before this state may be written, `accepted` the ids of the newly counted
    calls. `changed` is False when every event was already in.
    """

    state: State
    duplicates: list[tuple[int, int]] = field(default_factory=list)
    users: frozenset[bytes] = frozenset()
    accepted: dict[bytes, None] = field(default_factory=dict)
    changed: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode(state: State) -> bytes:
    """The state as stored."""
    return FORMAT + _encoder.encode(state)


def decode(blob: bytes) -> State:
    """The stored state.

    Raises:
        ValueError: a format that this version does not know.
    """
    if blob[:1] != FORMAT:
        raise ValueError(f"usage state of unknown format {blob[:1].hex()}: deploy the version that wrote it")
    return _decoder.decode(memoryview(blob)[1:])


def id_hash(message_id: str) -> bytes:
    """The bytes that stand for a message id within its account-day."""
    return blake2b(message_id.encode(), digest_size=limits.ID_BYTES).digest()


def mark_of(state: State, lane: str) -> int:
    """The highest sequence number of the lane that is in the state; -1 when there is none."""
    packed = state.marks.get(lane)
    return -1 if packed is None else unpack(packed)


def fold(
    state: State,
    events: Iterable[Event],
    *,
    lane: str,
    accounted: int = -1,
    arrived: tuple[int, int] = (0, 0),
    caps: Caps,
    remembered: Container[bytes] = (),
) -> Folded:
    """The state with a lane's events in it, each exactly once.

    Args:
        state: what is stored.
        events: in the order of the lane; those up to the state's mark are already in.
        lane: where they come from.
        accounted: the sequence number up to which the lane's ledger has counted (may be out of date).
        arrived: first and last UTC day (since the epoch) on which the delivery's records arrived.
        caps: how much the state may hold.
        remembered: ids of calls that are in the state for certain, beyond its own window.
    """
    mark = mark_of(state, lane)
    fresh = [event for event in events if event.sequence > mark]
    known = _known_duplicates(state, lane, events)
    if not fresh:
        return Folded(state=state, duplicates=known)
    tally = _Tally(state, caps, remembered)
    for event in fresh:
        tally.add(event)
    new = sorted(tally.duplicates.items())
    return tally.folded(
        duplicates=known + new,
        marks={**state.marks, lane: pack(fresh[-1].sequence)},
        recent=_recent(state, lane, new, accounted=accounted),
        arrivals=add_interval(state.arrivals, *arrived),
    )


def _known_duplicates(state: State, lane: str, events: Iterable[Event]) -> list[tuple[int, int]]:
    recent = state.recent.get(lane)
    if not recent:
        return []
    here = {event.sequence for event in events}
    return [(unpack(at), calls) for at, calls in recent if unpack(at) in here]


def _recent(
    state: State, lane: str, new: list[tuple[int, int]], *, accounted: int
) -> dict[str, list[tuple[bytes, int]]]:
    kept = [(at, calls) for at, calls in state.recent.get(lane, ()) if unpack(at) > accounted]
    kept += [(pack(at), calls) for at, calls in new if at > accounted]
    others = {other: entries for other, entries in state.recent.items() if other != lane}
    return {**others, lane: kept} if kept else others


class _Tally:
    """The mutable middle of a fold."""

    def __init__(self, state: State, caps: Caps, remembered: Container[bytes]) -> None:
        self.before = state
        self.caps = caps
        self.remembered = remembered
        self.accepted: dict[bytes, None] = {}
        self.events = 0
        self.calls = 0
        self.by_event = dict(state.by_event)
        self.first_ms = state.first_ms
        self.last_ms = state.last_ms
        self.users: set[bytes] = set()
        self.ids = state.ids
        self.duplicates: dict[int, int] = {}

    def add(self, event: Event) -> None:
        covered = self.before.covered_ms
        if (covered is not None and event.at_ms < covered) or self.knows(event.id_hash):
            self.duplicates[event.sequence] = self.duplicates.get(event.sequence, 0) + 1
            return
        self.ids = (self.ids + event.id_hash)[-limits.ID_BYTES * self.caps.id_window :]
        self.accepted[event.id_hash] = None
        self.calls += 1
        self.events += event.weight
        name = event.name
        if name not in self.by_event and len(self.by_event) >= self.caps.event_types:
            name = limits.OTHER_EVENT
        self.by_event[name] = self.by_event.get(name, 0) + event.weight
        if self.first_ms is None or event.at_ms < self.first_ms:
            self.first_ms = event.at_ms
        if self.last_ms is None or event.at_ms > self.last_ms:
            self.last_ms = event.at_ms
        if event.user is not None:
            self.users.add(event.user)

    def knows(self, id_hash: bytes) -> bool:
        """Whether a call with this id was counted: for certain in the window, as remembered beyond it."""
        if self.caps.remembered_ids and (id_hash in self.accepted or id_hash in self.remembered):
            return True
        return _contains(self.ids, id_hash, width=limits.ID_BYTES)

    def folded(
        self,
        *,
        duplicates: list[tuple[int, int]],
        marks: Mapping[str, bytes],
        recent: dict[str, list[tuple[bytes, int]]],
        arrivals: list[int],
    ) -> Folded:
        before = self.before
        inline = {*unpack_users(before.users), *self.users}
        spilled = before.spilled or len(inline) > self.caps.inline_users
        return Folded(
            state=State(
                events=before.events + self.events,
                calls=before.calls + self.calls,
                duplicates=before.duplicates + sum(self.duplicates.values()),
                by_event=self.by_event,
                first_ms=self.first_ms,
                last_ms=self.last_ms,
                users=b"" if spilled else b"".join(sorted(inline)),
                spilled=spilled,
                marks=dict(marks),
                ids=self.ids,
                recent=recent,
                arrivals=arrivals,
                covered_ms=before.covered_ms,
            ),
            duplicates=duplicates,
            users=frozenset(inline) if spilled else frozenset(),
            accepted=self.accepted,
            changed=True,
        )


def add_interval(intervals: list[int], first: int, last: int) -> list[int]:
    """The intervals with one more: sorted, apart by at least a day, at most `MAX_ARRIVAL_INTERVALS`.

    When there are too many, the two that are closest become one: a superset, so nothing is missed.
    """
    if len(intervals) >= 2 and intervals[-2] <= first and last <= intervals[-1]:
        return intervals
    pairs = sorted([*zip(intervals[::2], intervals[1::2], strict=True), (first, last)])
    joined = [pairs[0]]
    for start, end in pairs[1:]:
        if start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    while len(joined) > limits.MAX_ARRIVAL_INTERVALS:
        at = min(range(1, len(joined)), key=lambda i: joined[i][0] - joined[i - 1][1])
        joined[at - 1 : at + 1] = [(joined[at - 1][0], joined[at][1])]
    return [day for pair in joined for day in pair]


def _contains(packed: bytes, chunk: bytes, *, width: int) -> bool:
    """Whether one of the packed fixed-width chunks equals `chunk` (a match may not straddle two)."""
    at = packed.find(chunk)
    while at > 0 and at % width:
        at = packed.find(chunk, at + 1)
    return at >= 0
