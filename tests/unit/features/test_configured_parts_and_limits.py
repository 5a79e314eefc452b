"""Parts of the product, meters and limits as they are configured; discounts."""

import math

import pytest
from stemtide.config_schema import Events, Group, Plan
from stemtide.features.configured_features import Shape
from stemtide.features.history import Day, history_of
from stemtide.features.kernel import Row, compute, no_history
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import registry
from stemtide.limits import SATURATED
from stemtide.profile import Profile, Standing
from stemtide.users import NOBODY, union, user_hash

from tests.features_support import NOW

EVENTS = Events(
    features=(Group(name="boards", events=("Board *",)), Group(name="all_viewed", events=("* Viewed",))),
    meters=(Group(name="exports", events=("* Exported",)),),
)
PRO = Plan(name="pro", rank=1, limits={"exports": 100, "seats": 10}, mrr=5_000, mrr_per_seat=1_000)
ON_PRO = Profile(plan="pro")
BASIS = Basis(plans=(PRO,), currency="EUR", shape=Shape.of(EVENTS))


def values(days: list[Day], profile: Profile = ON_PRO, *, first_ago: int = 200) -> dict[str, float]:
    known = history_of("acme", days, events=EVENTS, first_day=NOW - first_ago)
    [row] = compute([Row(known, Standing(profile=profile), NOW)], basis=BASIS).tolist()
    return dict(zip(registry(BASIS.shape).names, row, strict=True))


def use(ago: int, counts: dict[str, int], users: int = 1) -> Day:
    return Day(NOW - ago, counts, union(NOBODY, [user_hash(f"u{n}") for n in range(users)]))


def test_an_event_may_belong_to_several_parts() -> None:
    found = values([use(3, {"Board Viewed": 2, "Board Moved": 1, "Page Viewed": 3, "login": 4})])

    assert found["boards_share_30d"] == 0.3
    assert found["all_viewed_share_30d"] == 0.5
    assert (found["boards_total"], found["all_viewed_total"]) == (3, 5)
    assert found["features_adopted"] == 2


def test_only_named_parts_are_adopted_once_some_are_named() -> None:
    assert values([use(3, {"Report Created": 5})])["features_adopted"] == 0


def test_a_total_stops_where_more_says_nothing() -> None:
    days = [use(ago, {"Board Moved": SATURATED}) for ago in (359, 5)]

    assert values(days)["boards_total"] == SATURATED
    assert values(days[:1])["total_events"] == SATURATED
    assert values([use(360, {"Board Moved": 1})])["boards_total"] == 0


def test_a_total_is_known_from_the_first_day_on() -> None:
    assert values([use(0, {"Board Moved": 3})], first_ago=0)["boards_total"] == 3


@pytest.mark.parametrize(
    ("before", "now", "days"),
    [
        (20, 40, 90),  # 60 left, 20 more in 30 days
        (0, 40, 45),
        (39, 40, 365),
        (40, 40, 365),
        (50, 40, 365),
        (0, 100, 0),
        (90, 130, 0),
        (100, 100, 0),  # it does not grow any more
        (120, 100, 0),
        (30, 99, 1),
    ],
)
def test_a_limit_is_reached_when_use_goes_on_growing(before: int, now: int, days: int) -> None:
    earlier = [use(40, {"Board Exported": before})] if before else []

    found = values([*earlier, use(4, {"Board Exported": now})])

    assert found["exports_days_to_limit"] == days
    assert found["exports_limit_use"] == now / 100


def test_an_accounts_own_limit_comes_before_the_plans() -> None:
    day = [use(4, {"Board Exported": 40}, users=5)]

    assert values(day, Profile(plan="pro", limits={"exports": 50, "seats": 20}))["exports_limit_use"] == 0.8
    assert values(day, Profile(plan="pro", limits={"seats": 20}))["seats_limit_use"] == 0.25
    assert values(day)["seats_limit_use"] == 0.5


def test_an_unlimited_meter_has_no_limit() -> None:
    found = values([use(4, {"Board Exported": 40})], Profile(plan="other"))

    assert math.isnan(found["exports_limit_use"])
    assert math.isnan(found["exports_days_to_limit"])
    assert math.isnan(found["api_calls_limit_use"])


@pytest.mark.parametrize(
    ("profile", "discount"),
    [
        (Profile(plan="pro", seats=5, mrr=10_000, currency="EUR"), 0.0),
        (Profile(plan="pro", seats=5, mrr=7_500), 0.25),
        (Profile(plan="pro", mrr=15_000, currency="EUR"), 0.0),  # the plan's 10 seats
        (Profile(plan="pro", seats=0, mrr=6_000, currency="EUR"), -0.2),
        (Profile(plan="pro", seats=5, mrr=7_500, currency="USD"), None),
        (Profile(plan="pro", seats=5), None),
        (Profile(plan="other", seats=5, mrr=7_500), None),
    ],
)
def test_a_discount_is_what_is_not_asked_of_the_list_price(profile: Profile, discount: float | None) -> None:
    found = values([], profile)["discount"]

    assert math.isnan(found) if discount is None else found == discount


def test_an_account_that_was_never_seen_has_the_same_columns() -> None:
    [row] = compute([Row(no_history(BASIS.shape), Standing(), NOW)], basis=BASIS)

    assert len(row) == len(registry(BASIS.shape).names)
    assert row[registry(BASIS.shape).names.index("history_days")] == 0
