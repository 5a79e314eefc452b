"""What is known of a young, a silent and a crowded account."""

import math

import pytest
from stemtide.as_of import end_of_day_ms
from stemtide.config_schema import Plan
from stemtide.features.history import Day, Occurrences, history_of
from stemtide.features.kernel import Row, compute
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import FEATURES, NAMES
from stemtide.features.vectors import Known, known_of, vectors_of
from stemtide.profile import NOTHING_SAID, Profile, Standing, Term
from stemtide.users import NOBODY, count, union, user_hash

from tests.features_support import EVENTS, NOW, day, history, values

PLANS = (Plan(name="starter", rank=1, limits={"seats": 5}),)


def unknown(found: dict[str, float]) -> set[str]:
    return {name for name, value in found.items() if math.isnan(value)}


def test_an_account_that_was_never_seen_has_only_a_history_of_no_days() -> None:
    found = values(history())

    assert found["history_days"] == 0
    assert unknown(found) == set(NAMES) - {"history_days"}


def test_days_before_the_first_are_not_counted_as_days_without_usage() -> None:
    found = values(history(day(9, {"page": 10}), day(0, {"page": 10})))

    assert found["history_days"] == 10
    assert (found["avg_events_7d"], found["avg_events_30d"]) == (10 / 7, 20 / 10)
    assert (found["active_days_30d"], found["longest_gap_30d"]) == (2, 8)
    assert {"usage_trend_ratio_7d_30d", "events_change_7d", "users_change"} <= unknown(found)


@pytest.mark.parametrize(("ago", "known"), [(12, False), (13, True)])
def test_a_week_is_compared_with_a_week_once_both_are_known(ago: int, known: bool) -> None:
    found = values(history(day(ago, {"page": 4}), day(8, {"page": 4}), day(0, {"page": 2})))

    assert math.isnan(found["events_change_7d"]) is not known
    assert math.isnan(found["usage_trend_ratio_7d_30d"]) is not known


@pytest.mark.parametrize(("ago", "known"), [(58, False), (59, True)])
def test_a_month_is_compared_with_a_month_once_both_are_known(ago: int, known: bool) -> None:
    found = values(history(day(ago, {"Board Viewed": 4}), day(40, {"page": 4}), day(0, {"page": 2})))

    assert math.isnan(found["users_change"]) is not known
    assert math.isnan(found["features_adopted_change"]) is not known


def test_a_young_account_that_is_active_every_day_has_no_pause() -> None:
    found = values(history(*(day(ago, {"page": 1}) for ago in range(10))))

    assert found["longest_gap_30d"] == 0


def test_an_account_that_went_silent_is_known_to_be_silent() -> None:
    found = values(history(first_ago=200))

    assert found["days_since_last_event"] == found["history_days"] == 90
    assert found["days_since_last_login"] == 90
    assert (found["avg_dau_30d"], found["active_days_90d"], found["longest_gap_30d"]) == (0, 0, 30)


def test_logins_of_an_account_that_sends_none_are_unknown() -> None:
    found = values(history(day(40, {"page": 1}), day(0, {"page": 1})))

    assert {"logins_7d", "login_trend", "days_since_last_login"} <= unknown(found)
    assert found["days_since_last_event"] == 0


def test_logins_and_page_views_and_facts_are_no_features_in_use() -> None:
    sent = {
        "login": 1,
        "page": 1,
        "identify": 1,
        "Subscription Started": 1,
        "NPS Submitted": 1,
        "Board Viewed": 1,
    }

    assert values(history(day(0, sent)))["features_adopted"] == 1


def test_users_are_counted_once_over_the_days_of_a_window() -> None:
    found = values(
        history(
            day(60, {"page": 1}, ("dan",)),
            day(31, {"page": 1}, ("ann", "bob", "cyd")),
            day(29, {"page": 2}, ("ann", "bob")),
            day(0, {"page": 2}, ("bob", "eve")),
        ),
        Profile(seats=4),
    )

    assert (found["users_30d"], found["users_change"]) == (3, 0)
    assert found["seat_utilization"] == 3 / 4


