"""Many seeds of dunning are counted, kept and gone on with as those of the stream are."""

from pathlib import Path

import pytest
from stemtide.dunning.keeping import Keeper
from stemtide.runs import Swept

from tests.simulation import runner
from tests.simulation.dunning.seeds import Tally, run_seeds, story
from tests.simulation.dunning.world import KINDS, World, keeper_of
from tests.simulation.runner import State, load, report, run_all
from tests.simulation.simulations import SIMULATIONS


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHUNK", 2)
    path, dunning = tmp_path / "state.json", SIMULATIONS["dunning"]()
    begun = State(0, 5, Tally())
    begun.add(2, run_seeds(range(2, 4)), "an earlier commit")
    begun.save(path)

    state = load(dunning, path, 0, 5)
    run_all(dunning, state, jobs=1, path=path, progress=lambda _: None)

    whole = run_seeds(range(6))
    assert load(dunning, path, 0, 5).total == whole
    shown = report(state, jobs=1)
    assert (shown["seeds"], shown["wrong"], shown["episodes"]) == (6, 0, whole.episodes)
    assert (shown["tries"], shown["mails"], shown["endings"]) == (whole.tries, whole.mails, whole.endings)
    assert shown["pairs"] == len(KINDS) * (len(KINDS) - 1) // 2
    assert dunning.size(shown).startswith(f"{whole.episodes} episodes")


def test_a_seed_gives_the_same_run_again() -> None:
    assert story(17) == story(17)
    assert run_seeds([17]) == run_seeds([17])


def test_pairs_are_counted_in_seeds_in_which_both_happened() -> None:
    tally = Tally()
    for fired in (("crash", "pays"), ("pays",), ()):
        world = World(1)
        world.fired.update(fired)
        tally.add(1, world, [])

    both = Tally()
    both.merge(tally)
    both.merge(tally)

    found = both.covered()
    assert (found["kinds"]["pays"], found["kinds"]["crash"], found["kinds"]["voids"]) == (4, 2, 0)
    assert found["seeds_by_pair"]["crash + pays"] == 2
    assert found["pairs_covered"] == 1


class _Breaks(Keeper):
    def sweep(self) -> Swept:
        raise ZeroDivisionError("broken")


def test_what_a_run_raises_is_wrong_and_stops_no_other() -> None:
    def keeper(world: World) -> Keeper:
        right = keeper_of(world)
        fields = {name: getattr(right, name) for name in Keeper.__dataclass_fields__}
        return _Breaks(**fields) if world.seed == 3 else right

    tally = run_seeds([3, 4], keeper_of=keeper)

    assert tally.seeds == 2
    assert list(tally.wrong) == [3]
    assert "ZeroDivisionError" in tally.wrong[3][0]


def test_a_kind_of_fault_without_a_name_is_wrong() -> None:
    tally, world = Tally(), World(1)
    world.fired["lightning"] += 1

    tally.add(1, world, [])

    assert tally.wrong == {1: ["kinds of fault without a name: lightning"]}
