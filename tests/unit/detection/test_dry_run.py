"""The dry run finds what the detector finds: on the first use of a day, and every hour in silence."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from stemtide.as_of import last_closed_day
from stemtide.calls import DAY_MS, day_number, day_of_index
from stemtide.config import bundled_config
from stemtide.config_detection import Against, Detection, DetectionRule, Measure
from stemtide.config_schema import Config
from stemtide.detecting import DetectPorts, on_first_use, on_silence
from stemtide.detection import DayUse, drops_over
from stemtide.drops import Drop
from stemtide.fold import fold
from stemtide.state import EMPTY, Caps, Event, encode
from stemtide.table_stream import Change

from tests.detect_ports import ports_of

HOUR_MS = 3_600_000
FIRST = day_number("2026-03-02")
LAST = FIRST + 70
USUAL = DetectionRule(
    name="usual", measure=Measure.EVENTS, against=Against.USUAL, min_before=5, deviations=0.0
)
WEEKLY = DetectionRule(name="weekly", measure=Measure.EVENTS, min_before=5)


class Online:
    """The detector over one account's days, as its two occasions come: `totals` and first hours by day."""

    def __init__(self, totals: Mapping[int, int], hours: Mapping[int, int], *rules: DetectionRule) -> None:
        self.totals, self.hours = totals, hours
        self.config: Config = replace(bundled_config(), detection=Detection(rules=rules))
        self.found: list[Drop] = []

    def run(self) -> list[Drop]:
        for day in range(FIRST + 1, LAST + 2):
            for hour in range(24):
                if self.hours.get(day) == hour:
                    self._used(day, day * DAY_MS + hour * HOUR_MS)
                self._silence(day * DAY_MS + hour * HOUR_MS)
        return self.found

    def _used(self, day: int, at_ms: int) -> None:
        event = Event(0, b"m-1", None, "page", at_ms, self.totals[day])
        state = fold(EMPTY, [event], lane="l", caps=Caps()).state
        keys, new = {"account": "acme", "day": day_of_index(day)}, {"s": encode(state)}
        change = Change(sequence="1", event="INSERT", keys=keys, new=new, old=None)
        on_first_use([change], config=self.config, ports=self._ports())

    def _silence(self, as_of_ms: int) -> None:
        seen = [day for day in self.totals if day * DAY_MS + self.hours[day] * HOUR_MS <= as_of_ms]
        accounts = [("acme", day_of_index(max(seen)))] if seen else []
        on_silence(accounts, as_of_ms=as_of_ms, config=self.config, ports=self._ports())

    def _ports(self) -> DetectPorts:
        return ports_of(
            days=lambda account, first, last: uses(self.totals, first, last),
            drops=lambda account: self.found,
            put=self._put,
        )

    def _put(self, drop: Drop) -> bool:
        day = drop.as_of_ms // DAY_MS
        if any((one.rule, one.as_of_ms // DAY_MS) == (drop.rule, day) for one in self.found):
            return False
        self.found.append(drop)
        return True


def uses(totals: Mapping[int, int], first: int, last: int) -> list[DayUse]:
    return [
        DayUse(day=day, events=total, by_event={"page": total})
        for day, total in sorted(totals.items())
        if first <= day <= last
    ]


def told(drops: list[Drop]) -> list[tuple[str, str, dict[str, Any]]]:
    ordered = sorted(drops, key=lambda drop: (drop.rule, drop.as_of_ms))
    return [(drop.rule, day_of_index(last_closed_day(drop.as_of_ms)), drop.figures) for drop in ordered]


def both(
    totals: Mapping[int, int], *rules: DetectionRule, hours: Mapping[int, int] | None = None
) -> tuple[list[Any], list[Any]]:
    """What the detector and what the dry run tell; by default each day's first use is at nine."""
    online = Online(totals, hours or dict.fromkeys(totals, 9), *rules).run()
    known, events = uses(totals, 0, LAST + 1), bundled_config().events
    dry = drops_over("acme", known, first=FIRST, last=LAST, rules=rules, events=events)
    return told(online), told(dry)


def test_who_came_back_after_a_long_pause_is_judged_by_the_weeks_since() -> None:
    earlier = dict.fromkeys(range(FIRST - 100, FIRST - 60), 20)
    since = dict.fromkeys(range(FIRST - 35, FIRST + 3), 20) | dict.fromkeys(range(FIRST + 3, LAST + 2), 1)

    online, dry = both(earlier | since, replace(USUAL, deviations=1.0, sustained_days=3))

    assert online
    assert dry == online


def test_what_systems_tell_of_who_pauses_does_not_make_the_pause_usual() -> None:
    known = range(FIRST - 62, LAST + 2)
    used = {day: 20 if day >= FIRST - 24 else 0 for day in known}
    days = [DayUse(day=day, events=n + 1, by_event={"page": n, "group": 1}) for day, n in used.items()]
    fallen = [day for day in days if day.day < FIRST + 4]
    fallen += [DayUse(day=day, events=1, by_event={"group": 1}) for day in known if day >= FIRST + 4]
    events = bundled_config().events

    found = drops_over("acme", fallen, first=FIRST, last=FIRST + 10, rules=[USUAL], events=events)

    assert [drop.figures["before"] for drop in found] == [140.0] * len(found)
    assert found


def test_nobody_looks_any_more_at_who_has_been_silent_for_more_than_28_days() -> None:
    online, dry = both(dict.fromkeys(range(FIRST - 90, FIRST + 10), 20), USUAL)

    assert [day for _, day, _ in online][-1] == day_of_index(FIRST + 9 + 28)
    assert dry == online


def test_who_was_used_on_the_closed_day_and_not_since_is_looked_at_a_day_later() -> None:
    used = {FIRST - 10: 30, FIRST + 2: 1}

    online, dry = both(used, replace(WEEKLY, drop=0.9))

    assert dry == online


@pytest.mark.parametrize("hours", [(23, 0), (0, 23)])
def test_a_cooldown_is_told_in_closed_days_whatever_the_hour_of_the_first_use(hours: tuple[int, int]) -> None:
    totals = {day: 20 if (day - FIRST) // 7 % 2 else 1 for day in range(FIRST - 30, LAST + 2)}
    at = {day: hours[(day - FIRST) % 2] for day in totals}

    online, dry = both(totals, replace(WEEKLY, cooldown_days=3), hours=at)

    assert len(online) > 3
    assert dry == online


@settings(max_examples=25)
@given(st.randoms(use_true_random=False))
def test_the_dry_run_finds_what_the_detector_finds(random: Any) -> None:
    totals: dict[int, int] = {}
    day = FIRST - 200
    while day <= LAST + 1:
        length, chance = random.choice((3, 10, 40)), random.choice((0, 0.05, 0.5, 1))
        most = random.randint(1, 40)
        days = [one for one in range(day, day + length) if random.random() < chance and one <= LAST + 1]
        totals |= {one: random.randint(1, most) for one in days}
        day += length
    hours = {one: random.randint(0, 23) for one in totals}
    rules = (
        USUAL,
        replace(USUAL, name="lasting", sustained_days=3, cooldown_days=28),
        WEEKLY,
        replace(WEEKLY, name="resting", drop=0.3, cooldown_days=5),
    )

    online, dry = both(totals, *rules, hours=hours)

    assert dry == online
