"""Who uses the product, how use is spread, and the place among accounts of the same age."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.features.cohorts import AGE_EDGES, MIN_ACCOUNTS, RANK_ERROR, Cohorts, cohorts_of, rank
from stemtide.features.history import Day, history_of
from stemtide.features.kernel import Row, compute
from stemtide.features.occurrences import Occurrences
from stemtide.features.peers import RANKED
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import NAMES
from stemtide.profile import Profile, Standing
from stemtide.users import NOBODY, Users, together, union, user_hash

from tests.features_support import EVENTS, NOW, day, history, values


def shown(*days: Day) -> dict[str, float]:
    return values(history(*days, first_ago=200))


def test_the_top_user_is_whoever_came_on_the_most_days() -> None:
    found = shown(
        day(1, {"page": 1}, ["ann"]), day(2, {"page": 9}, ["bob", "ann"]), day(29, {"page": 1}, ["ann"])
    )

    assert found["top_user_share"] == 3 / 4
    assert found["champion_last_seen"] == 1


def test_days_before_the_window_do_not_make_a_top_user() -> None:
    days = [day(ago, {"page": 1}, ["ann"]) for ago in range(30, 40)]

    found = shown(*days, day(3, {"page": 1}, ["bob"]))

    assert found["top_user_share"] == 1
    assert found["champion_last_seen"] == 30


def test_of_several_champions_the_one_seen_last_counts() -> None:
    assert shown(day(9, {"page": 1}, ["ann"]), day(4, {"page": 1}, ["bob"]))["champion_last_seen"] == 4


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4)), max_size=40, unique=True),
    st.integers(1, 21),
    st.integers(-2, 22),
)
def test_the_most_frequent_thing_is_what_counting_says(
    seen: list[tuple[int, int]], length: int, last: int
) -> None:
    ordered = sorted(seen)
    things = Occurrences(
        np.array([at for at, _ in ordered], dtype=np.int64),
        np.array([t for _, t in ordered], dtype=np.uint64),
    )

    found = things.most_frequent(length, last)

    within = [(at, thing) for at, thing in ordered if last - length < at <= last]
    counted = [
        (len(days), max(days))
        for thing in {t for _, t in within}
        if (days := [at for at, other in within if other == thing])
    ]
    assert found == (max(counted) if counted else None)


def test_a_crowded_day_has_no_top_user() -> None:
    crowd: Users = together([], [user_hash(f"u{n}") for n in range(300)])
    days = [Day(NOW - 40, {"page": 1}, crowd), Day(NOW, {"page": 1}, union(NOBODY, [user_hash("ann")]))]

    found = values(history_of("acme", days, events=EVENTS, first_day=NOW - 200))

    assert found["top_user_share"] == 1
    assert math.isnan(found["champion_last_seen"])


def test_use_of_one_type_is_as_concentrated_as_can_be() -> None:
    assert shown(day(1, {"page": 7}))["event_concentration"] == 1
    assert shown(day(1, {"page": 5, "API Call": 5}))["event_concentration"] == 0.5
    assert math.isnan(shown(day(31, {"page": 7}))["event_concentration"])


def test_a_mix_shifts_by_the_events_that_moved() -> None:
    before = day(40, {"page": 30, "API Call": 10})

    assert shown(before, day(1, {"page": 3, "API Call": 1}))["event_mix_shift"] == 0
    assert shown(before, day(1, {"page": 1, "API Call": 1}))["event_mix_shift"] == 0.25
    assert shown(before, day(1, {"Deal Won": 1}))["event_mix_shift"] == 1
    assert math.isnan(shown(day(1, {"page": 1}))["event_mix_shift"])
    assert math.isnan(shown(day(91, {"page": 1}), day(1, {"page": 1}))["event_mix_shift"])


def test_the_same_season_a_year_ago_is_compared_only_where_it_is_known() -> None:
    days = [
        day(364, {"page": 10}),
        day(391, {"page": 10}),
        day(392, {"page": 99}),
        day(5, {"page": 5}, ["a", "b"]),
    ]

    found = values(history(*days, first_ago=392))

    assert found["events_against_last_year"] == 5 / 20
    assert found["users_against_last_year"] == 2 / 2
    assert math.isnan(values(history(days[0], days[3], first_ago=390))["events_against_last_year"])


def table(ages: list[float], values_of: list[float]) -> Cohorts:
    return cohorts_of(np.array(ages), {"avg_events_30d": np.array(values_of)})


def ranks(cohorts: Cohorts | None, ages: list[float], found: list[float]) -> list[float]:
    return rank(cohorts, "avg_events_30d", np.array(ages), np.array(found)).tolist()


def test_a_rank_is_the_share_of_the_cohort_that_has_less() -> None:
    cohorts = table([10.0] * 101, [float(n) for n in range(101)])

    assert ranks(cohorts, [10.0, 89.0, 0.0], [50.0, -1.0, 500.0]) == [50.5 / 101, 0.0, 1.0]


def test_the_stated_error_is_what_a_table_of_the_fewest_accounts_makes() -> None:
    few = [float(n) for n in range(MIN_ACCOUNTS)]
    counted = (np.array(few) + 0.5) / MIN_ACCOUNTS

    worst = np.abs(ranks(table([10.0] * MIN_ACCOUNTS, few), [10.0] * MIN_ACCOUNTS, few) - counted).max()

    assert RANK_ERROR - 0.001 < worst <= RANK_ERROR


def test_equal_values_share_a_rank() -> None:
    cohorts = table([10.0] * 40, [1.0] * 40)

    assert ranks(cohorts, [5.0], [1.0]) == [0.5]


def test_each_age_has_a_cohort_of_its_own() -> None:
    ages = [edge + offset for edge in (0, *AGE_EDGES) for offset in range(30)]
    cohorts = table([float(age) for age in ages], [float(age // 30) for age in ages])

    assert ranks(cohorts, [89.0, 90.0], [2.0, 2.0]) == [1.0, 0.0]
    assert [bool(one) for one in cohorts.values["avg_events_30d"]] == [True] * 5


def test_who_has_no_cohort_has_no_rank() -> None:
    few = table([10.0] * (MIN_ACCOUNTS - 1), [1.0] * (MIN_ACCOUNTS - 1))
    enough = table([10.0] * MIN_ACCOUNTS, [1.0] * MIN_ACCOUNTS)

    assert all(map(math.isnan, ranks(few, [10.0], [1.0])))
    assert ranks(enough, [10.0], [1.0]) == [0.5]
    assert all(map(math.isnan, ranks(enough, [math.nan, 10.0, 100.0], [1.0, math.nan, 1.0])))
    assert all(map(math.isnan, ranks(None, [10.0], [1.0])))


def test_unknown_ages_and_values_make_no_cohort() -> None:
    cohorts = table([10.0] * 20 + [math.nan] * 30, [1.0] * 20 + [9.0] * 30)

    assert set(cohorts.values["avg_events_30d"][0]) == {1.0}


@pytest.mark.parametrize("name", list(RANKED))
def test_the_kernel_ranks_by_the_table_it_is_given(name: str) -> None:
    source = Random(3)
    many = [source.random() * 9 for _ in range(200)]
    cohorts = cohorts_of(np.full(200, 100.0), {feature: np.array(many) for feature in RANKED.values()})
    profile = Profile(created_at="2024-06-01T00:00:00Z")
    known = history(day(1, {"page": 60}, ["a", "b"]), day(2, {"page": 30}), first_ago=60)

    [row] = compute([Row(known, Standing(profile=profile), NOW)], basis=Basis(cohorts=cohorts)).tolist()

    found = dict(zip(NAMES, row, strict=True))
    below = sum(value < found[RANKED[name]] for value in many) / len(many)
    assert found[name] == pytest.approx(below, abs=0.02)
