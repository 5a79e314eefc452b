"""What two tables must have in common to hold the same usage: a projection of each item, and one hash of all.

Versions, marks, arrivals and expiry say how an item came to be and are left out, as are the ids in its window
and the number of duplicates.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from stemtide.state import State
from stemtide.users import Users

_SPACE: Final = 1 << 256
_encode = msgspec.json.Encoder(order="sorted").encode


class Projection(NamedTuple):
    """An account-day's counts, users (sorted hashes, or the sketch: both a function of the set), times, and
    who commented."""

    events: int
    calls: int
    by_event: dict[str, int]
    users: Users
    first_ms: int | None
    last_ms: int | None
    commenters: bytes


class Hashed(NamedTuple):
    """How many account-days, with how many calls, and their hash."""

    items: int
    calls: int
    hash: str


def project(state: State, users: Users) -> Projection:
    """The projection of an item; `users` are its distinct users, wherever they are stored."""
    return Projection(
        state.events, state.calls, state.by_event, users, state.first_ms, state.last_ms, state.commenters
    )


def hash_of(items: Iterable[tuple[str, str, Projection]]) -> Hashed:
    """The hash of all (account, day, projection), in whatever order they come.

    The sum of each item's SHA-256 modulo 2^256: no order, and no more memory than one item. An item
    without calls is no usage, and may as well be missing.
    """
    number = calls = total = 0
    for account, day, projection in items:
        if not projection.calls:
            continue
        number += 1
        calls += projection.calls
        line = _encode((account, day, projection))
        total = (total + int.from_bytes(sha256(line).digest(), "big")) % _SPACE
    return Hashed(number, calls, f"{total:064x}")
