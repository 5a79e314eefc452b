"""The labels of all accounts by the day on which they became known, page by page over UTC months."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

from stemtide.plays.labels import Label
from stemtide.store.plays import PlayTable

LOOKED: Final = 1000
"""Labels that one page looks at, whoever may see them."""
_PLACE: Final = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]{12}Z#[0-9a-f]{24}", re.ASCII)


def cursor_of(place: str) -> str:
    """A label's place as text that goes out and comes back."""
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str) -> str:
    """The place in a text from outside.

    Raises:
        ValueError: it is none.
    """
    place = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    if _PLACE.fullmatch(place) is None:
        raise ValueError("not the place of a label")
    date.fromisoformat(place[:10])
    return place


def labels_between(
    plays: PlayTable, first: date, last: date, *, after: str = ""
) -> Iterator[tuple[str, Label]]:
    """The labels that became known from `first` to `last` (UTC, both included), in that order, each with its
    place.

    Args:
        after: only what follows this place.

    Raises:
        UnavailableError: no answer.
    """
    begin, end = max(after, first.isoformat()), f"{last.isoformat()}U"  # U follows the T of an instant
    for month in _months(date.fromisoformat(begin[:10]), last):
        for place, label in plays.labels_of(month, after=begin):
            if place > end:
                return
            yield place, label


def read_page(
    plays: PlayTable,
    first: date,
    last: date,
    *,
    limit: int,
    after: str,
    wanted: Callable[[str], bool],
) -> tuple[list[Label], str | None]:
    """Up to `limit` labels, oldest first, and the place to go on from (None: that was all).

    Args:
        after: the place that the page before ended at; empty: the first page.
        wanted: whether the labels of an account are.

    Raises:
        UnavailableError: no answer.
    """
    found: list[Label] = []
    place = after
    for looked, (at, label) in enumerate(labels_between(plays, first, last, after=after)):
        if len(found) == limit or looked == LOOKED:
            return found, place
        place = at
        if wanted(label.account):
            found.append(label)
    return found, None


def _months(first: date, last: date) -> Iterator[str]:
    for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield f"{month // 12:04}-{month % 12 + 1:02}"
