"""The fold that keeps the truth about one account and UTC day.

It is pure and strictly sequential: the result depends on the order of the events within the account
and never on how they were cut into batches or how often a batch came. The one exception serves nobody
but a producer that repeats itself: ids beyond the committed window are dropped as far as they are remembered.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import Final

import msgspec

from stemtide import limits
from stemtide.lanes import pack, unpack
from stemtide.state import Caps, Event, State, add_interval, mark_of
from stemtide.users import NOBODY, union
from stemtide.users import decode as decode_users
from stemtide.users import encode as encode_users
from stemtide.users import pack as pack_users
from stemtide.users import unpack as unpack_users

NONE: Final[frozenset[bytes]] = frozenset()
NOTHING_YET: Final[Mapping[str, int]] = {}


class Folded(msgspec.Struct, frozen=True, gc=False):
    """A fold's outcome.

    `duplicates` are the (sequence number, calls) of this batch's events that were not counted because
    their message id was known, now or when they came the first time. `users` are the hashes that
    must be in the users item before this state may be written, `accepted` the ids of the newly counted
    calls and `new_users` their users that were not known. `changed` is False when every event was already in.
    `left` is the sequence number from which events must come again: there are more duplicates than the state
    may note at a time.
    """

    state: State
    duplicates: list[tuple[int, int]] = []
    users: Set[bytes] = NONE
    accepted: Collection[bytes] = ()
    new_users: Set[bytes] = NONE
    changed: bool = False
    left: int | None = None


def _chunks(ids: bytes) -> list[bytes]:
    return [ids[at : at + limits.ID_BYTES] for at in range(0, len(ids), limits.ID_BYTES)]


class Memory:
    """What a process knows to be in an item: its window's ids, further ids, users.

    Ids are kept in two generations, so that the oldest can be forgotten at once.
    """

    __slots__ = ("_ids", "_older", "users")

    def __init__(self, state: State) -> None:
        """What the state itself says."""
        self._ids = dict.fromkeys(_chunks(state.ids))
        self._older: dict[bytes, None] = {}
        self.users = set(unpack_users(state.users))

    def knows(self, id_hash: bytes) -> bool:
        """Whether a call with this id is in the item."""
        return id_hash in self._ids or id_hash in self._older

    def knows_none_of(self, ids: dict[bytes, None]) -> bool:
        """Whether all of these ids are new."""
        return self._ids.keys().isdisjoint(ids) and (not self._older or self._older.keys().isdisjoint(ids))

    def again(self, state: State, *, caps: Caps) -> "Memory":
        """The same for a state that was read anew: its users are what it says, an id once in stays in."""
        anew = Memory(state)
        older = {**self._older, **self._ids}
        most = max(caps.remembered_ids, caps.id_window)
        anew._older = older if len(older) <= most else dict.fromkeys(list(older)[-most:])
        return anew

    def add(self, folded: Folded, *, caps: Caps) -> None:
        """Note what an acknowledged write has brought in."""
        accepted = folded.accepted
        self._ids.update(accepted if isinstance(accepted, dict) else dict.fromkeys(accepted))
        if len(self._ids) > max(caps.remembered_ids, caps.id_window):
            self._older, self._ids = self._ids, dict.fromkeys(_chunks(folded.state.ids))
        if folded.new_users:
            self.users.update(folded.new_users)
        if len(self.users) > limits.REMEMBERED_USERS:
            self.users = set(unpack_users(folded.state.users))

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        ids = len(self._ids) + len(self._older)
        return limits.REMEMBERED_ID_BYTES * ids + limits.REMEMBERED_USER_BYTES * len(self.users)


def fold(
    state: State,
    events: Sequence[Event],
    *,
    lane: str,
    accounted: Mapping[str, int] = NOTHING_YET,
    arrived: tuple[int, int] | None = None,
    caps: Caps,
    memory: Memory | None = None,
) -> Folded:
    """The state with a lane's events in it, each exactly once.

    Args:
        state: what is stored.
        events: in the order of the lane; those up to the state's mark are already in.
        lane: where they come from.
        accounted: by lane the sequence number up to which its ledger has counted (may be out of date).
        arrived: first and last UTC day (since the epoch) of the records' arrival; None: it is not noted.
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
    counted, new, ids, taken = _once(state, fresh, memory=memory, caps=caps)
    left = fresh[taken].sequence if taken < len(fresh) else None
    fresh = fresh[:taken] if left is not None else fresh
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
        _recent(state, lane, new, accounted) if new or state.recent else state.recent,
        state.arrivals if arrived is None else add_interval(state.arrivals, *arrived),
        state.covered_ms,
        _commenters(state.commenters, counted, caps),
    )
    users = frozenset(unpack_users(inline)) if spilled and new_users else NONE
    return Folded(after, known + new, users, ids, new_users, True, left)


