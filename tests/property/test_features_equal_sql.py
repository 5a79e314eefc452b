"""The kernel against SQL that was written from the definitions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.features.history import Day, history_of
from stemtide.features.kernel import Row, compute
from stemtide.features.registry import NAMES
from stemtide.profile import Profile, Standing
from stemtide.users import NOBODY, union, user_hash

from tests.features_oracle import oracle, same, tables
from tests.features_support import EVENTS, NAMES_SENT, NOW

SEATS = Standing(profile=Profile(seats=10, limits={"seats": 12, "api_calls": 100}))
Raw = tuple[int, str, str, int]
"""(day, user, event type, number)"""
RAW = st.lists(
    st.tuples(
        st.integers(NOW - 130, NOW) | st.integers(NOW - 420, NOW - 330),
        st.sampled_from([f"u{n}" for n in range(5)]),
        st.sampled_from(NAMES_SENT),
        st.integers(1, 40),
    ),
    max_size=60,
)
NOT_IN_SQL = {"active_days_ew14", "active_days_ew30", "activity_ew14", "activity_ew30", "activity_ew60"}
PROFILE_ONLY = {
    "account_age_days", "tenure_days", "mrr", "days_to_renewal", "term_months",
    "past_upgrades", "past_downgrades", "downgraded_last_period", "upgraded_last_period",
    "mrr_change_last_period", "plans_above", "terms_so_far",
    "support_tickets_30d", "urgent_tickets_30d", "avg_csat", "nps_score", "ticket_sentiment_30d",
    "ticket_sentiment_trend", "discount", "events_rank", "users_rank", "active_days_rank",
}  # fmt: skip


def days_of(rows: list[Raw]) -> list[Day]:
    """The days as the aggregates make them."""
    found = []
    for day in sorted({row[0] for row in rows}):
        own = [row for row in rows if row[0] == day]
        counts: dict[str, int] = {}
        for _, _, event, number in own:
            counts[event] = counts.get(event, 0) + number
        people = union(NOBODY, {user_hash(user) for _, user, _, _ in own})
        writing = union(NOBODY, {user_hash(user) for _, user, event, _ in own if event == "comment_added"})
        found.append(Day(day, counts, people, writing))
    return found


@settings(max_examples=40)
@given(bases=st.lists(st.tuples(RAW, st.integers(0, 60)), min_size=1, max_size=6))
def test_every_usage_feature_is_what_the_definition_says(bases: list[tuple[list[Raw], int]]) -> None:
    asked = [(f"a{n}", NOW - ago) for n, (_, ago) in enumerate(bases)]
    events = [(f"a{n}", *row) for n, (rows, _) in enumerate(bases) for row in rows]
    with tables(events, asked) as connection:
        expected = oracle(connection)
    assert len(expected) == len(asked)

    found = compute(
        [
            Row(history_of(account, days_of(rows), events=EVENTS), SEATS, at)
            for (account, at), (rows, _) in zip(asked, bases, strict=True)
        ]
    )

    for pair, row in zip(asked, found.tolist(), strict=True):
        ours = dict(zip(NAMES, row, strict=True))
        assert set(expected[pair]) == set(NAMES) - NOT_IN_SQL - PROFILE_ONLY
        theirs = expected[pair]
        apart = {
            name: (ours[name], theirs[name]) for name in theirs if not same(name, ours[name], theirs[name])
        }
        assert apart == {}


@settings(max_examples=60)
@given(rows=RAW)
@pytest.mark.parametrize("half_life", [14, 30])
def test_the_weighted_share_is_within_a_millionth_of_the_formula(half_life: int, rows: list[Raw]) -> None:
    days = days_of(rows)
    first = min((day.day for day in days), default=None)
    known = [] if first is None else range(max(first, NOW - 89), NOW + 1)

    [found] = compute([Row(history_of("acme", days, events=EVENTS), SEATS, NOW)])

    weight = {day: 0.5 ** ((NOW - day) / half_life) for day in known}
    active = sum(weight[day.day] for day in days if day.day in weight)
    expected = active / sum(weight.values()) if known else np.nan
    assert found[NAMES.index(f"active_days_ew{half_life}")] == pytest.approx(expected, abs=1e-6, nan_ok=True)


@settings(max_examples=60)
@given(rows=RAW)
@pytest.mark.parametrize("half_life", [14, 30, 60])
def test_the_activity_is_within_the_rounding_of_the_formula(half_life: int, rows: list[Raw]) -> None:
    days = days_of(rows)
    [found] = compute([Row(history_of("acme", days, events=EVENTS), SEATS, NOW)])

    known = any(day.day <= NOW for day in days)
    seen = [(NOW - day.day, sum(day.by_event.values())) for day in days if 0 <= NOW - day.day < 90]
    expected = sum(math.log2(1 + events) * 0.5 ** (age / half_life) for age, events in seen)
    assert found[NAMES.index(f"activity_ew{half_life}")] == pytest.approx(
        expected if known else np.nan, abs=len(seen) / 32 + 1e-3, nan_ok=True
    )
