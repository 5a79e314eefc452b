"""A seed is one run, whoever runs it and however often; many of them may be interrupted."""

from pathlib import Path

import pytest

from tests.simulation import runner
from tests.simulation.generator import generate
from tests.simulation.kinds import BIT, NAMES, names
from tests.simulation.plan import Invoke, Put
from tests.simulation.runner import State, load, report, run_all
from tests.simulation.seeds import (
    MIN_RECORDS,
    Tally,
    drawn,
    outcome,
    run_seeds,
    smaller_than_promised,
)
from tests.simulation.simulations import SIMULATIONS
from tests.simulation.world import World


def test_a_seed_gives_the_same_run_again() -> None:
    one, other = (outcome(generate(11), tell=True)[0] for _ in range(2))

    assert one.story == other.story
    assert one.stored.bodies == other.stored.bodies
    assert one.stored.usage == other.stored.usage
    assert (one.fired, one.deliveries) == (other.fired, other.deliveries)


def test_telling_a_run_does_not_change_it() -> None:
    told, silent = outcome(generate(12), tell=True)[0], outcome(generate(12))[0]

    assert told.stored.usage == silent.stored.usage
    assert told.fired == silent.fired


def test_every_plan_has_what_the_promise_asks_for() -> None:
    for seed in range(50):
        plan = generate(seed)

        assert plan.records() == MIN_RECORDS
        assert plan.shards >= 3
        assert {type(op) for op in plan.ops} >= {Put, Invoke}


def test_each_kind_of_fault_has_a_bit_of_its_own() -> None:
    assert len(set(BIT.values())) == len(NAMES)
    assert names(BIT["split"] | BIT["merge"]) == ["split", "merge"]


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHUNK", 2)
    path, seen = tmp_path / "state.json", []
    begun = State(0, 5, Tally())
    begun.add(2, run_seeds(range(2, 4)), "an earlier commit")
    begun.seconds = 100.0
    begun.save(path)

    stream = SIMULATIONS["stream"]()
    state = load(stream, path, 0, 5)
    run_all(stream, state, jobs=1, path=path, progress=lambda state: seen.append(sorted(state.done)))

    assert seen == [[0, 2], [0, 2, 4]]
    whole = run_seeds(range(6))
    assert load(stream, path, 0, 5).total == whole
    shown = report(state, jobs=1)
    assert (shown["seeds"], shown["wrong"], shown["records"]) == (6, 0, whole.records)
    assert shown["seconds"] > 100
    assert shown["commits"].pop("an earlier commit") == 2
    assert list(shown["commits"].values()) == [4]


def test_the_state_of_other_seeds_is_refused(tmp_path: Path) -> None:
    State(0, 5, Tally()).save(tmp_path / "state.json")

    with pytest.raises(ValueError, match="is of the seeds 0-5"):
        load(SIMULATIONS["stream"](), tmp_path / "state.json", 0, 6)


def test_pairs_are_counted_in_seeds_in_which_both_happened() -> None:
    tally = Tally()
    worlds = [World(generate(seed)) for seed in range(3)]
    for world, bits in zip(worlds, (BIT["split"] | BIT["merge"], BIT["split"], 0), strict=True):
        world.fired = bits
        tally.add(world.plan.seed, world, [])

    both = Tally()
    both.merge(tally)
    both.merge(tally)

    assert (tally.pairs()["split", "merge"], both.pairs()["split", "merge"]) == (1, 2)
    assert tally.pairs()["hot account", "split"] == 0
    assert (tally.kinds()["split"], both.kinds()["split"]) == (2, 4)


def test_a_run_that_is_smaller_than_promised_is_wrong() -> None:
    tally, world = Tally(), World(generate(0))

    tally.add(0, world, [])

    assert tally.wrong == {0: [f"too small: 0 records, 0 shards, {world.fired.bit_count()} kinds of fault"]}


def test_a_plan_that_leaves_a_shard_empty_is_drawn_anew() -> None:
    small = outcome(generate(300_033))[0]
    world, wrong = drawn(300_033)

    assert smaller_than_promised(small) == "too small: 206 records, 2 shards, 20 kinds of fault"
    assert (smaller_than_promised(world), wrong) == (None, [])
    assert run_seeds([300_033]).wrong == {}