def _once(
    state: State, fresh: Sequence[Event], *, memory: Memory, caps: Caps
) -> tuple[Sequence[Event], list[tuple[int, int]], Collection[bytes], int]:
    """The events that count, the (sequence number, calls) of those that are in already, the former's ids,
    and how many events that is: not all when too many records would have to be noted.

    Nearly always all of them count, which two set operations find out.
    """
    ids = dict.fromkeys([event.id_hash for event in fresh])
    if state.covered_ms is None and len(ids) == len(fresh) and memory.knows_none_of(ids):
        return fresh, [], ids, len(fresh)
    covered = state.covered_ms
    window = _Window(state.ids, caps) if caps.remembered_ids == 0 else None
    counted: list[Event] = []
    here: set[bytes] = set()
    repeated: dict[int, int] = {}
    taken = len(fresh)
    for at, event in enumerate(fresh):
        one = event.id_hash
        known = one in window if window is not None else one in here or memory.knows(one)
        if known or (covered is not None and event.at_ms < covered):
            if event.sequence not in repeated and len(repeated) == caps.new_duplicates:
                taken = _begin_of_record(fresh, at)
                break
            repeated[event.sequence] = repeated.get(event.sequence, 0) + 1
            continue
        counted.append(event)
        here.add(one)
        if window is not None:
            window.add(one)
    while counted and taken < len(fresh) and counted[-1].sequence == fresh[taken].sequence:
        counted.pop()
    return counted, sorted(repeated.items()), [event.id_hash for event in counted], taken


def _begin_of_record(events: Sequence[Event], at: int) -> int:
    """The place of the first event of the record that the one at `at` came in."""
    return bisect_left(events, events[at].sequence, key=lambda event: event.sequence)


class _Window:
    """The committed ids alone, as they move on call by call: what is certain when nothing is remembered."""

    def __init__(self, ids: bytes, caps: Caps) -> None:
        self._ids = deque(_chunks(ids), maxlen=caps.id_window)

    def __contains__(self, id_hash: bytes) -> bool:
        return id_hash in self._ids

    def add(self, id_hash: bytes) -> None:
        self._ids.append(id_hash)


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


def _commenters(known: bytes, events: Sequence[Event], caps: Caps) -> bytes:
    """Who commented, with those of the events: few do, so nothing of it is kept in memory."""
    is_comment = caps.is_comment
    if is_comment is None:
        return known
    found = {event.user for event in events if is_comment(event.name) and event.user is not None}
    if not found:
        return known
    return encode_users(union(decode_users(known) if known else NOBODY, found))


def _known_duplicates(state: State, lane: str, events: Iterable[Event]) -> list[tuple[int, int]]:
    recent = state.recent.get(lane)
    if not recent:
        return []
    here = {event.sequence for event in events}
    return [(unpack(at), calls) for at, calls in recent if unpack(at) in here]


def _recent(
    state: State, lane: str, new: list[tuple[int, int]], accounted: Mapping[str, int]
) -> dict[str, list[tuple[bytes, int]]]:
    noted = {**state.recent, lane: [*state.recent.get(lane, ()), *((pack(at), calls) for at, calls in new)]}
    kept = {
        name: [(at, calls) for at, calls in entries if unpack(at) > accounted.get(name, -1)]
        for name, entries in noted.items()
    }
    return {name: entries for name, entries in kept.items() if entries}
