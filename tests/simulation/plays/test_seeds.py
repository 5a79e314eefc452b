"""Twenty thousand runs of plays: one offer a customer, nothing after a stop, one outcome each."""

import pytest

from tests.simulation.plays.broken import BROKEN
from tests.simulation.plays.seeds import first_wrong, run_seeds, story

GROUPS = 10
SEEDS_PER_GROUP = 2_000
OUTCOMES = {
    *("win_back lost", "win_back reactivated", "win_back unobserved"),
    *("retention saved", "retention churned", "retention unobserved"),
}
HALTS = {
    *("win_back None", "win_back held_out", "win_back held", "win_back opted_out"),
    *("win_back complained", "win_back bounced"),
    *("retention None", "retention held_out", "retention held", "retention left_tier"),
}


@pytest.mark.parametrize(
    "group",
    [pytest.param(group, marks=pytest.mark.xdist_group(f"plays-{group}")) for group in range(GROUPS)],
)
def test_whatever_goes_wrong_customers_and_offers_are_treated_right(group: int) -> None:
    first = group * SEEDS_PER_GROUP

    tally = run_seeds(range(first, first + SEEDS_PER_GROUP))

    assert not tally.wrong, story(min(tally.wrong))
    assert tally.seeds == SEEDS_PER_GROUP
    assert set(tally.outcomes) == OUTCOMES
    assert set(tally.halts) == HALTS
    assert tally.coupons > 0


@pytest.mark.parametrize("design", BROKEN)
def test_a_broken_design_falls_within_five_hundred_seeds(design: str) -> None:
    assert first_wrong(range(500), **BROKEN[design]()) is not None
