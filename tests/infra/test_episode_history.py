"""What an episode costs in Step Functions: history and transitions of the synthesized state machine."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from stemtide.clock import REAL_TIME
from stemtide.config_dunning import MAX_DAYS, MAX_STEPS, MAX_TRIES, MailStep, Policy
from stemtide.dunning.decide import Action, Wait, decide
from stemtide.dunning.episode import Episode
from stemtide.dunning.handling import on_task
from stemtide.ports import UnavailableError

from simulator.dunning import collecting
from simulator.dunning.assumptions import shipped
from simulator.dunning.failures import draw
from tests.dunning_bench import Dunning
from tests.infra.assemblies import Synth
from tests.simulation.dunning.machine import Execution, Machine

DOCS = (Path(__file__).parents[2] / "docs" / "dunning.md").read_text()
PRICE = 0.025 / 1000
"""$ a transition (AWS Step Functions pricing, Standard, us-east-1)."""
PAYMENTS = 2_000
SEED = 7
LONGEST = Policy(
    retry_days=tuple(float(day) for day in range(1, MAX_TRIES)),
    mails=tuple(
        MailStep(name=f"mail_{number}", after_days=float(number * 7), last=number == MAX_STEPS - 1)
        for number in range(MAX_STEPS)
    ),
    end_days=float(MAX_DAYS),
)


@pytest.fixture(scope="module")
def definition(synth: Synth) -> dict[str, Any]:
    [machine] = [
        one
        for one in synth.properties("AWS::StepFunctions::StateMachine")
        if one["StateMachineName"] == "stemtide-dunning"
    ]
    parts = machine["DefinitionString"]["Fn::Join"][1]
    return dict(json.loads("".join(part if isinstance(part, str) else "STEPPER" for part in parts)))


@dataclass
class _OnMachine:
    """`Runs` on the interpreter."""

    machine: Machine

    def start(self, episode: Episode, /) -> None:
        self.machine.start(episode.execution, {"episode": episode.id, "run": episode.run})

    def runs(self, episode: Episode, /) -> bool:
        return self.machine.executions[episode.execution].running

    def wake(self, token: str, /) -> None:
        self.machine.wake(token)


def ran(
    definition: dict[str, Any], policy: Policy, fails: Callable[[int], bool] = lambda _: False
) -> tuple[Execution, Dunning]:
    """The one execution of an episode that is never paid; of its calls of the function some fail."""
    dunning = Dunning(policy=policy, then="do_not_honor", outcomes=("do_not_honor",))
    calls: list[str] = []

    def function(payload: dict[str, Any]) -> dict[str, Any]:
        calls.append(payload["do"])
        if fails(len(calls)):
            raise UnavailableError("no answer")
        dunning.bench.clock.now_s = -(-machine.now_ms // 1000)
        return on_task(
            payload, stepper=dunning.stepper, keeper=dunning.keeper, clock=REAL_TIME, now_ms=dunning.now_ms
        )

    machine = Machine(definition, function, dunning.now_ms(), history=25_000)
    dunning.runs = _OnMachine(machine)  # type: ignore[assignment]
    dunning.opened()
    machine.run(machine.now_ms + 400 * 86_400_000)
    [execution] = machine.executions.values()
    assert dunning.row.is_over
    assert not execution.running
    assert (
        execution.transitions
        == len(calls) + sum(not fails(n) for n, do in enumerate(calls, 1) if do == "step") + 1
    )
    return execution, dunning


def test_row_56_the_longest_policy_takes_fewer_than_five_thousand_events(definition: dict[str, Any]) -> None:
    quiet, dunning = ran(definition, LONGEST)
    troubled, _ = ran(definition, LONGEST, fails=lambda call: call % 4 != 0)

    assert len(dunning.mails) == MAX_STEPS
    assert len(dunning.charges()) == MAX_TRIES
    assert quiet.events < troubled.events < 5_000
    assert figures("longest policy") == cost(quiet)
    assert figures("the same") == cost(troubled)


def test_what_an_episode_costs_is_what_the_guide_says(definition: dict[str, Any]) -> None:
    never, _ = ran(definition, Policy())
    assumed = transitions_of_the_assumed_world()

    assert figures("never paid") == cost(never)
    assert figures("assumed world") == (round(assumed, 1), dollars(assumed))


def cost(execution: Execution) -> tuple[float, ...]:
    """History events, transitions, $ of a thousand such episodes."""
    return execution.events, execution.transitions, dollars(execution.transitions)


def dollars(transitions: float) -> float:
    """$ of a thousand episodes."""
    return round(1_000 * transitions * PRICE, 2)


def figures(row: str) -> tuple[float, ...]:
    """The numbers in the guide's row that begins so."""
    [text] = re.findall(rf"^\| {row}[^|]*\|(.*)\|$", DOCS, flags=re.M)
    return tuple(float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\.?\d*", text))


@cache
def transitions_of_the_assumed_world() -> float:
    """On average an episode's: a look is two, a wait one, the end one."""
    looks: list[Action] = []

    def counted(*args: Any, **more: Any) -> Action:
        looks.append(decide(*args, **more))
        return looks[-1]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(collecting, "decide", counted)
        for failure in draw(shipped(), count=PAYMENTS, seed=SEED):
            collecting.collect(failure, Policy())
    waits = sum(isinstance(one, Wait) for one in looks)
    return (2 * len(looks) + waits) / PAYMENTS + 1
