"""When an account's use has fallen: configured rules over whole weeks of closed days.

Only days that are over are compared, so the answer for an instant is the same whenever it is asked, but
for events that arrive late.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Protocol

from stemtide.as_of import end_of_day_ms, last_closed_day
from stemtide.calls import DAY_MS, is_told
from stemtide.config_detection import Against, DetectionRule, Measure
from stemtide.config_schema import Events, Signal
from stemtide.drops import Drop
from stemtide.usual import (
    MOST_WEEKS,
    SEASON_DAYS,
    SEASON_WEEKS,
    SHIFT_DAYS,
    WEEK_DAYS,
    Week,
    usual_week,
    week_of,
    years_season,
)

SILENT_WITHIN_DAYS: Final = 28
"""An account that was last active longer ago than that has been gone for a while: silence is no news."""
_WEEKS: Final = {Against.WEEK_BEFORE: 2, Against.USUAL: MOST_WEEKS + 1}
_SIGNALS: Final = {
    Measure.API_CALLS: Signal.API_CALL,
    Measure.CORE_ACTIONS: Signal.CORE_ACTION,
    Measure.LOGINS: Signal.LOGIN,
}


class Use(Protocol):
    """A UTC day with usage."""

    @property
    def day(self) -> int:
        """Days since 1970-01-01."""

    def total(self, measure: Measure, events: Events) -> int:
        """The day's sum of a measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUse:
    """What a rule may look at of one UTC day (days since 1970-01-01)."""

    day: int
    events: int
    by_event: Mapping[str, int]

    def total(self, measure: Measure, events: Events) -> int:
        """The day's sum of a measure."""
        if measure is Measure.EVENTS:
            return self.events - sum(count for name, count in self.by_event.items() if is_told(name))
        wanted = _SIGNALS[measure]
        return sum(count for name, count in self.by_event.items() if wanted in events.classify(name))


def window(as_of_ms: int, rules: Sequence[DetectionRule]) -> tuple[int, int]:
    """The first and last day that the rules look at (both included), the year before apart."""
    last = last_closed_day(as_of_ms)
    reach = max((_WEEKS[rule.against] * WEEK_DAYS + rule.sustained_days - 1 for rule in rules), default=0)
    return last - reach + 1, last


def season_window(as_of_ms: int, rules: Sequence[DetectionRule]) -> tuple[int, int]:
    """The first and last day of the same season a year ago."""
    then = last_closed_day(as_of_ms) - SEASON_DAYS
    sustained = max((rule.sustained_days for rule in rules), default=1)
    return then - (1 + SEASON_WEEKS) * WEEK_DAYS - sustained + 2, then + SHIFT_DAYS


def find_drops(
    account: str,
    days: Iterable[Use],
    *,
    as_of_ms: int,
    rules: Sequence[DetectionRule],
    events: Events,
) -> list[Drop]:
    """The rules that are met at an instant, in the order of the configuration.

    Args:
        days: with usage, at least those of `window(as_of_ms, rules)`; those of `season_window` as well, a
            fall that comes every year is none.
        events: what the event names mean.
    """
    last = last_closed_day(as_of_ms)
    known = [day for day in days if day.day <= last]
    looks = [_Look.of(rule, known, events) for rule in rules]
    return [drop for look in looks if (drop := look.drop(account, as_of_ms)) is not None]


