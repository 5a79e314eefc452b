"""Activity segments: exactly one each, and more activity is never a lower one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.segments import NEW_DAYS, Activity, Segment, falls, segment_of

ORDER = [Segment.AT_RISK, Segment.LIGHT, Segment.REGULAR, Segment.POWER]


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    known = draw(st.integers(1, 400))
    active = draw(st.integers(0, min(30, known)))
    before = draw(st.integers(0, min(30, max(0, known - 30))))
    return Activity(
        known_days=known,
        active_days=active,
        users=draw(st.integers(0, 50)) if active else 0,
        events=active + draw(st.integers(0, 1000)) if active else 0,
        active_days_before=before,
        events_before=before + draw(st.integers(0, 1000)) if before else 0,
    )


@given(activities())
def test_every_account_with_known_history_has_one_segment(activity: Activity) -> None:
    assert segment_of(activity) in ORDER


@given(activities(), st.integers(0, 10), st.integers(0, 10), st.integers(0, 500))
def test_more_activity_never_lowers_it(activity: Activity, days: int, users: int, events: int) -> None:
    active = min(30, activity.known_days, activity.active_days + days)
    more = replace(
        activity, active_days=active, users=activity.users + users, events=activity.events + events
    )

    assert ORDER.index(segment_of(more)) >= ORDER.index(segment_of(activity))


@given(activities(), st.integers(0, 30), st.integers(0, 2000))
def test_more_activity_before_lowers_it_to_at_risk_or_not_at_all(
    activity: Activity, days: int, events: int
) -> None:
    more = replace(activity, active_days_before=days, events_before=events)

    assert segment_of(more) in {segment_of(replace(activity, events_before=0)), Segment.AT_RISK}
    assert segment_of(more) is Segment.AT_RISK or not falls(more)


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        (Activity(known_days=90, active_days=20, users=2, events=9), Segment.POWER),
        (Activity(known_days=90, active_days=30, users=1, events=9), Segment.REGULAR),
        (Activity(known_days=90, active_days=19, users=9, events=9), Segment.REGULAR),
        (Activity(known_days=90, active_days=9, users=9, events=9), Segment.LIGHT),
        (Activity(known_days=90, active_days=4, users=9, events=9), Segment.AT_RISK),
        (Activity(known_days=500), Segment.AT_RISK),
        (Activity(known_days=1, active_days=1, users=3, events=9), Segment.LIGHT),
        (Activity(known_days=7, active_days=5, users=3, events=9), Segment.POWER),
        (Activity(known_days=NEW_DAYS - 1, active_days=1, users=1, events=1), Segment.LIGHT),
        (Activity(known_days=NEW_DAYS, active_days=1, users=1, events=1), Segment.AT_RISK),
    ],
)
def test_the_thresholds(activity: Activity, expected: Segment) -> None:
    assert segment_of(activity) is expected


@pytest.mark.parametrize(
    ("known", "before", "now", "expected"),
    [
        (60, 100, 49, Segment.AT_RISK),
        (60, 100, 50, Segment.POWER),
        (59, 100, 49, Segment.POWER),
    ],
)
def test_whoever_lost_more_than_half_of_its_own_events_is_at_risk(
    known: int, before: int, now: int, expected: Segment
) -> None:
    activity = Activity(
        known_days=known, active_days=25, users=9, events=now, active_days_before=20, events_before=before
    )

    assert segment_of(activity) is expected


def test_a_fall_from_next_to_nothing_is_none() -> None:
    assert not falls(Activity(known_days=90, active_days=9, events=9, active_days_before=4, events_before=99))
