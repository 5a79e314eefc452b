"""Distinct users: exact while few, then a mergeable sketch.

The sketch is Apache DataSketches' CPC (Lang, "Back to the future: an even more nearly optimal cardinality
estimation algorithm", 2017), as its union gives it: a function of the set of users, whatever their order and
however often one comes.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from stemtide.limits import USER_HASH_BYTES

EXACT_USERS: Final = 256
"""Up to this many distinct users of an account-day the count is exact: 2 KB, two write units, and these only
when somebody new comes. A sketch has 0.2 to 1.5 KB."""
SKETCH_LG_K: Final = 11
STANDARD_ERROR: Final = 0.0154
"""Of a count beyond `EXACT_USERS`, one sigma: ln 2 / sqrt(2^lg_k) of a merged sketch (DataSketches
documentation, "CPC sketch")."""
EXACT_FORMAT: Final = b"\x01"
SKETCH_FORMAT: Final = b"\x02"
"""First byte of stored users; a change of a layout takes the next one and still reads these."""
_REMEMBERED_CHARS = 128
"""A user id may be as long as its call: remembering long ones would fill the function's memory."""
_REMEMBERED_USERS: Final = 200_000


class Users(NamedTuple):
    """Distinct users: their sorted hashes, or a serialized sketch of them."""

    packed: bytes = b""
    exact: bool = True


NOBODY: Final = Users()


def user_hash(user: str) -> bytes:
    """8 uniform bytes that stand for a user id; the id itself is not stored."""
    return remembered_hashes[user]


class _Hashes(dict[str, bytes]):
    """The hashes of the users seen last; a plain look-up, as each call makes one."""

    def __missing__(self, user: str) -> bytes:
        made = blake2b(user.encode(), digest_size=USER_HASH_BYTES).digest()
        if len(user) <= _REMEMBERED_CHARS:
            if len(self) >= _REMEMBERED_USERS:
                self.clear()
            self[user] = made
        return made


remembered_hashes: Final = _Hashes()


def pack(hashes: Iterable[bytes]) -> bytes:
    """The hashes as stored while they are few: sorted, distinct, one after the other."""
    return b"".join(sorted(set(hashes)))


def unpack(packed: bytes) -> list[bytes]:
    """The hashes of a packed sequence."""
    return [packed[i : i + USER_HASH_BYTES] for i in range(0, len(packed), USER_HASH_BYTES)]


def union(known: Users, hashes: Iterable[bytes]) -> Users:
    """The users with more of them. Idempotent; neither order nor repetition changes a bit."""
    if not known.exact:
        return together([known], hashes)
    distinct = {*unpack(known.packed), *hashes}
    if len(distinct) <= EXACT_USERS:
        return Users(b"".join(sorted(distinct)))
    return together([], distinct)


def together(parts: Iterable[Users], hashes: Iterable[bytes] = ()) -> Users:
    """The sketch of all of them, however few they are."""
    library = _library()
    merged, single = library.cpc_union(SKETCH_LG_K), library.cpc_sketch(SKETCH_LG_K)
    for part in parts:
        if part.exact:
            _update(single, unpack(part.packed))
        else:
            merged.update(library.cpc_sketch.deserialize(part.packed))
    _update(single, hashes)
    merged.update(single)
    return Users(merged.get_result().serialize(), exact=False)


def joined(first: Users, second: Users) -> Users:
    """The users of both: exact as long as they are few."""
    if second.exact:
        return union(first, unpack(second.packed))
    if first.exact:
        return union(second, unpack(first.packed))
    return together([first, second])


def count(users: Users) -> int:
    """How many: exact or, of a sketch, the estimate."""
    if users.exact:
        return len(users.packed) // USER_HASH_BYTES
    estimate: float = _library().cpc_sketch.deserialize(users.packed).get_estimate()
    return max(EXACT_USERS + 1, round(estimate))


def encode(users: Users) -> bytes:
    """The users as stored."""
    return (EXACT_FORMAT if users.exact else SKETCH_FORMAT) + users.packed


def decode(blob: bytes) -> Users:
    """The stored users.

    Raises:
        ValueError: a format that this version does not know.
    """
    if blob[:1] not in {EXACT_FORMAT, SKETCH_FORMAT}:
        raise ValueError(f"users of unknown format {blob[:1].hex()}: deploy the version that wrote them")
    return Users(blob[1:], exact=blob[:1] == EXACT_FORMAT)


def _update(sketch: Any, hashes: Iterable[bytes]) -> None:
    for one in hashes:
        sketch.update(int.from_bytes(one, "big", signed=True))


def _library() -> Any:
    """Loaded when the first account has that many users: it brings NumPy, which takes a third of a second."""
    import datasketches

    return datasketches
