"""States move forward only: what was read may take the place of what is stored, or must be read anew."""

from enum import Enum, auto

import msgspec

from stemtide.billing.objects import Known


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A read of the provider: when it was begun and when the answer was there (real time, epoch ms)."""

    begun_ms: int
    ended_ms: int


class Move(Enum):
    """What becomes of an object that was read."""

    WRITE = auto()
    READ_AGAIN = auto()
    KEEP = auto()


def move(stored: Known, stored_ended_ms: int, fresh: Known, read: Read) -> Move:
    """Whether a fresh object takes the place of the stored one.

    An answer shows the object at some instant between the beginning and the end of its read. So only a read
    that was begun after the stored one had ended is surely the later one:

        reader A (slow)                   reader B
        begins at 10, is answered at 19
                                          begins at 12, is answered at 13 (an older state)
        writes, ended at 19
                                          12 < 19: reads again

    What is over stays over, whatever is read.

    Args:
        stored_ended_ms: when the read had ended that the stored object is from.
    """
    if read.begun_ms < stored_ended_ms:
        return Move.READ_AGAIN
    return Move.KEEP if stored.over and not _same_end(stored, fresh) else Move.WRITE


def _same_end(stored: Known, fresh: Known) -> bool:
    """Whether both are over in the same way; refunds and disputes of a paid invoice may follow."""
    return fresh.over and getattr(stored, "status", None) == getattr(fresh, "status", None)
