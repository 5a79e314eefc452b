"""How far the stream's consumers have come, and up to where a lane may be counted from the archive."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stemtide.balance import LaneBalance


class Hole(NamedTuple):
    """Records that the archive's consumer gave up and nobody has put back: lane, first and last sequence
    number, first and last arrival day (since the epoch)."""

    lane: str
    first: int
    last: int
    first_day: int
    last_day: int

    def concerns(self, days: set[int]) -> bool:
        """Whether some of the records arrived on one of these days."""
        return any(day in days for day in range(self.first_day, self.last_day + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Up to which sequence number per lane each consumer has come, given-up records included.

    A lane in which the archive cannot be trusted is not in `archive`.
    """

    aggregate: Mapping[str, int]
    archive: Mapping[str, int]
    holes: Sequence[Hole] = ()

    def final(self, holes: Iterable[Hole]) -> dict[str, int]:
        """Up to where each lane is final in the aggregates and, but for other holes, whole in the archive."""
        bound = {lane: min(mark, self.archive.get(lane, -1)) for lane, mark in self.aggregate.items()}
        for hole in holes:
            bound[hole.lane] = min(hole.first - 1, bound.get(hole.lane, -1))
        return bound


def progress_of(lanes: Iterable[LaneBalance], holes: Iterable[Hole]) -> Progress:
    """The progress that the lanes' balances say, with what the archive gave up.

    A lane in which the aggregates counted more than the archive is not to be trusted: the archive has given
    something up that is not registered yet.
    """
    found = list(lanes)
    return Progress(
        aggregate={lane.lane: lane.aggregate_mark for lane in found},
        archive={lane.lane: lane.archive_mark for lane in found if (lane.unbalanced or 0) >= 0},
        holes=list(holes),
    )
