"""Distinct users: exact while few, then a mergeable sketch of the smallest hashes.

K minimum values (Bar-Yossef et al., RANDOM 2002): of uniform 64-bit hashes keep the k smallest; with
the k-th at h the number of distinct values is about (k - 1) / (h / 2^64), standard error 1 / sqrt(k - 2).
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from stemtide.limits import USER_HASH_BYTES

EXACT_USERS: Final = 1024
"""Up to this many distinct users of an account-day the count is exact; beyond, +-3.1 % (one sigma)."""
FORMAT: Final = b"\x01"
"""First byte of a stored sketch; a change of the layout takes the next one and still reads this."""
_REMEMBERED_CHARS = 128
"""A user id may be as long as its call: remembering long ones would fill the function's memory."""
KEPT: Final = EXACT_USERS + 1
"""Hashes kept of a sketch that is an estimate; one with fewer is exact."""
_HASH_SPACE = 1 << (8 * USER_HASH_BYTES)


def user_hash(user: str) -> bytes:
    """8 uniform bytes that stand for a user id; the id itself is not stored."""
    return _remembered_hash(user) if len(user) <= _REMEMBERED_CHARS else _hash(user)


def _hash(user: str) -> bytes:
    return blake2b(user.encode(), digest_size=USER_HASH_BYTES).digest()


_remembered_hash = lru_cache(maxsize=100_000)(_hash)


def unpack(packed: bytes) -> list[bytes]:
    """The hashes of a packed sequence."""
    return [packed[i : i + USER_HASH_BYTES] for i in range(0, len(packed), USER_HASH_BYTES)]


def union(sketch: bytes, hashes: Iterable[bytes]) -> bytes:
    """The sketch of both: sorted, distinct, the smallest kept. Idempotent, commutative, associative."""
    return b"".join(sorted({*unpack(sketch), *hashes})[:KEPT])


def count(sketch: bytes) -> int:
    """Distinct users of a sketch: exact up to `EXACT_USERS`, else the estimate."""
    kept = len(sketch) // USER_HASH_BYTES
    if kept < KEPT:
        return kept
    largest = int.from_bytes(sketch[-USER_HASH_BYTES:], "big")
    return max(KEPT, round((KEPT - 1) * _HASH_SPACE / (largest + 1)))


def encode(sketch: bytes) -> bytes:
    """The sketch as stored."""
    return FORMAT + sketch


def decode(blob: bytes) -> bytes:
    """The stored sketch.

    Raises:
        ValueError: a format that this version does not know.
    """
    if blob[:1] != FORMAT:
        raise ValueError(f"users of unknown format {blob[:1].hex()}: deploy the version that wrote them")
    return blob[1:]