@dataclass(frozen=True, slots=True)
class _Look:
    """A rule and what it looks at: its measure's sums by day, and the days on which the product was used."""

    rule: DetectionRule
    totals: Mapping[int, int]
    used: Sequence[int]

    @classmethod
    def of(cls, rule: DetectionRule, days: Iterable[Use], events: Events) -> "_Look":
        listed = list(days)
        totals = {day.day: total for day in listed if (total := day.total(rule.measure, events))}
        used = sorted(day.day for day in listed if day.total(Measure.EVENTS, events))
        return cls(rule, totals, used)

    def drop(self, account: str, as_of_ms: int) -> Drop | None:
        """The drop on the last closed day, if the rule is met there and as long before as it asks for."""
        last = last_closed_day(as_of_ms)
        fall = self._usual if self.rule.against is Against.USUAL else self._week
        figures = fall(last)
        if figures is None or not all(fall(last - ago) for ago in range(1, self.rule.sustained_days)):
            return None
        return Drop(account=account, rule=self.rule.name, as_of_ms=as_of_ms, figures=figures)

    def _week(self, end: int) -> dict[str, Any] | None:
        rule, before = self.rule, week_of(self.totals, end - WEEK_DAYS)
        if before.total < max(1, rule.min_before) or before.active_days < rule.min_active_days:
            return None
        week = week_of(self.totals, end)
        return _told(rule, week, before.total) if _has_fallen(rule, week, Fraction(before.total)) else None

    def _usual(self, end: int) -> dict[str, Any] | None:
        rule, usual = self.rule, usual_week(self.totals, end, known_from=self._known_from(end))
        if usual is None or usual.total < max(1, rule.min_before):
            return None
        if usual.active_days < rule.min_active_days:
            return None
        expected = usual.total * years_season(self.totals, end)
        week = week_of(self.totals, end)
        below = float(expected - week.total) / usual.variation
        if below <= rule.deviations or not _has_fallen(rule, week, expected):
            return None
        return _told(rule, week, round(float(expected), 2)) | {"deviations": round(below, 2)}

    def _known_from(self, end: int) -> int:
        """The first day of use in the weeks that are looked at: who comes back after a longer pause is judged
        by what it has done since, however much of its past is read, and whatever systems told meanwhile."""
        place = bisect_right(self.used, end - _WEEKS[Against.USUAL] * WEEK_DAYS)
        return self.used[place] if place < len(self.used) else end


def _has_fallen(rule: DetectionRule, week: Week, expected: Fraction) -> bool:
    """By more than the share: exactly the configured share is no drop."""
    return expected - week.total > Fraction(str(rule.drop)) * expected


def _told(rule: DetectionRule, week: Week, before: float) -> dict[str, Any]:
    change = round(week.total / before - 1, 4)
    return {"measure": rule.measure.value, "before": before, "now": week.total, "change": change}


def without_cooling(
    found: Iterable[Drop], before: Iterable[Drop], rules: Iterable[DetectionRule]
) -> list[Drop]:
    """The drops whose rule has found none of the account within its cooldown before them, in closed days.

    A drop that is on record under the same day of `as_of` may be found again: it is that one. Under another
    day it may not, as a day's end and the next morning judge the same closed days.
    """
    cooldown = {rule.name: rule.cooldown_days for rule in rules}
    earlier = list(before)

    def is_cooling(drop: Drop) -> bool:
        return any(_rests_after(one, drop, cooldown[drop.rule]) for one in earlier if one.rule == drop.rule)

    return [drop for drop in found if not is_cooling(drop)]


def _rests_after(one: Drop, drop: Drop, cooldown_days: int) -> bool:
    later = last_closed_day(drop.as_of_ms) - last_closed_day(one.as_of_ms)
    days = drop.as_of_ms // DAY_MS - one.as_of_ms // DAY_MS
    return days != 0 and (later == 0 or (days > 0 and later <= cooldown_days))


def drops_over(
    account: str,
    days: Sequence[Use],
    *,
    first: int,
    last: int,
    rules: Sequence[DetectionRule],
    events: Events,
) -> list[Drop]:
    """What the rules would have found as of the end of each day from `first` to `last` (since 1970-01-01) at
    which the account would have been looked at: as it was used on the next day, or by schedule.

    Args:
        days: with usage, back to `season_window` of the first day and up to the day after the last; events
            that came late are in.
    """
    looks = [_Look.of(rule, days, events) for rule in rules]
    used = sorted(day.day for day in days)
    found: list[Drop] = []
    for end in range(first, last + 1):
        if _is_looked_at(used, end):
            met = [look.drop(account, end_of_day_ms(end)) for look in looks]
            found += without_cooling([drop for drop in met if drop is not None], found, rules)
    return found


def _is_looked_at(used: Sequence[int], end: int) -> bool:
    """Whether anybody looks at an account once a day is over, by its days with usage, ascending."""
    place = bisect_right(used, end)
    if place < len(used) and used[place] == end + 1:
        return True
    return place > 0 and gone_silent(used[place - 1], end_of_day_ms(end))


def gone_silent(last_day: int, as_of_ms: int) -> bool:
    """Whether an account without usage on the last closed day is one to look at.

    Args:
        last_day: its latest day with usage, days since 1970-01-01.
    """
    return 0 < last_closed_day(as_of_ms) - last_day <= SILENT_WITHIN_DAYS
