"""When a mail may arrive: outside the quiet hours of the customer's own time zone, on both sides of a change
of its offset.

An hour is quiet when the clock on the customer's wall says so. Where the clock goes back, an end that falls
into the repeated hour is reached twice, and between the two it is quiet again; an end that is skipped is
reached the moment the clock jumps over it.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from stemtide.config_mail import QuietHours
from stemtide.mail.message import MailClass

SATURDAY: Final = 5
LOOK_AHEAD_DAYS: Final = 9
"""A weekend, a day that a zone skips, and the days around them."""
STEP: Final = timedelta(hours=6)
"""No zone has changed its offset twice within so short a time."""


class Zone(NamedTuple):
    """The zone to go by, and whether it is the customer's own."""

    zone: ZoneInfo
    own: bool


def zone_of(names: tuple[str | None, ...], *, company: str) -> Zone:
    """The first of the names that is an IANA zone, else the company's."""
    for name in names:
        found = _zone(name) if name else None
        if found is not None:
            return Zone(found, own=True)
    return Zone(_zone(company) or ZoneInfo("UTC"), own=False)


def next_allowed(at_ms: int, zone: ZoneInfo, hours: QuietHours, mail_class: MailClass) -> int:
    """The first instant (epoch ms) from `at_ms` on at which a mail of the class may be sent: `at_ms` itself
    where nothing is quiet."""
    if mail_class is MailClass.TRANSACTIONAL and not hours.transactional:
        return at_ms
    weekdays = hours.weekdays_only and mail_class is MailClass.LIFECYCLE
    if not _is_quiet(at_ms, zone, hours, weekdays=weekdays):
        return at_ms
    ends = (found for found in _changes(at_ms, zone, hours) if found > at_ms)
    return next(found for found in ends if not _is_quiet(found, zone, hours, weekdays=weekdays))


def _is_quiet(at_ms: int, zone: ZoneInfo, hours: QuietHours, *, weekdays: bool) -> bool:
    local = _instant(at_ms).astimezone(zone)
    if weekdays and local.weekday() >= SATURDAY:
        return True
    minute, start, end = local.hour * 60 + local.minute, hours.start_minute, hours.end_minute
    return start <= minute < end if start <= end else minute >= start or minute < end


def _changes(at_ms: int, zone: ZoneInfo, hours: QuietHours) -> Iterator[int]:
    """Every instant at which an hour may stop being quiet: midnights, ends, changes of the offset; sorted."""
    first = _instant(at_ms).astimezone(zone).date() - timedelta(days=1)
    end = time(hours.end_minute // 60, hours.end_minute % 60)
    for day in range(LOOK_AHEAD_DAYS):
        yield from sorted(_of_day(first + timedelta(days=day), zone, end))


def _of_day(day: date, zone: ZoneInfo, end: time) -> set[int]:
    walls = {
        _ms(datetime.combine(day, at, zone).replace(fold=fold)) for at in (time(), end) for fold in (0, 1)
    }
    begin = datetime.combine(day, time(), zone).astimezone(UTC)
    steps = [begin + n * STEP for n in range(5)]
    jumps = {
        _jump(one, other, zone)
        for one, other in pairwise(steps)
        if one.astimezone(zone).utcoffset() != other.astimezone(zone).utcoffset()
    }
    return walls | jumps


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> int:
    """The instant, to the second, at which the offset changes between two others."""
    low, high, old = _ms(before) // 1000, _ms(after) // 1000, before.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        same = _instant(middle * 1000).astimezone(zone).utcoffset() == old
        low, high = (middle, high) if same else (low, middle)
    return high * 1000


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC) + timedelta(milliseconds=at_ms % 1000)


def _ms(instant: datetime) -> int:
    return round(instant.astimezone(UTC).timestamp() * 1000)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None
