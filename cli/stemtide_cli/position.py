"""How far a replay has come: what the stream has acknowledged, kept on disk after every request.

Rows are ordered by their key (instant in microseconds, row number); an interval is half-open.
"""

import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec

Key = tuple[int, int]
Interval = tuple[Key, Key]

START: Key = (-(2**62), 0)
END: Key = (2**62, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The chunk that is being sent: the first `requests` of its PutRecords requests are acknowledged."""

    interval: Interval
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What of one log one stream already holds.

    A chunk is cut into the same requests whenever it is read, so `Pending` names exactly which rows
    are acknowledged and which single request may or may not have arrived.
    """

    incarnation: int
    """The stream's creation in epoch milliseconds: a stream created anew holds nothing."""
    mapping: str
    """Digest of the mapping: other calls under the same message ids must not be mixed in."""
    packing: str
    """Digest of what decides how a chunk is cut into requests."""
    covered: tuple[Interval, ...] = ()
    pending: Pending | None = None
    sent: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def cover(self, interval: Interval, *, sent: int, skipped: dict[str, int]) -> "Position":
        """The position once a whole chunk has been acknowledged."""
        counted = self.skip(skipped)
        covered = merge((*self.covered, interval))
        return replace(counted, covered=covered, pending=None, sent=self.sent + sent)

    def skip(self, reasons: dict[str, int]) -> "Position":
        """The position with rows more that cannot be sent."""
        totals = {r: self.skipped.get(r, 0) + reasons.get(r, 0) for r in {**self.skipped, **reasons}}
        return replace(self, skipped=totals)

    def repacked(self, packing: str) -> "Position":
        """The position as this version of the program goes on from it (no chunk may be pending otherwise)."""
        return replace(self, packing=packing)

    def within(self, interval: Interval, requests: int) -> "Position":
        """The position once `requests` of the chunk's requests have been acknowledged."""
        return replace(self, pending=Pending(interval=interval, requests=requests))


def merge(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """The same set of keys as few, ascending, disjoint intervals."""
    merged: list[Interval] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        elif low < high:
            merged.append((low, high))
    return tuple(merged)


def gaps(wanted: Interval, covered: tuple[Interval, ...]) -> list[Interval]:
    """The parts of `wanted` that nothing in `covered` (merged) covers, ascending."""
    found: list[Interval] = []
    at, end = wanted
    for low, high in covered:
        if at < low and at < end:
            found.append((at, min(low, end)))
        at = max(at, high)
    if at < end:
        found.append((at, end))
    return found


def load(path: Path) -> Position | None:
    """The position that a file holds, None where there is none."""
    if not path.is_file():
        return None
    return msgspec.json.decode(path.read_bytes(), type=Position)


def save(path: Path, position: Position) -> None:
    """Replace the file as a whole: a reader, also after a crash, sees the old position or the new one."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(asdict(position)))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
