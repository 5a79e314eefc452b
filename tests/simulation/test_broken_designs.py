"""What does not work is caught, and soon."""

import pytest

from tests.simulation.aftermath import put_letter_back
from tests.simulation.broken import DESIGNS, falls_at, handed_back
from tests.simulation.generator import generate
from tests.simulation.seeds import run_seeds

WITHIN = 500


@pytest.mark.parametrize("name", DESIGNS)
def test_a_broken_design_falls(name: str) -> None:
    assert falls_at(name, within=WITHIN) is not None


def test_the_product_is_whole_again_after_a_broken_design() -> None:
    assert falls_at("plain ADD", within=WITHIN) is not None

    assert not run_seeds(range(3)).wrong


def test_what_was_given_up_is_counted_when_it_is_put_back_into_the_stream() -> None:
    """So it is the old sequence numbers that make the calls vanish."""
    assert [handed_back(generate(seed), put_letter_back) for seed in range(100)] == [[]] * 100
