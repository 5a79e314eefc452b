"""Some runs of the simulation: what `make mutants` kills with, in seconds."""

from tests.simulation.seeds import history, run_seeds

SEEDS = 120


def test_whatever_goes_wrong_the_aggregates_are_exact() -> None:
    tally = run_seeds(range(SEEDS))

    assert not tally.wrong, history(min(tally.wrong))
