"""The truth about one account and UTC day as it is stored, and what it is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from xxhash import xxh3_64_digest

from stemtide import limits
from stemtide.lanes import unpack

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
    was backfilled: what the stream brings of that time is in already. `commenters` are the users who
    commented, as `users.encode` stores them; empty without any.
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
    commenters: bytes = b""


EMPTY: Final = State()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much an item may hold; `is_comment` tells the event types whose users are those who comment."""

    event_types: int = limits.MAX_EVENT_TYPES
    id_window: int = limits.ID_WINDOW
    inline_users: int = limits.INLINE_USERS
    remembered_ids: int = limits.REMEMBERED_IDS
    new_duplicates: int = limits.MAX_NEW_DUPLICATES
    is_comment: Callable[[str], bool] | None = None


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
    return xxh3_64_digest(message_id.encode())


def mark_of(state: State, lane: str) -> int:
    """The highest sequence number of the lane that is in the state; -1 when there is none."""
    packed = state.marks.get(lane)
    return -1 if packed is None else unpack(packed)


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
    for _ in range(len(joined) - limits.MAX_ARRIVAL_INTERVALS):
        at = min(range(1, len(joined)), key=lambda i: joined[i][0] - joined[i - 1][1])
        joined[at - 1 : at + 1] = [(joined[at - 1][0], joined[at][1])]
    return [day for pair in joined for day in pair]
