"""Billing periods by the calendar: the n-th of an anchor, so that 31 January comes back on 31 March."""

import calendar
from datetime import UTC, datetime

DAY_S = 86_400


def after(anchor: int, interval: str, count: int) -> int:
    """The instant (epoch s) `count` intervals after the anchor; a day that a month lacks is its last one."""
    if interval == "day":
        return anchor + count * DAY_S
    if interval == "week":
        return anchor + 7 * count * DAY_S
    months = count * (12 if interval == "year" else 1)
    start = datetime.fromtimestamp(anchor, UTC)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def period_of(anchor: int, interval: str, every: int, at: int) -> tuple[int, int]:
    """The period (start, end) of an anchor that an instant lies in."""
    longest = {"day": 1, "week": 7, "month": 31, "year": 366}[interval] * every * DAY_S
    periods = max((at - anchor) // longest, 0)
    while after(anchor, interval, (periods + 1) * every) <= at:
        periods += 1
    return after(anchor, interval, periods * every), after(anchor, interval, (periods + 1) * every)
