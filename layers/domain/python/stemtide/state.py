"""The truth about one account and UTC day, and the fold that keeps it.

`fold` is pure and strictly sequential: the result depends on the order of the events within the account
and never on how they were cut into batches or how often a batch came. The one exception serves nobody
but a producer that repeats itself: ids beyond the committed window are dropped as far as they are remembered.
"""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Final

import msgspec
from xxhash import xxh3_64_digest

from stemtide import limits
from stemtide.lanes import pack, unpack
from stemtide.users import pack as pack_users
from stemtide.users import unpack as unpack_users

FORMAT: Final = b"\x01"
"""First byte of an encoded state; a change of the layout takes the next one and still reads this."""


class Event(msgspec.Struct, gc=False):
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


NONE: Final[frozenset[bytes]] = frozenset()


class Folded(msgspec.Struct, frozen=True, gc=False):
    """A fold's outcome.

    `duplicates` are the (sequence number, calls) of this batch's events that were not counted because
    their message id was known, now or when they came the first time. `users` are the hashes that
    must be in the users item before this state may be written, `accepted` the ids of the newly counted
    calls and `new_users` their users that were not known. `changed` is False when every event was already in.
    """

    state: State
    duplicates: list[tuple[int, int]] = []
    users: Set[bytes] = NONE
    accepted: Collection[bytes] = ()
    new_users: Set[bytes] = NONE
    changed: bool = False


def _window(state: State) -> dict[bytes, None]:
    width, ids = limits.ID_BYTES, state.ids
    return dict.fromkeys([ids[i : i + width] for i in range(0, len(ids), width)])


class Memory:
    """What a process knows to be in an item: its window's ids, further ids, users.

    Ids are kept in two generations, so that the oldest can be forgotten at once.
    """

    __slots__ = ("_ids", "_older", "users")

    def __init__(self, state: State) -> None:
        """What the state itself says."""
        self._ids = _window(state)
        self._older: dict[bytes, None] = {}
        self.users = set(unpack_users(state.users))

    def knows(self, id_hash: bytes) -> bool:
        """Whether a call with this id is in the item."""
        return id_hash in self._ids or id_hash in self._older

    def knows_none_of(self, ids: dict[bytes, None]) -> bool:
        """Whether all of these ids are new."""
        return self._ids.keys().isdisjoint(ids) and (not self._older or self._older.keys().isdisjoint(ids))

    def again(self, state: State) -> "Memory":
        """The same for a state that was read anew: its users are what it says, an id once in stays in."""
        anew = Memory(state)
        anew._older = {**self._older, **self._ids}
        return anew

    def add(self, folded: Folded, *, caps: Caps) -> None:
        """Note what an acknowledged write has brought in."""
        accepted = folded.accepted
        self._ids.update(accepted if isinstance(accepted, dict) else dict.fromkeys(accepted))
        if len(self._ids) > max(caps.remembered_ids, caps.id_window):
            self._older, self._ids = self._ids, _window(folded.state)
        if folded.new_users:
            self.users.update(folded.new_users)
        if len(self.users) > limits.REMEMBERED_USERS:
            self.users = set(unpack_users(folded.state.users))

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        ids = len(self._ids) + len(self._older)
        return limits.REMEMBERED_ID_BYTES * ids + limits.REMEMBERED_USER_BYTES * len(self.users)


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
    return xxh3_64_digest(message_id.encode())[: limits.ID_BYTES]


def mark_of(state: State, lane: str) -> int:
    """The highest sequence number of the lane that is in the state; -1 when there is none."""
    packed = state.marks.get(lane)
    return -1 if packed is None else unpack(packed)


