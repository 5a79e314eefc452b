"""Traits that a producer repeats, as Segment's libraries do at every login: one row a day says it as well.

Purely a saving. What is remembered of a lane holds only while no other process has worked in it, which its
ledger's mark tells: it must be where this process left it.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from stemtide.facts import TRAITS_KIND, Fact

KEPT_EVERY_MS: Final = timedelta(days=1) // timedelta(milliseconds=1)
"""The same traits are kept again after so long: a call that came late may have overtaken the repeats."""
MAX_ACCOUNTS: Final = 100_000
"""Remembered per lane, some 20 MB; beyond, everything is forgotten and some repeats are kept."""

Said = tuple[int, str, Fact]
"""Sequence number, account, fact."""


class _Last(NamedTuple):
    at_ms: int
    known_ms: int
    content: bytes


class Repeats:
    """The traits that this process kept last, by lane and account."""

    def __init__(self) -> None:
        self._marks: dict[str, int] = {}
        self._lanes: dict[str, dict[str, _Last]] = {}

    def without(self, said: Iterable[Said], *, lane: str, mark: int) -> list[Said]:
        """What is no repeat, in the order of the lane. Call `leave` when it has been kept.

        Args:
            mark: the lane's ledger's, as just read.
        """
        if self._marks.pop(lane, None) != mark:  # or an invocation broke off before it left
            self._lanes.pop(lane, None)
        known = self._lanes.setdefault(lane, {})
        return [entry for entry in said if _is_news(entry[1], entry[2], known)]

    def leave(self, lane: str, mark: int | None) -> None:
        """Note where the lane's ledger is left; None: not everything was kept, so nothing is remembered."""
        if mark is None or len(self._lanes.get(lane, ())) > MAX_ACCOUNTS:
            self._lanes.pop(lane, None)
            self._marks.pop(lane, None)
        else:
            self._marks[lane] = mark


def _is_news(account: str, fact: Fact, known: dict[str, _Last]) -> bool:
    if fact.kind != TRAITS_KIND:
        return True
    content = msgspec.msgpack.encode((fact.data, fact.dropped))
    last = known.get(account)
    if last is not None and fact.at_ms < last.at_ms:
        return True  # it came late: what was said last stays what was said last
    if last is not None and content == last.content and fact.at_ms - last.at_ms < KEPT_EVERY_MS:
        return fact.known_ms < last.known_ms  # put back or forwarded, it was known before what overtook it
    known[account] = _Last(fact.at_ms, fact.known_ms, content)
    return True
