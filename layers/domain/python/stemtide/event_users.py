"""Distinct users of each event type, from the archived calls of any number of days.

The usage table keeps users by account and day, not by event type. A set does not care how often a call came,
so neither repetitions nor the order of the archive matter.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from stemtide import users
from stemtide.recount import ArchivedCall
from stemtide.users import NOBODY, Users

EXACT_USERS: Final = 10_000
"""Up to this many distinct users of an event type the count is exact; beyond it is the sketch's estimate
(`users.STANDARD_ERROR`). The hashes of 350 types with that many are some 100 MB."""


class UserCount(NamedTuple):
    """Distinct users; not `exact`: an estimate."""

    users: int
    exact: bool


class EventUsers:
    """Collects users by event type, of calls that happened from day `first` to `last` (days since
    1970-01-01, None: open). Memory is bounded by the number of event types."""

    def __init__(
        self, *, first: int | None = None, last: int | None = None, exact_users: int = EXACT_USERS
    ) -> None:
        self._first = first
        self._last = last
        self._bound = exact_users
        self._few: dict[str, set[bytes]] = {}
        self._many: dict[str, Users] = {}

    def add(self, calls: Iterable[ArchivedCall]) -> None:
        """Take the users of accepted calls; calls without a user are known, but nobody's."""
        first, last = self._first, self._last
        for call in calls:
            if (first is not None and call.day < first) or (last is not None and call.day > last):
                continue
            found = self._few.get(call.name)
            if found is None:
                found = self._few[call.name] = set()
            if call.user is not None:
                found.add(call.user)
                if len(found) > self._bound:
                    self._spill(call.name)

    def names(self) -> set[str]:
        """The event types of which there was any call."""
        return set(self._few)

    def count(self, name: str) -> UserCount | None:
        """How many users an event type has; None without a call."""
        few = self._few.get(name)
        if few is None:
            return None
        many = self._many.get(name)
        if many is None:
            return UserCount(len(few), exact=True)
        return UserCount(users.count(users.together([many], few)), exact=False)

    def _spill(self, name: str) -> None:
        few = self._few[name]
        self._many[name] = users.together([self._many.get(name, NOBODY)], few)
        few.clear()
