"""Some runs of the simulation: what `make mutants` kills with, in seconds."""

import pytest

from tests.simulation.seeds import run_seeds

AT_A_TIME = 10


@pytest.mark.parametrize("first", range(0, 120, AT_A_TIME))
def test_whatever_goes_wrong_the_aggregates_are_exact(first: int) -> None:
    """A few seeds at a time, without looking for the shortest history: a mutant dies at once."""
    assert not run_seeds(range(first, first + AT_A_TIME)).wrong
