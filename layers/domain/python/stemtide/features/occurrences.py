"""Things that occur on days, and how many distinct ones a window of days holds.

Distinct things over several days cannot be added up, so for each occurrence the previous one of the same
thing is looked up: a window holds as many distinct things as it has occurrences whose previous one lies
before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stemtide import users
from stemtide.users import Users

Ints: TypeAlias = npt.NDArray[np.int64]

NEVER: Final = -(1 << 40)
"""Earlier than any day."""


class Occurrences:
    """Things that occurred on days, each at most once a day."""

    def __init__(self, days: Ints, things: npt.NDArray[np.uint64]) -> None:
        """`days` ascending; things are told apart by a number."""
        order = np.lexsort((days, things))
        same = things[order[1:]] == things[order[:-1]]
        self._days, self._things = days, things
        self._previous = np.full(len(days), NEVER, dtype=np.int64)
        self._previous[order[1:][same]] = days[order[:-1][same]]
        self._by_length: dict[int, Ints] = {}

    def distinct(self, length: int, last: int) -> int:
        """How many distinct things occurred in the `length` days up to `last`."""
        if len(self._days) == 0:
            return 0
        counts = self._by_length.get(length)
        if counts is None:
            counts = self._by_length[length] = self._counts(length)
        at = last - int(self._days[0])
        return int(counts[at]) if 0 <= at < len(counts) else 0

    def most_frequent(self, length: int, last: int) -> tuple[int, int] | None:
        """Of the thing with the most days among the `length` up to `last`: how many, and the latest.

        Of several such things the one that was there last; None without any.
        """
        first, end = self._days.searchsorted((last - length + 1, last + 1)).tolist()
        if first == end:
            return None
        _, thing, number = np.unique(self._things[first:end], return_inverse=True, return_counts=True)
        latest = np.zeros(len(number), dtype=np.int64)
        np.maximum.at(latest, thing, self._days[first:end])
        best = np.lexsort((latest, number))[-1]
        return int(number[best]), int(latest[best])

    def _counts(self, length: int) -> Ints:
        """The distinct things of every window, by its last day from the first day on.

        An occurrence is the first of its thing in the windows that end on its day or later, reach back to it
        and not to the previous one.
        """
        first = self._days[0]
        ends = np.maximum(self._days, self._previous + length)
        after = self._days + length
        size = int(self._days[-1] - first) + length + 1
        opened = np.bincount(ends - first, minlength=size)
        return np.cumsum(opened - np.bincount(after - first, minlength=size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Who was there: each occurrence, and every day's users if a day has more than are kept exactly
    (`crowded`)."""

    occurrences: Occurrences
    crowded: Mapping[int, Users] = field(default_factory=dict)

    def distinct(self, length: int, last: int) -> int:
        """Distinct users of the `length` days up to `last`: exact unless a day has too many to be kept."""
        if self.crowded:
            present = self._within(length, last)
            if not all(one.exact for one in present):
                return users.count(users.together(present))
        return self.occurrences.distinct(length, last)

    def most_frequent(self, length: int, last: int) -> tuple[int, int] | None:
        """As `Occurrences.most_frequent`; None, too, where not every user is known."""
        if all(one.exact for one in self._within(length, last)):
            return self.occurrences.most_frequent(length, last)
        return None

    def _within(self, length: int, last: int) -> list[Users]:
        return [one for day, one in self.crowded.items() if last - length < day <= last]