def fold(
    state: State,
    events: Sequence[Event],
    *,
    lane: str,
    accounted: int = -1,
    arrived: tuple[int, int] = (0, 0),
    caps: Caps,
    memory: Memory | None = None,
) -> Folded:
    """The state with a lane's events in it, each exactly once.

    Args:
        state: what is stored.
        events: in the order of the lane; those up to the state's mark are already in.
        lane: where they come from.
        accounted: the sequence number up to which the lane's ledger has counted (may be out of date).
        arrived: first and last UTC day (since the epoch) on which the delivery's records arrived.
        caps: how much the state may hold.
        memory: what is known to be in the state; by default what it says itself.
    """
    mark = mark_of(state, lane)
    fresh = events if events and events[0].sequence > mark else [e for e in events if e.sequence > mark]
    known = _known_duplicates(state, lane, events) if state.recent else []
    if not fresh:
        return Folded(state=state, duplicates=known)
    if memory is None:
        memory = Memory(state)
    counted, new, ids = _once(state, fresh, memory=memory, caps=caps)
    by_event, first_ms, last_ms, weight, new_users = _counts(state, counted, memory, caps)
    inline = pack_users([*unpack_users(state.users), *new_users]) if new_users else state.users
    spilled = state.spilled or len(inline) > limits.USER_HASH_BYTES * caps.inline_users
    after = State(
        state.events + weight,
        state.calls + len(counted),
        state.duplicates + len(fresh) - len(counted),
        by_event,
        first_ms,
        last_ms,
        b"" if spilled else inline,
        spilled,
        {**state.marks, lane: pack(fresh[-1].sequence)},
        (state.ids + b"".join(ids))[-limits.ID_BYTES * caps.id_window :],
        _recent(state, lane, new, accounted=accounted) if new or state.recent else state.recent,
        add_interval(state.arrivals, *arrived),
        state.covered_ms,
    )
    users = frozenset(unpack_users(inline)) if spilled and new_users else NONE
    return Folded(after, known + new, users, ids, new_users, True)


def _once(
    state: State, fresh: Sequence[Event], *, memory: Memory, caps: Caps
) -> tuple[Sequence[Event], list[tuple[int, int]], Collection[bytes]]:
    """The events that count, the (sequence number, calls) of those that are in already, the former's ids.

    Nearly always all of them count, which two set operations find out.
    """
    ids = dict.fromkeys([event.id_hash for event in fresh])
    if state.covered_ms is None and len(ids) == len(fresh) and memory.knows_none_of(ids):
        return fresh, [], ids
    covered = -1 if state.covered_ms is None else state.covered_ms
    window = _Window(state.ids, caps) if caps.remembered_ids == 0 else None
    counted: list[Event] = []
    here: set[bytes] = set()
    repeated: dict[int, int] = {}
    for event in fresh:
        one = event.id_hash
        known = one in window if window is not None else one in here or memory.knows(one)
        if known or event.at_ms < covered:
            repeated[event.sequence] = repeated.get(event.sequence, 0) + 1
            continue
        counted.append(event)
        here.add(one)
        if window is not None:
            window.add(one)
    return counted, sorted(repeated.items()), [event.id_hash for event in counted]


class _Window:
    """The committed ids alone, as they move on call by call: what is certain when nothing is remembered."""

    def __init__(self, ids: bytes, caps: Caps) -> None:
        self._ids, self._length = ids, limits.ID_BYTES * caps.id_window

    def __contains__(self, id_hash: bytes) -> bool:
        return _contains(self._ids, id_hash, width=limits.ID_BYTES)

    def add(self, id_hash: bytes) -> None:
        self._ids = (self._ids + id_hash)[-self._length :]


def _counts(
    state: State, events: Sequence[Event], memory: Memory, caps: Caps
) -> tuple[dict[str, int], int | None, int | None, int, Set[bytes]]:
    """With the events: weights by event type (beyond the cap in `other`), first and last time.

    And of them alone: their weight and the users that are not known.
    """
    counts, total, cap, known = state.by_event.copy(), 0, caps.event_types, memory.users
    first_ms, last_ms = state.first_ms, state.last_ms
    users: set[bytes | None] = set()
    for event in events:
        name, at_ms, weight = event.name, event.at_ms, event.weight
        total += weight
        if name in counts:
            counts[name] += weight
        else:
            name = name if len(counts) < cap else limits.OTHER_EVENT
            counts[name] = counts.get(name, 0) + weight
        if first_ms is None or at_ms < first_ms:
            first_ms = at_ms
        if last_ms is None or at_ms > last_ms:
            last_ms = at_ms
        if event.user not in known:
            users.add(event.user)
    return counts, first_ms, last_ms, total, {user for user in users if user is not None} if users else NONE


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


def add_interval(intervals: list[int], first: int, last: int) -> list[int]:
    """The intervals with one more: sorted, apart by at least a day, at most `MAX_ARRIVAL_INTERVALS`.

    When there are too many, the two that are closest become one: a superset, so nothing is missed.
    """
    if intervals and intervals[-2] <= first and last <= intervals[-1]:
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
