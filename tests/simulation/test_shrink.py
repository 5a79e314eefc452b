"""A failing run is made small and told step by step."""

from tests.simulation import plan as p
from tests.simulation.broken import DESIGNS
from tests.simulation.generator import generate
from tests.simulation.seeds import fails, history, outcome
from tests.simulation.shrink import fewest, shrink


def test_only_what_is_needed_for_the_failure_remains() -> None:
    assert list(fewest(range(50), lambda items: {7, 31} <= set(items))) == [7, 31]


def test_a_double_count_is_shown_in_a_few_steps() -> None:
    with DESIGNS["plain ADD"].in_place():
        plan = shrink(generate(0), fails)

        assert fails(plan)

    assert len(plan.ops) <= 4
    assert plan.records() <= 10


def test_a_history_tells_what_was_put_what_happened_and_what_is_wrong() -> None:
    with DESIGNS["plain ADD"].in_place():
        told = history(0)

    assert "seed 0: " in told
    assert "records after" in told
    assert "Items put" in told
    assert "wrong:\n" in told


def test_a_plan_without_steps_is_a_run_too() -> None:
    plan = generate(1)

    world, wrong = outcome(p.Plan(**{name: getattr(plan, name) for name in plan.__slots__} | {"ops": ()}))

    assert (wrong, world.deliveries) == ([], 0)
