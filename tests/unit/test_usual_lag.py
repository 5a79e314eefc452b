"""When a source is stale: the rule against a recount, and products and sources as they are used."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stemtide.as_of import end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.event_days import EventDays, hole, quarters_of, staleness
from stemtide.usual_lag import is_stale, usual_lag

HOUR = 3_600_000
LIMIT = 2 * HOUR
MONDAY = 20_521
assert datetime.fromtimestamp(MONDAY * 86_400, UTC).weekday() == 0


def lag_of(heard: Iterable[int]) -> Callable[[int], int | None]:
    known = list(heard)

    def lag(at_ms: int) -> int | None:
        newest = max((one for one in known if one <= at_ms), default=None)
        return None if newest is None else at_ms - newest

    return lag


def stale_at(heard: Iterable[int], at_ms: int, *, limit_ms: int = LIMIT) -> bool:
    lag = lag_of(heard)
    own = lag(at_ms)
    assert own is not None
    return is_stale(own, limit_ms=limit_ms, usual_ms=usual_lag(lag, at_ms))


def recounted(heard: list[int], t: int, limit: int) -> bool:
    """The rule in its own words, hour by hour, without the code's helpers."""

    def silence(at: int) -> float:
        for ago in range(29 * 24 + 1):
            if at - ago in heard:
                return ago
        return float("inf")

    weeks = []
    for week in (1, 2, 3, 4):
        if silence(t - 168 * week) <= 672:
            weeks.append(silence(t - 168 * week))
    if len(weeks) >= 2:
        weeks.remove(max(weeks))
        usual = max(weeks)
    elif weeks:
        usual = weeks[0]
    else:
        usual = silence(t - 24) if silence(t - 24) <= 672 else 0
    return silence(t) > limit and silence(t) > usual + limit


@given(
    st.lists(st.integers(0, 24 * 70), min_size=1, max_size=80, unique=True),
    st.integers(0, 28 * 24),
    st.integers(1, 60),
)
def test_stale_is_what_a_recount_in_hours_says(heard: list[int], after: int, limit: int) -> None:
    at = min(heard) + after + 24 * 30
    assume(at - max(one for one in heard if one <= at) <= 29 * 24)

    found = stale_at([one * HOUR for one in heard], at * HOUR, limit_ms=limit * HOUR)

    assert found == recounted(heard, at, limit)


def days_of(hours: Callable[[int], Iterable[int]], days: Iterable[int]) -> list[int]:
    """Events in the quarters from each of the hours that a product is used on a day (0: the Monday)."""
    return [
        (MONDAY + day) * DAY_MS + hour * HOUR + quarter * 15 * 60_000
        for day in days
        for hour in hours(day)
        for quarter in range(4)
    ]


def afternoons(_: int) -> Iterable[int]:
    return (*range(15, 24), 0, 1)


def office(day: int) -> Iterable[int]:
    return range(8, 18) if day % 7 < 5 else ()


def at(day: int, hour: int) -> int:
    return (MONDAY + day) * DAY_MS + hour * HOUR


@pytest.mark.parametrize("hour", [5, 9, 14])
def test_a_product_that_is_used_from_afternoon_to_night_is_not_stale_in_the_morning(hour: int) -> None:
    events = days_of(afternoons, range(40))

    assert not any(stale_at([one for one in events if one <= at(d, hour)], at(d, hour)) for d in range(2, 40))
    dead = [one for one in events if one < at(30, 0)]
    assert stale_at(dead, at(30, 18))


def test_a_product_that_is_used_at_night_only_is_fresh_all_day_and_missed_after_its_night() -> None:
    events = days_of(lambda day: (2, 3), range(30))

    assert not any(stale_at(events, at(day, hour)) for day in range(2, 30) for hour in range(24))
    assert stale_at([one for one in events if one < at(20, 0)], at(20, 7))


def trips(events: list[int], days: Iterable[int]) -> list[int]:
    """The nights at whose end the stream counts as stale."""
    known = EventDays(quarters=tuple(sorted(quarters_of(events))))
    return [day for day in days if staleness(known, end_of_day_ms(MONDAY + day), limit_ms=LIMIT).stale]


def lacking(events: list[int], days: Iterable[int]) -> list[int]:
    """The days by whose use nobody is judged."""
    known = EventDays(quarters=tuple(sorted(quarters_of(events))))
    return [day for day in days if hole(known, MONDAY + day, limit_ms=LIMIT) is not None]


