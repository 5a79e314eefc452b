"""Whether the last closed days are whole: asked once a minute by a process, soon again while one is not."""

from typing import Any

import pytest
from stemtide.calls import DAY_MS
from stemtide.config_sweep import Freshness, Severity
from stemtide.event_days import EventDays
from stemtide.store import whole_days
from stemtide.store.whole_days import HOLE_SECONDS, WHOLE_SECONDS, WholeDays

DAY = 20_526
NOON = DAY * DAY_MS + DAY_MS // 2


class Stored:
    """The event days, around the clock but on the days that are `gone`; counts who asks."""

    def __init__(self, patch: pytest.MonkeyPatch, *gone: int) -> None:
        self.gone = set(gone)
        self.asked = 0
        patch.setattr(whole_days, "read_event_days", self._read)

    def _read(self, table: Any, as_of_ms: int) -> EventDays:
        self.asked += 1
        days = (day for day in range(DAY - 40, DAY + 1) if day not in self.gone)
        return EventDays(quarters=tuple(day * 96 + number for day in days for number in range(96)))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_holds_for_a_minute_of_whole_days_and_a_few_seconds_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored, clock = Stored(monkeypatch), Clock()
    whole = WholeDays(table=None, config=Freshness(), monotonic=clock)

    assert [whole.why_not(NOON + ms) for ms in range(5)] == [None] * 5
    assert stored.asked == 1
    clock.now += WHOLE_SECONDS
    stored.gone = {DAY - 2}
    assert (whole.why_not(NOON) or "").startswith("the stream was stale at 2026-03-12T23:59:59.999Z")
    assert whole.why_not(NOON) is not None
    assert stored.asked == 2
    clock.now += HOLE_SECONDS
    stored.gone = set()
    assert whole.why_not(NOON) is None


def test_scores_ask_for_the_last_day_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Stored(monkeypatch, DAY - 2)
    whole = WholeDays(table=None, config=Freshness(), monotonic=Clock())

    assert whole.last_is_whole(NOON)
    assert not whole.last_is_whole(NOON - DAY_MS)
    assert stored.asked == 2


def test_where_a_night_would_not_wait_no_login_does(monkeypatch: pytest.MonkeyPatch) -> None:
    Stored(monkeypatch, DAY - 1)
    whole = WholeDays(table=None, config=Freshness(severity=Severity.WARNING), monotonic=Clock())

    assert whole.last_is_whole(NOON)
    assert whole.why_not(NOON) is not None
