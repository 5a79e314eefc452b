"""Two ways to count an account-day from its calls: as they come, and once everything is known."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.pool import COMMENTS, DAY_MS, Item
from tests.simulation.truth import Copy


@dataclass(slots=True)
class Day:
    """An account-day as counted."""

    calls: int = 0
    duplicates: int = 0
    by_event: dict[str, int] = field(default_factory=dict)
    users: set[bytes] = field(default_factory=set)
    commenters: set[bytes] = field(default_factory=set)
    first_ms: int = 1 << 60
    last_ms: int = -1

    def add(self, item: Item, at_ms: int, max_types: int) -> None:
        """Count one call."""
        self.calls += 1
        name, by_event = item.name, self.by_event
        if name not in by_event and len(by_event) >= max_types:
            name = "other"
        by_event[name] = by_event.get(name, 0) + item.weight
        if item.user is not None:
            self.users.add(item.user)
            if item.name in COMMENTS:
                self.commenters.add(item.user)
        self.first_ms = min(self.first_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)

    def shown(self) -> dict[str, Any]:
        """For messages."""
        return {"calls": self.calls, "duplicates": self.duplicates, "by_event": self.by_event} | {
            "users": len(self.users),
            "commenters": len(self.commenters),
            "first": self.first_ms,
            "last": self.last_ms,
        }


def in_order(copies: list[Copy], *, window: int, max_types: int) -> Day:
    """The day when each call is known as long as it is among the last `window` that were counted."""
    day, known = Day(), deque[str](maxlen=window)
    for copy in copies:
        if copy.covered or copy.item.id in known:
            day.duplicates += 1
        else:
            known.append(copy.item.id)
            day.add(copy.item, copy.at_ms, max_types)
    return day


def once(days: dict[tuple[str, int], list[Copy]], *, max_types: int) -> dict[tuple[str, int], Day]:
    """All days when a call counts unless one with its id came before: for its day, or within 24 hours."""
    counted = {key: Day() for key in days}
    came: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for copy in sorted((copy for copies in days.values() for copy in copies), key=_arrival):
        day = copy.at_ms // DAY_MS
        before = came.setdefault((copy.item.account, copy.item.id), [])
        if copy.covered or any(day == other or copy.arrival_ms - at <= DAY_MS for other, at in before):
            counted[copy.item.account, day].duplicates += 1
        else:
            counted[copy.item.account, day].add(copy.item, copy.at_ms, max_types)
        before.append((day, copy.arrival_ms))
    return counted


def _arrival(copy: Copy) -> tuple[int, str, int, int]:
    return copy.arrival_ms, copy.shard.lane, copy.sequence, copy.place
