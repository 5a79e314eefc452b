"""When a card is tried: in the customer's day, and on a payday where money was lacking."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from stemtide.config_dunning import Policy
from stemtide.dunning.declines import DAY_MS, LACKS_FUNDS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def try_at(planned_ms: int, *, zone: ZoneInfo, policy: Policy, code: str | None) -> int:
    """When a planned try is made (epoch ms): never earlier, from the policy's hour of that day on, and put
    off to a payday that is near if money was lacking.

    An hour that a change of clocks skips is the one after it; one that comes twice is its first.
    """
    local = (_EPOCH + planned_ms * _MS).astimezone(zone)
    day = local.date() if local.time() <= time(policy.retry_hour) else local.date() + timedelta(days=1)
    if code == LACKS_FUNDS:
        day = _payday_from(day, policy)
    moment = datetime.combine(day, time(policy.retry_hour), tzinfo=zone)
    return max(planned_ms, (moment.astimezone(UTC) - _EPOCH) // _MS)


def planned(failed_ms: int, number: int, policy: Policy) -> int | None:
    """When the policy plans a retry (1: the first), None before the first and after the last."""
    if not 1 <= number <= len(policy.retry_days):
        return None
    return failed_ms + round(sorted(policy.retry_days)[number - 1] * DAY_MS)


def _payday_from(day: date, policy: Policy) -> date:
    """The first payday from a day on, if it is near; else the day itself."""
    for ahead in range(policy.payday_within_days + 1):
        found = day + timedelta(days=ahead)
        last = monthrange(found.year, found.month)[1]
        if any(found.day == min(payday, last) for payday in policy.paydays):
            return found
    return day
