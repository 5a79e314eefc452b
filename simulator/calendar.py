"""Weeks, holidays, months and office hours."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

EPOCH: Final = date(1970, 1, 1)
WEEKEND: Final = 0.12
HOLIDAY: Final = 0.15
WEEK: Final = np.array([0.96, 1.06, 1.08, 1.04, 0.86, WEEKEND, WEEKEND])
"""Activity of people by weekday, Monday first."""
MACHINE_WEEKEND: Final = 0.55
"""Programs rest less than people."""
HOLIDAYS: Final = frozenset({(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)})
"""(month, day) kept in every zone."""
MICROSECONDS: Final = 1_000_000


def index_of(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_at(index: int) -> date:
    return EPOCH + timedelta(days=index)


@lru_cache(maxsize=64)
def people_factors(first: int, days: int) -> np.ndarray:
    """How much people do on each day, 1.0 on an ordinary working day."""
    found = WEEK[_weekdays(first, days)]
    factors: np.ndarray = np.where(_holidays(first, days), np.minimum(found, HOLIDAY), found)
    return factors


@lru_cache(maxsize=64)
def machine_factors(first: int, days: int) -> np.ndarray:
    """How much programs do on each day."""
    quiet = (_weekdays(first, days) >= 5) | _holidays(first, days)
    return np.where(quiet, MACHINE_WEEKEND, 1.0)


def _weekdays(first: int, days: int) -> np.ndarray:
    found: np.ndarray = (np.arange(first, first + days) + 3) % 7  # 1970-01-01 was a Thursday
    return found


def _holidays(first: int, days: int) -> np.ndarray:
    dates = [day_at(index) for index in range(first, first + days)]
    return np.array([(day.month, day.day) in HOLIDAYS for day in dates], dtype=bool)


@lru_cache(maxsize=64)
def local_midnights_us(zone: str, first: int, days: int) -> np.ndarray:
    """UTC instants (microseconds since 1970) at which each day begins in a zone."""
    place = ZoneInfo(zone)
    starts = [datetime.combine(day_at(i), time(), place).astimezone(UTC) for i in range(first, first + days)]
    return np.array([int(start.timestamp()) * MICROSECONDS for start in starts], dtype=np.int64)


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or its last day."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
