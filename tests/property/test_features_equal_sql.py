"""The kernel against SQL that was written from the definitions."""

import math
from collections.abc import Sequence
from random import Random

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
    "active_days_ew14_rank", "active_days_ew30_rank", "events_percentile", "active_days_percentile",
    "active_days_ew14_percentile", "active_days_ew30_percentile", "activity_ew14_percentile",
    "longest_gap_percentile", "recency_percentile",
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


def apart(lives: Sequence[list[Raw]], asked: Sequence[Sequence[int]]) -> list[tuple[str, int, str]]:
    """Where kernel and SQL differ (account, day, feature), of accounts by number as of several days each."""
    pairs = [(f"a{n}", day) for n, days in enumerate(asked) for day in days]
    events = [(f"a{n}", *row) for n, rows in enumerate(lives) for row in rows]
    with tables(events, pairs) as connection:
        expected = oracle(connection)
    assert len(expected) == len(pairs)
    histories = {f"a{n}": history_of(f"a{n}", days_of(rows), events=EVENTS) for n, rows in enumerate(lives)}
    found = compute([Row(histories[account], SEATS, day) for account, day in pairs])
    different = []
    for pair, row in zip(pairs, found.tolist(), strict=True):
        ours, theirs = dict(zip(NAMES, row, strict=True)), expected[pair]
        assert set(theirs) == set(NAMES) - NOT_IN_SQL - PROFILE_ONLY
        different += [(*pair, name) for name in theirs if not same(name, ours[name], theirs[name])]
    return different


KNOWN_FOR = (
    1,
    7,
    8,
    13,
    14,
    15,
    20,
    34,
    35,
    36,
    41,
    59,
    60,
    61,
    88,
    90,
    91,
    120,
    179,
    180,
    181,
    300,
    391,
    392,
    420,
)
SILENT_FOR = (0, 0, 0, 1, 2, 6, 7, 8, 13, 20, 29, 30, 31, 59, 60, 89, 90, 91)


def life(number: int) -> list[Raw]:
    """How an account may have lived: known for long or not, every day or hardly ever, alone or as a team,
    until today or silent for a while."""
    dice = Random(number)
    first = NOW - KNOWN_FOR[number % len(KNOWN_FOR)] + 1
    last = max(first, NOW - dice.choice(SILENT_FOR))
    often, people = dice.choice((0.05, 0.2, 0.5, 0.9, 1.0)), dice.choice((1, 2, 5))
    names = dice.sample(NAMES_SENT, dice.randint(1, len(NAMES_SENT)))
    days = [day for day in range(first, last + 1) if day == first or dice.random() < often]
    return [
        (day, f"u{dice.randrange(people)}", dice.choice(names), dice.randint(1, 40))
        for day in days
        for _ in range(dice.randint(1, people))
    ]


def test_lives_of_every_length_and_kind_are_what_the_definitions_say() -> None:
    lives = [life(number) for number in range(4 * len(KNOWN_FOR))]

    assert apart(lives, [(NOW, NOW - 1, NOW - 29)] * len(lives)) == []


@settings(max_examples=40)
@given(bases=st.lists(st.tuples(RAW, st.integers(0, 60)), min_size=3, max_size=12))
def test_every_usage_feature_is_what_the_definition_says(bases: list[tuple[list[Raw], int]]) -> None:
    assert apart([rows for rows, _ in bases], [[NOW - ago] for _, ago in bases]) == []


TOLD = {"group", "Support Ticket Created", "Subscription Ended"}
HALF_LIVES = pytest.mark.parametrize("half_life", [14, 30])


def uses(day: Day) -> int:
    """The day's events but what some system told of the account."""
    return sum(count for name, count in day.by_event.items() if name not in TOLD)


def weighted_share(days: list[Day], half_life: int) -> float:
    """By the formula: the share of active days of 90 in which a day weighs half after so many days."""
    first = min((day.day for day in days), default=None)
    known = [] if first is None else range(max(first, NOW - 89), NOW + 1)
    weight = {day: 0.5 ** ((NOW - day) / half_life) for day in known}
    active = sum(weight[day.day] for day in days if day.day in weight and uses(day))
    return active / sum(weight.values()) if known else np.nan


@HALF_LIVES
def test_the_weighted_share_of_every_life_is_the_formulas(half_life: int) -> None:
    lives = [days_of(life(number)) for number in range(2 * len(KNOWN_FOR))]

    found = compute([Row(history_of("acme", days, events=EVENTS), SEATS, NOW) for days in lives])

    shares = found[:, NAMES.index(f"active_days_ew{half_life}")]
    assert shares == pytest.approx([weighted_share(days, half_life) for days in lives], abs=1e-6)


@settings(max_examples=60)
@given(rows=RAW)
@HALF_LIVES
def test_the_weighted_share_is_within_a_millionth_of_the_formula(half_life: int, rows: list[Raw]) -> None:
    days = days_of(rows)

    [found] = compute([Row(history_of("acme", days, events=EVENTS), SEATS, NOW)])

    share = found[NAMES.index(f"active_days_ew{half_life}")]
    assert share == pytest.approx(weighted_share(days, half_life), abs=1e-6, nan_ok=True)


@settings(max_examples=60)
@given(rows=RAW)
@pytest.mark.parametrize("half_life", [14, 30, 60])
def test_the_activity_is_within_the_rounding_of_the_formula(half_life: int, rows: list[Raw]) -> None:
    days = days_of(rows)
    [found] = compute([Row(history_of("acme", days, events=EVENTS), SEATS, NOW)])

    known = any(day.day <= NOW for day in days)
    seen = [(NOW - day.day, uses(day)) for day in days if 0 <= NOW - day.day < 90]
    expected = sum(math.log2(1 + events) * 0.5 ** (age / half_life) for age, events in seen)
    assert found[NAMES.index(f"activity_ew{half_life}")] == pytest.approx(
        expected if known else np.nan, abs=len(seen) / 32 + 1e-3, nan_ok=True
    )
