"""The quarters of an hour with events: what is newest, which days lack events."""

from hypothesis import given
from hypothesis import strategies as st
from stemtide.as_of import end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.event_days import QUARTER_MS, EventDays, holes, quarters_of, staleness, why_not_whole

DAY = 20_526
HOUR = 3_600_000
LIMIT = 2 * HOUR
times = st.lists(st.integers((DAY - 35) * DAY_MS, (DAY + 1) * DAY_MS - 1), min_size=1, max_size=60)


def noted(at: list[int]) -> EventDays:
    return EventDays(quarters=tuple(sorted(quarters_of(at))))


def around_the_clock(*days: int) -> list[int]:
    return [day * DAY_MS + number * QUARTER_MS for day in days for number in range(96)]


@given(times, st.integers((DAY - 35) * DAY_MS, (DAY + 1) * DAY_MS))
def test_the_newest_event_is_known_to_the_quarter_of_an_hour(at: list[int], as_of_ms: int) -> None:
    by_then = [one for one in at if one // QUARTER_MS * QUARTER_MS <= as_of_ms]

    found = noted(at).newest_ms(as_of_ms)

    assert (found is None) == (not by_then)
    if found is not None:
        newest = min(max(by_then), as_of_ms)
        assert newest <= found <= as_of_ms
        assert found - newest < QUARTER_MS


@given(times)
def test_at_the_end_of_a_day_nothing_of_later_days_counts(at: list[int]) -> None:
    as_of_ms = end_of_day_ms(DAY - 3)

    assert noted(at).newest_ms(as_of_ms) == noted([one for one in at if one <= as_of_ms]).newest_ms(as_of_ms)


def test_within_a_quarter_events_after_the_instant_show_that_the_stream_is_alive() -> None:
    noon = DAY * DAY_MS + DAY_MS // 2
    days = noted([noon + 1])

    assert days.newest_ms(noon) == noon
    assert not staleness(days, noon, limit_ms=LIMIT).stale


def test_each_of_the_last_seven_closed_days_must_be_whole_and_the_instant_itself() -> None:
    three = DAY * DAY_MS + 3 * HOUR
    week = list(range(DAY - 40, DAY))

    def why(days: list[int], lag_ms: int = 0, *, now: bool = True) -> str | None:
        at = around_the_clock(*days) + ([three] if now else [])
        return why_not_whole(noted(at), three, lag_ms=lag_ms, limit_ms=LIMIT)

    assert why(week) is None
    assert why(week, LIMIT + 60_000) == "the stream's consumers are 121 min behind"
    assert (why(week, now=False) or "").startswith("the stream was stale at 2026-03-14T03:00:00.000Z: latest")
    for ago in range(1, 10):
        found = why([day for day in week if day != DAY - ago])
        assert (found is not None) == (ago <= 7)
        assert found is None or f"2026-03-{14 - ago:02}T23:59:59.999Z" in found


def test_all_days_of_an_outage_are_holes_and_those_before_the_first_event_are_none() -> None:
    as_of_ms = DAY * DAY_MS + HOUR
    gone = noted(around_the_clock(*range(DAY - 40, DAY - 4), DAY))
    new = noted(around_the_clock(DAY - 1, DAY))

    ends = [one.as_of_ms for one in holes(gone, as_of_ms, limit_ms=LIMIT)]

    assert ends == [end_of_day_ms(DAY - ago) for ago in (1, 2, 3, 4)]
    assert holes(new, as_of_ms, limit_ms=LIMIT) == []
    assert holes(EventDays(), as_of_ms, limit_ms=LIMIT) == []


def test_the_words_say_what_is_usual_at_the_hour() -> None:
    evenings = [day * DAY_MS + 20 * HOUR for day in range(DAY - 20, DAY)]
    found = staleness(noted(evenings), end_of_day_ms(DAY), limit_ms=LIMIT)

    assert found.stale
    assert found.words() == "latest event: 2026-03-13 20:14 UTC, lag: 1,665 min, usual at this hour: 225 min"
