"""Triggers shuffled, repeated, late, in batches, side by side, with crashes and lost replies: one record."""

from collections import Counter

import pytest

from tests.simulation.scoring.broken import DESIGNS, falls_at
from tests.simulation.scoring.judge import outcome
from tests.simulation.scoring.story import story

SEEDS = 1_500
LONG = 10_000
SOON = 300
"""Seeds within which each broken design must fall."""


def test_the_stories_hold_all_that_may_go_wrong() -> None:
    stories = [story(seed) for seed in range(SEEDS)]

    faults = Counter(fault for one in stories for fault in one.faults.values())
    assert len(faults) == 5
    assert min(faults.values()) > 200
    assert sum(bool(one.ended) for one in stories) > SEEDS / 10
    several = [one for one in stories if len({event.version for event in one.events}) > 1]
    assert len(several) > SEEDS / 10
    assert sum(len(one.deliveries) > len(one.events) for one in stories) > SEEDS / 5
    late = [
        one
        for one in stories
        if [event.as_of_ms for delivery in one.deliveries for event in delivery]
        != sorted(event.as_of_ms for delivery in one.deliveries for event in delivery)
    ]
    assert len(late) > SEEDS / 2


def test_whatever_comes_the_record_is_what_the_rows_say_and_each_score_has_one_row() -> None:
    wrong = {seed: found for seed in range(SEEDS) if (found := outcome(seed))}

    assert wrong == {}


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_same_of_ten_thousand_stories() -> None:
    wrong = {seed: found for seed in range(SEEDS, SEEDS + LONG) if (found := outcome(seed))}

    assert wrong == {}


@pytest.mark.parametrize("name", DESIGNS)
def test_a_broken_design_falls_soon(name: str) -> None:
    seed = falls_at(name, within=SOON)

    assert seed is not None
