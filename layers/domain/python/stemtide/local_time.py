"""Hours of a place's day as instants."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def local(at_ms: int, zone: ZoneInfo) -> datetime:
    """An instant (epoch ms) as a place's clock shows it."""
    return (_EPOCH + at_ms * _MS).astimezone(zone)


def at_hour(day: date, hour: int, zone: ZoneInfo) -> int:
    """The instant (epoch ms) of an hour of a day.

    An hour that a change of clocks skips is the one after it; one that comes twice is its first.
    """
    return (datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC) - _EPOCH) // _MS


def no_sooner_than(hour: int, planned_ms: int, zone: ZoneInfo) -> int:
    """A planned instant, put off to an hour of its day if that is still to come."""
    return max(planned_ms, at_hour(local(planned_ms, zone).date(), hour, zone))