def test_days_without_events_are_holes_as_soon_as_a_day_before_tells_what_is_usual() -> None:
    assert lacking(days_of(office, range(60)), range(60)) == [5, 6]
    assert lacking(days_of(office, [day for day in range(60) if day != 30]), range(7, 60)) == [30]
    assert lacking(days_of(lambda day: range(8, 18), range(1)), range(1)) == []


def test_a_product_with_few_events_is_judged_though_chance_decides_when_its_day_ends() -> None:
    """Ten quarters of each day, drawn anew: its nights are often stale, its days hardly ever lack any."""
    source = Random(5)
    events = [
        at(day, 0) + quarter * 900_000 for day in range(400) for quarter in source.sample(range(96), 10)
    ]
    dead = [one for one in events if not at(300, 0) <= one < at(301, 0)]

    nights, days = trips(events, range(60, 400)), lacking(events, range(60, 400))

    assert len(nights) > 20
    assert len(days) <= 3
    assert set(lacking(dead, range(60, 400))) == {*days, 300}


def test_what_was_missed_is_a_recount_of_the_weeks_before() -> None:
    source = Random(6)
    for _ in range(200):
        heard = sorted(source.sample(range(96 * 40), source.randint(1, 400)))
        now = source.randrange(heard[0], 96 * 42)
        newest = max(one for one in heard if one <= now)
        spans = [(newest - 672 * week, now - 672 * week) for week in (1, 2, 3, 4)]
        known = [span for span in spans if span[0] >= heard[0]] or [(newest - 96, now - 96)]
        counts = sorted(sum(first < one <= last for one in heard) for first, last in known)

        found = EventDays(quarters=tuple(heard)).missed_ms(now * 900_000 + 899_999)

        assert found == counts[min(1, len(counts) - 1)] * 900_000


def test_a_product_of_working_days_trips_three_nights_of_its_first_week_and_none_after() -> None:
    """Until a week is known nobody can tell a weekend from an outage, nor the first evening from one."""
    assert trips(days_of(office, range(60)), range(60)) == [0, 5, 6]


def test_a_product_of_certain_hours_trips_the_first_night_and_one_around_the_clock_none() -> None:
    assert trips(days_of(lambda day: range(8, 18), range(60)), range(60)) == [0]
    assert trips(days_of(lambda day: range(24), range(60)), range(60)) == []


def test_what_was_loaded_before_the_start_spares_the_first_week() -> None:
    assert trips(days_of(office, range(-500, 60)), range(60)) == []


def test_a_working_day_without_events_trips_whatever_the_weekends_are_like() -> None:
    worked = [day for day in range(60) if day != 30]

    assert trips(days_of(office, worked), range(7, 60)) == [30]


def test_an_outage_of_five_days_a_week_ago_hides_no_other() -> None:
    all_day = days_of(lambda day: range(24), [*range(30), *range(35, 44)])

    assert trips(all_day, range(2, 44)) == list(range(30, 35))
    assert all(stale_at(all_day, at(44, hour)) for hour in range(3, 24))


def test_an_old_log_that_was_replayed_does_not_hide_that_the_source_died() -> None:
    """A log that ended 58 days before, three days live, then nothing."""
    replayed = days_of(lambda day: range(24), range(-200, -58))
    heard = [*replayed, *days_of(lambda day: range(24), range(3))]

    assert not any(stale_at(heard, at(day, hour)) for day in range(3) for hour in range(24))
    assert all(stale_at(heard, at(3, 0) + ago * HOUR) for ago in range(3, 21 * 24))


def test_a_first_outage_does_not_make_the_next_one_usual() -> None:
    """A source that tells every hour, an outage of 20 hours, and dead three days later."""
    heard = [at(0, hour) for hour in range(24 * 20) if not 24 * 14 <= hour < 24 * 14 + 20]

    assert stale_at(heard, at(20, 4), limit_ms=HOUR)
    assert stale_at(heard, at(21, 12), limit_ms=HOUR)


def test_billing_that_comes_once_a_week_in_bulk_is_fresh_between_and_missed_when_it_stays_away() -> None:
    bulks = [at(7 * week, 6) for week in range(6)]

    assert not any(stale_at(bulks, at(day, 5), limit_ms=HOUR) for day in range(8, 42))
    assert stale_at(bulks, at(42, 8), limit_ms=HOUR)


def test_a_source_that_was_heard_of_once_has_its_limit_alone_for_a_day() -> None:
    assert [stale_at([at(0, 0)], at(0, hour)) for hour in (1, 2, 3, 23)] == [False, False, True, True]
    assert usual_lag(lag_of([]), at(0, 0)) is None
