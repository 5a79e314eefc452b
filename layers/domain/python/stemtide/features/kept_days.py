"""What is kept of an account so that its next day needs no old one to be read again.

The days that users and event types are looked at (90) as they are, of older ones (up to `LONG_DAYS`) the
counters. An account with a day whose users are a sketch is not kept: its days are read.
"""

import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from stemtide import users
from stemtide.features.history import AccountHistory, Day, Older
from stemtide.features.packed_usage import FORMAT, LEVEL, pack_rows, unpack_rows
from stemtide.features.usage_at import DAYS
from stemtide.limits import LONG_DAYS
from stemtide.users import Users

MAX_BYTES: Final = 64 * 1024
"""More is not worth a write every night: such an account's days are read."""


class Kept(NamedTuple):
    """Days up to the one they were kept at, ascending; the first day that is known of the account."""

    days: list[Day]
    older: Older
    first_day: int | None


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    names: list[str]
    hashes: bytes
    days: list[tuple[int, list[int], list[int], list[int], list[int]]]
    """(day, places of event types, their numbers, places of users, places of commenters)"""
    older: bytes
    kinds: bytes
    counters: bytes
    first_day: int | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def pack_kept(days: Sequence[Day], history: AccountHistory, day: int) -> bytes | None:
    """What to keep at a day of an account's days and the history made of them; None: nothing."""
    recent = [one for one in days if day - DAYS < one.day <= day]
    if not all(one.users.exact and one.commenters.exact for one in recent):
        return None
    names = {name: place for place, name in enumerate(dict.fromkeys(n for d in recent for n in d.by_event))}
    hashes = sorted({h for d in recent for who in (d.users, d.commenters) for h in users.unpack(who.packed)})
    places = {one: place for place, one in enumerate(hashes)}
    start, end = history.days.searchsorted((day - LONG_DAYS + 1, day - DAYS + 1))
    kinds, counters = pack_rows(history.counters[start:end].T)
    packed = _Packed(
        list(names),
        b"".join(hashes),
        [
            (
                one.day,
                [names[name] for name in one.by_event],
                list(one.by_event.values()),
                [places[user] for user in users.unpack(one.users.packed)],
                [places[user] for user in users.unpack(one.commenters.packed)],
            )
            for one in recent
        ],
        history.days[start:end].astype("<i8").tobytes(),
        kinds,
        counters,
        history.first_day,
    )
    data = FORMAT + zlib.compress(_encode(packed), LEVEL)
    return data if len(data) <= MAX_BYTES else None


def unpack_kept(data: bytes) -> Kept | None:
    """What was kept; None: by another version."""
    if data[:1] != FORMAT:
        return None
    packed = _decode(zlib.decompress(data[1:]))
    hashes = users.unpack(packed.hashes)

    def those(places: Sequence[int]) -> Users:
        return Users(b"".join([hashes[place] for place in places]))

    older = np.frombuffer(packed.older, dtype="<i8").astype(np.int64)
    return Kept(
        days=[
            Day(
                day,
                dict(zip([packed.names[name] for name in types], numbers, strict=True)),
                those(present),
                those(commenting),
            )
            for day, types, numbers, present, commenting in packed.days
        ],
        older=Older(older, unpack_rows(packed.kinds, packed.counters, len(older)).T),
        first_day=packed.first_day,
    )
