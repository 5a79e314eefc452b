"""What an account's usage at the end of a day is made of: which days are in it and which are not."""

from fnmatch import fnmatchcase
from random import Random

import numpy as np
import pytest
from stemtide.config_schema import Events, Group
from stemtide.features.cohorts import cohort_of, cohorts_of, rank
from stemtide.features.history import Day, history_of
from stemtide.features.usage_at import Distinct, usage_at
from stemtide.limits import LONG_DAYS
from stemtide.users import NOBODY

from tests.features_support import NOW, day, history, values


@pytest.mark.parametrize(
    ("agos", "latest"),
    [
        ((0, 5), NOW),
        ((1, 5), NOW - 1),
        ((-1, 3), NOW - 3),
        ((LONG_DAYS - 1,), NOW - LONG_DAYS + 1),
        ((LONG_DAYS + 9, 400, 7, 4), NOW - 4),
    ],
)
def test_the_last_active_day_is_the_latest_that_is_over(agos: tuple[int, ...], latest: int) -> None:
    known = history(*(day(ago, {"page": 1}) for ago in agos))

    assert usage_at(known, NOW).last_active_day == latest


def test_an_account_is_known_from_its_first_day_on() -> None:
    known = history(day(0, {"page": 1}))

    assert (usage_at(known, NOW).first_day, usage_at(known, NOW - 1).first_day) == (NOW, None)


def test_one_login_in_a_quarter_tells_that_logins_are_sent() -> None:
    found = values(history(day(89, {"login": 1}), day(3, {"page": 5})))

    assert (found["logins_7d"], found["days_since_last_login"]) == (0, 89)


def test_each_meter_counts_its_own_events() -> None:
    meters = tuple(Group(name=one, events=(f"{one} *",)) for one in ("a", "b", "c"))
    days = [Day(NOW, {"a x": 1, "b x": 10, "c x": 100, "b y": 1000}, NOBODY)]

    found = usage_at(history_of("acme", days, events=Events(meters=meters)), NOW).block

    assert found[-3:, -1].tolist() == [1, 1010, 100]


def test_use_that_no_window_reaches_tells_no_last_active_day() -> None:
    known = history(day(LONG_DAYS, {"page": 1}))

    assert usage_at(known, NOW).last_active_day is None
    assert usage_at(known, NOW - 1).last_active_day == NOW - LONG_DAYS


def test_the_nightly_word_of_a_crm_keeps_no_silent_account_awake() -> None:
    told = {"group": 1, "Subscription Changed": 1, "NPS Submitted": 1}
    used = [day(ago, {"Report Created": 2, "group": 1}) for ago in range(20, 60)]
    silent = history(*used, *(day(ago, told, users=()) for ago in range(20)))
    gone = history(*(day(ago, {"Report Created": 2}) for ago in range(20, 60)))

    found = values(silent)

    assert found == pytest.approx(values(gone), nan_ok=True)
    assert (found["days_since_last_event"], found["active_days_30d"], found["avg_events_30d"]) == (
        20,
        10,
        2 / 3,
    )
    assert usage_at(silent, NOW).last_active_day == NOW - 20


def test_a_day_of_which_every_call_was_taken_back_is_none_with_use() -> None:
    found = values(history(day(9, {"page": 1}), day(3, {"page": 0}), day(2, {})))

    assert (found["active_days_30d"], found["days_since_last_event"], found["history_days"]) == (1, 9, 10)


@pytest.mark.parametrize(("events", "sixteenths"), [(1, 16), (2, 25), (3, 32), (9, 53), (1023, 160)])
def test_the_activity_of_a_day_is_told_by_sixteenths_of_a_doubling(events: int, sixteenths: int) -> None:
    found = values(history(day(0, {"page": events})))

    assert found["activity_ew14"] == found["activity_ew60"] == sixteenths / 16


PATTERNS = ("d", "[ab]", "*", "c", "[bd]", "e")
"""Of parts of a product: events belong to none, one or several, and come in another order."""


@pytest.mark.parametrize("number", range(12))
def test_parts_in_use_are_those_with_an_event_in_the_window(number: int) -> None:
    dice = Random(number)
    patterns = dice.sample(PATTERNS, dice.randint(1, len(PATTERNS)))
    events = Events(features=tuple(Group(name=f"p{n}", events=(one,)) for n, one in enumerate(patterns)))
    used = {ago: dice.sample("abcdef", dice.randint(1, 3)) for ago in range(100) if dice.random() < 0.2}
    days = [
        Day(NOW - ago, dict.fromkeys(names, 1), NOBODY) for ago, names in sorted(used.items(), reverse=True)
    ]

    found = usage_at(history_of("acme", days, events=events), NOW).distinct

    for which, first, last in (
        (Distinct.TYPES_30, 0, 29),
        (Distinct.TYPES_30_BEFORE, 30, 59),
        (Distinct.TYPES_90, 0, 89),
    ):
        names = {name for ago in used if first <= ago <= last for name in used[ago]}
        assert found[which] == sum(any(fnmatchcase(name, one) for name in names) for one in patterns)


def test_an_event_of_many_parts_is_use_of_each() -> None:
    events = Events(features=tuple(Group(name=f"p{n}", events=("a",)) for n in range(5)))

    found = usage_at(history_of("acme", [Day(NOW, {"a": 1}, NOBODY)], events=events), NOW)

    assert found.distinct[Distinct.TYPES_30] == 5


def test_a_cohort_begins_after_a_quarter_half_a_year_a_year_and_two() -> None:
    ages = np.array([0, 89, 90, 179, 180, 359, 360, 719, 720, 9999], dtype=np.float64)

    assert cohort_of(ages).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_table_has_the_least_value_the_largest_and_every_hundredth_between() -> None:
    values = np.arange(201, dtype=np.float64)[::-1]

    table = cohorts_of(np.full(201, 100.0), {"x": values}).values["x"]

    assert table[1] == tuple(float(2 * place) for place in range(101))
    assert [len(one) for one in table] == [0, 101, 0, 0, 0]


@pytest.mark.parametrize(("accounts", "told"), [(19, False), (20, True)])
def test_quantiles_are_told_of_twenty_accounts(accounts: int, told: bool) -> None:
    table = cohorts_of(np.full(accounts, 10.0), {"x": np.arange(accounts, dtype=np.float64)})

    assert bool(table.values["x"][0]) is told


@pytest.mark.parametrize("age", [10.0, 100.0, 200.0, 500.0, 800.0])
def test_whose_age_is_unknown_is_in_no_cohort(age: float) -> None:
    number = 40
    ages = np.array([age] * number + [np.nan] * number)
    values = np.array([1.0] * number + [9.0] * number)

    table = cohorts_of(ages, {"x": values})

    assert [set(one) for one in table.values["x"] if one] == [{1.0}]
    found = rank(table, "x", ages, values)
    assert (found[:number] == 0.5).all()
    assert np.isnan(found[number:]).all()
