"""Twenty thousand runs: whatever goes wrong on the way, what is stored is what was put."""

import pytest

from tests.simulation.seeds import history, run_seeds

GROUPS = 20
SEEDS_PER_GROUP = 1_000


@pytest.mark.parametrize(
    "group",
    [pytest.param(group, marks=pytest.mark.xdist_group(f"seeds-{group}")) for group in range(GROUPS)],
)
def test_whatever_goes_wrong_the_aggregates_are_exact(group: int) -> None:
    first = group * SEEDS_PER_GROUP

    tally = run_seeds(range(first, first + SEEDS_PER_GROUP))

    assert not tally.wrong, history(min(tally.wrong))
    assert tally.seeds == SEEDS_PER_GROUP
    assert [pair for pair, seeds in tally.pairs().items() if not seeds] == []
