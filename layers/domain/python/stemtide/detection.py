"""When an account's use has fallen: configured rules over two whole weeks of closed days.

Only days that are over are compared, so the answer for an instant is the same whenever it is asked, but
for events that arrive late.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from stemtide.as_of import last_closed_day
from stemtide.config_schema import DetectionRule, Events, Measure, Signal
from stemtide.drops import Drop

WEEK_DAYS: Final = 7
WINDOW_DAYS: Final = 2 * WEEK_DAYS
SILENT_WITHIN_DAYS: Final = 28
"""An account that was last active longer ago than that has been gone for a while: silence is no news."""
_SIGNALS: Final = {
    Measure.API_CALLS: Signal.API_CALL,
    Measure.CORE_ACTIONS: Signal.CORE_ACTION,
    Measure.LOGINS: Signal.LOGIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUse:
    """What a rule may look at of one UTC day (days since 1970-01-01)."""

    day: int
    events: int
    by_event: Mapping[str, int]

    def total(self, measure: Measure, events: Events) -> int:
        """The day's sum of a measure."""
        if measure is Measure.EVENTS:
            return self.events
        wanted = _SIGNALS[measure]
        return sum(count for name, count in self.by_event.items() if wanted in events.classify(name))


def window(as_of_ms: int) -> tuple[int, int]:
    """The first and last day that the rules look at (both included): the last 14 closed days."""
    last = last_closed_day(as_of_ms)
    return last - WINDOW_DAYS + 1, last


def find_drops(
    account: str,
    days: Iterable[DayUse],
    *,
    as_of_ms: int,
    rules: Sequence[DetectionRule],
    events: Events,
) -> list[Drop]:
    """The rules that are met at an instant, in the order of the configuration.

    Args:
        days: with usage, at least those of `window(as_of_ms)`; others are left out.
        events: what the event names mean.
    """
    first, last = window(as_of_ms)
    inside = [day for day in days if first <= day.day <= last]
    before = [day for day in inside if day.day <= last - WEEK_DAYS]
    now = [day for day in inside if day.day > last - WEEK_DAYS]
    found = (_drop(account, rule, before, now, as_of_ms=as_of_ms, events=events) for rule in rules)
    return [drop for drop in found if drop is not None]


def _drop(
    account: str,
    rule: DetectionRule,
    before: Sequence[DayUse],
    now: Sequence[DayUse],
    *,
    as_of_ms: int,
    events: Events,
) -> Drop | None:
    totals = [day.total(rule.measure, events) for day in before]
    was, active_days = sum(totals), sum(1 for total in totals if total)
    if was < max(1, rule.min_before) or active_days < rule.min_active_days:
        return None
    present = sum(day.total(rule.measure, events) for day in now)
    if was - present <= Fraction(str(rule.drop)) * was:  # exactly the configured share is no drop
        return None
    figures = {
        "measure": rule.measure.value,
        "before": was,
        "now": present,
        "change": round(present / was - 1, 4),
    }
    return Drop(account=account, rule=rule.name, as_of_ms=as_of_ms, figures=figures)


def gone_silent(last_day: int, as_of_ms: int) -> bool:
    """Whether an account without usage on the last closed day is one to look at.

    Args:
        last_day: its latest day with usage, days since 1970-01-01.
    """
    return 0 < last_closed_day(as_of_ms) - last_day <= SILENT_WITHIN_DAYS
