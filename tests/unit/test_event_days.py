"""The first and newest event of each day: what is stale, what is usual."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from stemtide.as_of import end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.event_days import PACE_DAYS, EventDays, Span, spans_of, staleness, why_not_whole

DAY = 20_526
LIMIT = 2 * 3_600_000
times = st.lists(st.integers((DAY - 35) * DAY_MS, (DAY + 1) * DAY_MS - 1), min_size=1, max_size=60)


def noted(at: list[int]) -> EventDays:
    return EventDays(days=spans_of((one // DAY_MS, [one]) for one in at))


@given(times)
def test_spans_are_the_first_and_newest_of_each_day_in_whatever_groups(at: list[int]) -> None:
    by_day: dict[int, list[int]] = {}
    for one in at:
        by_day.setdefault(one // DAY_MS, []).append(one)

    assert noted(at).days == {day: Span(min(found), max(found)) for day, found in by_day.items()}
    assert spans_of(by_day.items()) == noted(at).days


@given(times)
def test_at_the_end_of_a_day_the_newest_event_is_the_newest_by_then(at: list[int]) -> None:
    as_of_ms = end_of_day_ms(DAY - 3)

    by_then = [one for one in at if one <= as_of_ms]

    assert noted(at).newest_ms(as_of_ms) == max(by_then, default=None)


@given(times)
def test_the_usual_silence_is_the_second_longest_between_days(at: list[int]) -> None:
    as_of_ms = end_of_day_ms(DAY)
    spans = sorted(noted(at).days.values())
    gaps = sorted(
        b.first_ms - a.last_ms
        for a, b in pairwise(spans)
        if as_of_ms - PACE_DAYS * DAY_MS <= b.first_ms <= as_of_ms
    )

    assert noted(at).usual_ms(as_of_ms) == (gaps[-2] if len(gaps) > 1 else 0)


def test_within_a_day_events_after_the_instant_show_that_the_stream_is_alive() -> None:
    noon = DAY * DAY_MS + DAY_MS // 2
    days = EventDays(days={DAY: Span(DAY * DAY_MS, noon + 1)})

    assert days.newest_ms(noon) == noon
    assert not staleness(days, noon, limit_ms=LIMIT).stale


def test_the_day_that_is_over_and_the_instant_itself_must_both_be_fresh() -> None:
    whole = {DAY - 1: Span((DAY - 1) * DAY_MS, end_of_day_ms(DAY - 1))}
    three = DAY * DAY_MS + 3 * 3_600_000
    dead = EventDays(days=whole)
    back = EventDays(days={DAY - 2: Span(*((DAY - 2) * DAY_MS + 1,) * 2), DAY: Span(DAY * DAY_MS, three)})
    alive = EventDays(days={**whole, DAY: Span(DAY * DAY_MS, three)})

    def why(days: EventDays, lag_ms: int = 0) -> str | None:
        return why_not_whole(days, three, lag_ms=lag_ms, limit_ms=LIMIT)

    assert why(alive) is None
    assert why(alive, LIMIT + 60_000) == "the stream's consumers are 121 min behind"
    assert (why(dead) or "").startswith("the stream was stale at 2026-03-14T03:00:00.000Z: latest event")
    assert (why(back) or "").startswith("the stream was stale at 2026-03-13T23:59:59.999Z")
