"""Twenty thousand episodes: whatever goes wrong, nothing is taken twice and nobody is bothered wrongly."""

import pytest

from tests.simulation.dunning.broken import BROKEN
from tests.simulation.dunning.seeds import first_wrong, run_seeds, story
from tests.simulation.dunning.world import KINDS

GROUPS = 20
SEEDS_PER_GROUP = 1_000
ENDINGS = {"recovered", "settled", "canceled", "exhausted", "held"}


@pytest.mark.parametrize(
    "group",
    [pytest.param(group, marks=pytest.mark.xdist_group(f"dunning-{group}")) for group in range(GROUPS)],
)
def test_whatever_goes_wrong_money_and_mail_are_right(group: int) -> None:
    first = group * SEEDS_PER_GROUP

    tally = run_seeds(range(first, first + SEEDS_PER_GROUP))

    assert not tally.wrong, story(min(tally.wrong))
    assert tally.seeds == SEEDS_PER_GROUP
    assert set(tally.fired) == set(KINDS)
    assert set(tally.endings) == ENDINGS


@pytest.mark.parametrize("design", BROKEN)
def test_a_broken_design_falls_by_its_own_harm_within_five_hundred_seeds(design: str) -> None:
    replaced, harm = BROKEN[design]

    assert first_wrong(range(500), harm, **replaced()) is not None
