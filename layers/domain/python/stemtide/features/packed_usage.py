"""`UsageAt` as bytes: one to two KB that a score is made from."""

import zlib
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from stemtide.features.usage_at import DAYS, LONG, UsageAt

FORMAT: Final = b"\x01"
"""First byte; a change of the layout takes the next one, and what has another is made anew."""
LEVEL: Final = 6
KINDS: Final = ("u1", "<u2", "<u4", "<u8")
"""The narrowest that holds all numbers of a counter."""

Matrix = npt.NDArray[np.int64]


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    day: int
    known: int
    first_day: int | None
    last_active_day: int | None
    distinct: bytes
    kinds: bytes
    block: bytes
    long: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def pack_usage(usage: UsageAt) -> bytes:
    """The usage as stored; the account's name is the key that it is stored under."""
    kinds, block = pack_rows(usage.block)
    packed = _Packed(
        usage.day,
        usage.known,
        usage.first_day,
        usage.last_active_day,
        np.array(usage.distinct, dtype="<f8").tobytes(),
        kinds,
        block,
        usage.long.astype("<i8").tobytes(),
    )
    return FORMAT + zlib.compress(_encode(packed), LEVEL)


def unpack_usage(account: str, data: bytes) -> UsageAt | None:
    """The stored usage; None: another version's."""
    if data[:1] != FORMAT:
        return None
    packed = _decode(zlib.decompress(data[1:]))
    return UsageAt(
        account=account,
        day=packed.day,
        block=unpack_rows(packed.kinds, packed.block, DAYS),
        long=np.frombuffer(packed.long, dtype="<i8").reshape(-1, len(LONG)),
        known=packed.known,
        distinct=tuple(np.frombuffer(packed.distinct, dtype="<f8").tolist()),
        first_day=packed.first_day,
        last_active_day=packed.last_active_day,
    )


def pack_rows(matrix: Matrix) -> tuple[bytes, bytes]:
    """Rows of whole numbers, none negative: the kind of each, and all of them one after the other."""
    largest = matrix.max(axis=1, initial=0).tolist()
    kinds = [sum(one >= 1 << bits for bits in (8, 16, 32)) for one in largest]
    rows = [row.astype(KINDS[kind]).tobytes() for kind, row in zip(kinds, matrix, strict=True)]
    return bytes(kinds), b"".join(rows)


def unpack_rows(kinds: bytes, data: bytes, width: int) -> Matrix:
    """What `pack_rows` packed, of `width` columns."""
    matrix = np.empty((len(kinds), width), dtype=np.int64)
    at = 0
    for place, kind in enumerate(kinds):
        matrix[place] = np.frombuffer(data, KINDS[kind], width, at)
        at += width << kind
    return matrix
