"""The instant a decision is made for: whatever was known then, and nothing later.

A snapshot of a day is its end: day t is past. Features look at *closed* days only, so an account has one
vector per day, however often it is scored on that day.
"""

import re
from datetime import UTC, date, datetime
from typing import Final

from stemtide.calls import DAY_MS, iso_of, timestamp_ms

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def parse_as_of(text: str) -> int:
    """Epoch milliseconds of a UTC date (`2022-06-30`: the last millisecond of that day) or an ISO instant.

    Raises:
        ValueError: neither.
    """
    if _DATE.fullmatch(text):
        return end_of_day_ms(day_index(date.fromisoformat(text)))
    if ":" not in text:
        raise ValueError(f"{text!r}: a day in another spelling would be read as its beginning")
    return timestamp_ms(text)


def end_of_day_ms(day: int) -> int:
    """The last millisecond of a UTC day (days since 1970-01-01)."""
    return (day + 1) * DAY_MS - 1


def last_closed_day(as_of_ms: int) -> int:
    """The latest UTC day (days since 1970-01-01) that is over; at its last millisecond it is."""
    return (as_of_ms + 1) // DAY_MS - 1


def day_index(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def as_of_text(as_of_ms: int) -> str:
    """The instant as records show it and keys sort by it, e.g. `2022-06-30T23:59:59.999Z`."""
    return iso_of(as_of_ms)


def instant_ms(instant: datetime) -> int:
    """Epoch milliseconds of an instant with a zone."""
    return int(instant.astimezone(UTC).timestamp() * 1000)
