"""What the terms of an account's plans tell: upgrades, downgrades, prices, room above."""

import math

import pytest
from stemtide.as_of import end_of_day_ms
from stemtide.config_schema import Plan
from stemtide.facts import Fact, standing_at
from stemtide.features.kernel import Row, compute
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import NAMES
from stemtide.profile import NOTHING_SAID

from tests.features_support import NOW, history

PLANS = (Plan(name="starter", rank=1), Plan(name="team", rank=2), Plan(name="business", rank=3))
HISTORY = (
    "past_upgrades",
    "past_downgrades",
    "downgraded_last_period",
    "upgraded_last_period",
    "mrr_change_last_period",
    "plans_above",
    "terms_so_far",
)


def started(
    ago: int, plan: str, mrr: int | None, *, addon: bool = False, known_ago: int | None = None
) -> Fact:
    at = end_of_day_ms(NOW - ago) - 1000
    known = at if known_ago is None else end_of_day_ms(NOW - known_ago)
    data = {"plan": plan, "mrr": mrr, "term_months": 1, "addon": addon}
    return Fact(id=f"{ago}{plan}", known_ms=known, at_ms=at, kind="started", data=data)


def plan_history(*facts: Fact, at: int = NOW) -> list[float | None]:
    standing = standing_at(facts, end_of_day_ms(at))
    [row] = compute([Row(history(), standing, at)], basis=Basis(plans=PLANS)).tolist()
    found = dict(zip(NAMES, row, strict=True))
    return [None if math.isnan(found[name]) else found[name] for name in HISTORY]


def test_without_terms_nothing_is_known() -> None:
    assert plan_history() == [None] * 7
    [row] = compute([Row(history(), NOTHING_SAID, NOW)], basis=Basis(plans=PLANS)).tolist()
    assert all(math.isnan(row[NAMES.index(name)]) for name in HISTORY)


def test_the_first_term_has_none_to_be_compared_with() -> None:
    assert plan_history(started(5, "team", 900)) == [0, 0, None, None, None, 1, 1]


def test_upgrades_downgrades_and_prices_are_told_by_the_terms_in_their_order() -> None:
    facts = [
        started(90, "starter", 500),
        started(60, "business", 2_000),
        started(30, "team", 1_500),
        started(2, "team", 1_200),
    ]

    assert plan_history(*facts) == [1, 1, 1, 0, -0.2, 1, 4]
    assert plan_history(*facts, at=NOW - 10) == [1, 1, 1, 0, -0.25, 1, 3]
    assert plan_history(*facts, at=NOW - 40) == [1, 0, 0, 1, 3.0, 0, 2]


def test_a_renewal_is_neither_and_an_addon_is_no_plan() -> None:
    facts = [started(40, "team", 900), started(20, "meetings", 100, addon=True), started(10, "team", 900)]

    assert plan_history(*facts) == [0, 0, 0, 0, 0, 1, 2]


@pytest.mark.parametrize(("before", "after"), [(None, 900), (900, None)])
def test_without_two_prices_their_change_is_unknown(before: int | None, after: int | None) -> None:
    found = plan_history(started(40, "team", before), started(10, "business", after))

    assert found == [1, 0, None, 1, None, 0, 2]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [(0, 900, [0, None]), (0, 0, [0, None]), (900, 0, [1, -1]), (1000, 999, [1, -0.001])],
)
def test_nothing_is_a_price_below_which_none_falls_and_of_which_nothing_is_a_share(
    before: int, after: int, told: list[float | None]
) -> None:
    found = dict(
        zip(HISTORY, plan_history(started(40, "team", before), started(10, "team", after)), strict=True)
    )

    assert [found["downgraded_last_period"], found["mrr_change_last_period"]] == told


def test_a_plan_that_is_not_configured_has_no_rank() -> None:
    facts = [started(40, "legacy", 900), started(20, "team", 900), started(10, "other", 900)]

    assert plan_history(*facts) == [0, 0, 0, None, 0, None, 3]


def test_what_became_known_later_is_no_hindsight() -> None:
    facts = [started(40, "starter", 500), started(20, "business", 900, known_ago=5)]

    assert plan_history(*facts, at=NOW - 6) == [0, 0, None, None, None, 2, 1]
    assert plan_history(*facts, at=NOW - 5) == [1, 0, 0, 1, 0.8, 0, 2]
