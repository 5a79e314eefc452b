"""The ledger of all episodes by time, page by page over UTC days."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Final, NamedTuple

from stemtide.dunning.ledger import Entry
from stemtide.store.episode_rows import EpisodeRows, ledger_key

LOOKED: Final = 1000
"""Entries that one page looks at, whoever may see them."""
DAYS: Final = 100
"""Days that one page looks at, each a query."""
_PLACE: Final = re.compile(r"(\d{4}-\d{2}-\d{2}) (\1T[\d:.]{12}Z#[0-9a-f]{24}#\d{6,})?", re.ASCII)


class LedgerRow(NamedTuple):
    """An entry, and whose it is."""

    account: str
    episode: str
    entry: Entry


class Place(NamedTuple):
    """Where a page ended: after which entry of which day; without an entry before the day's first."""

    day: str
    key: str = ""

    def cursor(self) -> str:
        """The place as text that goes out and comes back."""
        return urlsafe_b64encode(f"{self.day} {self.key}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """The place in a text from outside.

    Raises:
        ValueError: it is none.
    """
    found = _PLACE.fullmatch(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    if found is None:
        raise ValueError("not a place in the ledger")
    date.fromisoformat(found[1])
    return Place(found[1], found[2] or "")


def read_page(
    episodes: EpisodeRows[Any],
    first: date,
    last: date,
    *,
    limit: int,
    after: Place | None,
    wanted: Callable[[str], bool],
) -> tuple[list[LedgerRow], Place | None]:
    """Up to `limit` entries, oldest first, and where to go on (None: that was all).

    Args:
        wanted: whether the entries of an account are.

    Raises:
        UnavailableError: no answer.
    """
    found: list[LedgerRow] = []
    place, looked = after, 0
    begin = first if after is None else max(first, date.fromisoformat(after.day))
    for number, day in enumerate(_days(begin, last)):
        if number == DAYS:
            return found, Place(day)
        key = after.key if after is not None and after.day == day else ""
        for row in _of_day(episodes, day, key):
            if len(found) == limit or looked == LOOKED:
                return found, place
            place, looked = Place(day, ledger_key(row.episode, row.entry)), looked + 1
            if wanted(row.account):
                found.append(row)
    return found, None


def _days(first: date, last: date) -> Iterator[str]:
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal).isoformat()


def _of_day(episodes: EpisodeRows[Any], day: str, after: str) -> Iterator[LedgerRow]:
    return (LedgerRow(*row) for row in episodes.ledger_of(day, after=after))