def test_a_window_with_a_crowded_day_is_counted_by_the_union_of_its_sketches() -> None:
    people = [user_hash(f"u{number}") for number in range(3000)]
    crowded, exact = union(NOBODY, people[:2000]), union(NOBODY, people[1900:2100])
    days = [Day(NOW - 1, {"page": 2000}, crowded), Day(NOW, {"page": 1000}, exact)]
    known = history_of("busy", days, events=EVENTS)

    found = values(known)

    assert found["users_30d"] == count(union(crowded, people[1900:2100]))
    assert found["users_30d"] == pytest.approx(2100, rel=0.06)
    assert values(known, at=NOW + 29)["users_30d"] == 200


def test_distinct_things_of_every_window() -> None:
    import numpy as np

    found = Occurrences(np.array([1, 1, 3, 4, 9]), np.array([7, 8, 7, 9, 7], dtype=np.uint64))

    counts = [found.distinct(3, last) for last in range(14)]

    assert counts == [0, 2, 2, 2, 2, 2, 1, 0, 0, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("profile", "seats"),
    [
        (Profile(seats=8, plan="starter"), 8),
        (Profile(limits={"seats": 4}, plan="starter"), 4),
        (Profile(plan="starter"), 5),
        (Profile(plan="unheard of"), None),
        (Profile(seats=0), None),
    ],
)
def test_seats_come_from_the_profile_else_from_the_plan(profile: Profile, seats: int | None) -> None:
    [row] = compute(
        [Row(history(day(0, {"page": 1})), Standing(profile=profile), NOW)], basis=Basis(plans=PLANS)
    ).tolist()

    found = row[NAMES.index("seat_utilization")]
    assert math.isnan(found) if seats is None else found == 1 / seats


def test_the_profile_in_numbers() -> None:
    start = end_of_day_ms(NOW - 40) + 1
    profile = Profile(
        created_at="2024-10-01T12:00:00Z",
        since_ms=start,
        mrr=1999,
        currency="EUR",
        renewal_date="2024-10-20",
        terms=(Term(plan="pro", start_ms=start, months=12),),
    )

    found = values(history(), profile)

    names = ("account_age_days", "tenure_days", "mrr", "days_to_renewal", "term_months")
    assert [found[name] for name in names] == [3, 39, 19.99, 16, 12]


@pytest.mark.parametrize(("currency", "mrr"), [("JPY", 1999.0), ("BHD", 1.999), (None, 19.99)])
def test_revenue_is_in_whole_units_of_its_currency(currency: str | None, mrr: float) -> None:
    assert values(history(), Profile(mrr=1999, currency=currency))["mrr"] == mrr


def test_a_renewal_that_is_past_or_unreadable_is_unknown() -> None:
    for date in ("2024-10-03", "soon"):
        assert "days_to_renewal" in unknown(values(history(), Profile(renewal_date=date)))
    assert values(history(), Profile(renewal_date="2024-10-04"))["days_to_renewal"] == 0


@pytest.mark.parametrize(("created", "age"), [("2024-10-03", 1), ("2024-10-04", 0), ("2024-10-09", 0)])
def test_an_account_is_as_old_as_it_says_and_never_younger_than_nothing(created: str, age: int) -> None:
    assert values(history(), Profile(created_at=created))["account_age_days"] == age


def test_a_vector_says_what_is_known() -> None:
    seen = history(day(3, {"page": 1}), day(-1, {"page": 1}))

    def known(as_of_ms: int) -> Known:
        return known_of(seen, NOTHING_SAID, Profile(name="A"), as_of_ms)

    [vector] = vectors_of([known(end_of_day_ms(NOW) + 7)], end_of_day_ms(NOW) + 7)

    assert (vector.first_day, vector.last_active_day) == (NOW - 3, NOW - 3)
    assert vector.profile.name == "A"
    assert vector.completeness == sum(not math.isnan(v) for v in vector.values.tolist()) / len(FEATURES)
    [earlier] = vectors_of([known(end_of_day_ms(NOW - 10))], end_of_day_ms(NOW - 10))
    assert (earlier.first_day, earlier.last_active_day) == (None, None)
