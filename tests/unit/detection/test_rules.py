"""When a fall of use is a drop: boundaries of the rules, and what days they look at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.as_of import end_of_day_ms, parse_as_of
from stemtide.calls import DAY_MS, day_number
from stemtide.config_detection import DetectionRule, Measure
from stemtide.config_schema import Events
from stemtide.detection import DayUse, find_drops, gone_silent, window

D = day_number("2026-03-15")
"""The day on whose morning is asked."""
AS_OF = D * DAY_MS + 9 * 3_600_000
EVENTS = Events()
RULE = DetectionRule(name="events_down", measure=Measure.EVENTS, drop=0.5, min_before=20, min_active_days=3)


def day(ago: int, events: int, name: str = "page") -> DayUse:
    return DayUse(day=D - ago, events=events, by_event={name: events})


def week(first_ago: int, *events: int) -> list[DayUse]:
    """Days from so many days ago on; 0 events: no such day."""
    return [day(first_ago - i, n) for i, n in enumerate(events) if n]


@pytest.mark.parametrize("text", ["20220630", "2022-W26-4", "2022-181", "2022-06-31", "", "now"])
def test_an_instant_is_a_plain_date_or_has_a_time(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        parse_as_of(text)


def drops(days: list[DayUse], rule: DetectionRule = RULE, as_of_ms: int = AS_OF) -> list[dict[str, object]]:
    found = find_drops("acme", days, as_of_ms=as_of_ms, rules=[rule], events=EVENTS)
    return [drop.figures for drop in found]


def test_a_fall_by_exactly_the_share_is_none_and_by_one_more_is_a_drop() -> None:
    before = week(14, 10, 10, 10, 10)

    assert drops(before + week(7, 20)) == []
    assert drops(before + week(7, 19)) == [{"measure": "events", "before": 40, "now": 19, "change": -0.525}]


@pytest.mark.parametrize(
    ("share", "before", "now"), [(0.29, 100, 71), (0.07, 100, 93), (0.57, 100, 43), (0.3, 10, 7)]
)
def test_the_share_is_compared_as_it_is_written_not_as_a_float(share: float, before: int, now: int) -> None:
    rule = DetectionRule(name="r", measure=Measure.EVENTS, drop=share, min_before=1)

    assert drops([day(8, before), day(2, now)], rule) == []
    assert len(drops([day(8, before), day(2, now - 1)], rule)) == 1


def test_a_small_week_before_or_too_few_active_days_are_no_ground() -> None:
    assert drops(week(14, 7, 7, 5)) == []
    assert len(drops(week(14, 7, 7, 6))) == 1
    assert drops(week(14, 20, 20)) == []


def test_today_is_not_looked_at_nor_what_lies_before_the_two_weeks() -> None:
    before, outside = week(14, 10, 10, 10, 10), [day(15, 10_000), day(0, 10_000), day(-1, 10_000)]

    assert drops(before + outside) == [{"measure": "events", "before": 40, "now": 0, "change": -1.0}]


def test_the_days_on_the_borders_belong_to_their_weeks() -> None:
    assert window(AS_OF, [RULE]) == (D - 14, D - 1)
    assert drops([day(14, 10), day(10, 10), day(8, 10), day(7, 14)])[0]["before"] == 30
    assert drops([day(14, 10), day(10, 10), day(8, 10), day(7, 7), day(1, 7)])[0]["now"] == 14


def test_at_its_last_millisecond_a_day_is_over() -> None:
    last = end_of_day_ms(D)

    assert window(last, [RULE]) == (D - 13, D)
    assert window(last - 1, [RULE]) == (D - 14, D - 1)
    assert parse_as_of("2026-03-15") == last


@pytest.mark.parametrize(
    ("measure", "name"),
    [
        (Measure.API_CALLS, "API Call"),
        (Measure.CORE_ACTIONS, "Report Created"),
        (Measure.LOGINS, "Signed In"),
        (Measure.EVENTS, "anything"),
    ],
)
def test_a_rule_sums_the_events_that_its_measure_means(measure: Measure, name: str) -> None:
    rule = DetectionRule(name="r", measure=measure)
    wanted, other = [day(ago, 10, name) for ago in (8, 9, 10)], [day(ago, 10, "page") for ago in (8, 9, 10)]

    assert [drop["before"] for drop in drops(wanted, rule)] == [30]
    assert len(drops(other, rule)) == (measure is Measure.EVENTS)


def test_every_rule_that_is_met_is_a_drop_of_its_own() -> None:
    rules = [RULE, DetectionRule(name="calls", measure=Measure.EVENTS)]

    found = find_drops("acme", week(14, 10, 10, 10), as_of_ms=AS_OF, rules=rules, events=EVENTS)

    assert [drop.rule for drop in found] == ["events_down", "calls"]
    assert {drop.as_of_ms for drop in found} == {AS_OF}


def test_silence_is_looked_at_from_the_first_day_without_use_to_the_28th() -> None:
    assert [ago for ago in range(40) if gone_silent(D - ago, AS_OF)] == list(range(2, 30))


counts = st.lists(st.integers(0, 60), min_size=14, max_size=14)


@given(counts, st.integers(1, 50), st.integers(1, 99), st.randoms())
def test_a_drop_is_found_exactly_where_the_sums_say_so(
    amounts: list[int], min_before: int, percent: int, random: object
) -> None:
    rule = DetectionRule(name="r", measure=Measure.EVENTS, drop=percent / 100, min_before=min_before)
    days = week(14, *amounts)
    random.shuffle(days)  # type: ignore[attr-defined]
    before, now = sum(amounts[:7]), sum(amounts[7:])

    met = before >= min_before and 100 * (before - now) > percent * before

    assert bool(drops(days, rule)) is met
    if met:
        assert drops(days, rule)[0] == {
            "measure": "events",
            "before": before,
            "now": now,
            "change": round(now / before - 1, 4),
        }


@given(counts, counts)
def test_less_use_in_the_last_week_never_takes_a_drop_away(amounts: list[int], taken: list[int]) -> None:
    less = [max(0, n - t) if i >= 7 else n for i, (n, t) in enumerate(zip(amounts, taken, strict=True))]

    assert len(drops(week(14, *less))) >= len(drops(week(14, *amounts)))


def test_what_systems_tell_of_an_account_is_no_use() -> None:
    def told(ago: int) -> DayUse:
        return DayUse(day=D - ago, events=30, by_event={"group": 20, "Support Ticket Created": 10})

    [found] = drops(week(14, 10, 10, 10, 10) + [told(ago) for ago in range(1, 8)])

    assert found == {"measure": "events", "before": 40, "now": 0, "change": -1.0}
    assert drops([told(ago) for ago in range(8, 15)]) == []
