"""The state machines of episodes, as they are synthesized."""

import json
from typing import Any

import pytest
from stemtide import config_dunning, config_plays
from stemtide.dunning import decide as dunning
from stemtide.plays import decide as plays

from tests.infra.assemblies import Synth

HISTORY = 25_000
"""Events of an execution (Step Functions)."""
DAY_MS = 86_400_000


PLAY_DAYS = config_plays.MAX_DAYS * DAY_MS // plays.LOOK_AGAIN_MS
LOOKS = {
    "dunning": config_dunning.MAX_DAYS * DAY_MS // dunning.LOOK_AGAIN_MS
    + 3 * (config_dunning.MAX_STEPS + config_dunning.MAX_TRIES),
    "win-back": PLAY_DAYS + 3 * config_plays.MAX_STEPS,
    "retention": PLAY_DAYS + 6 * config_plays.MAX_STEPS,
}
"""How often a row is looked at, by its state machine; a retention play has the steps of two tiers."""
STEPPERS = {"dunning": "dunning", "win-back": "plays", "retention": "plays"}


@pytest.fixture(scope="module", params=LOOKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def machine(synth: Synth, name: str) -> dict[str, Any]:
    [found] = [
        one
        for one in synth.properties("AWS::StepFunctions::StateMachine")
        if one["StateMachineName"] == f"stemtide-{name}"
    ]
    return dict(found)


@pytest.fixture(scope="module")
def states(machine: dict[str, Any]) -> dict[str, Any]:
    parts = machine["DefinitionString"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "STEPPER" for part in parts)
    return dict(json.loads(text)["States"])


def test_every_state_is_reached_and_the_machine_ends(states: dict[str, Any]) -> None:
    reached, ahead = set(), ["Step"]
    while ahead:
        name = ahead.pop()
        if name in reached:
            continue
        reached.add(name)
        state = states[name]
        ahead += [one for one in (state.get("Next"), state.get("Default")) if one]
        ahead += [rule["Next"] for rule in (*state.get("Choices", ()), *state.get("Catch", ()))]

    assert reached == set(states)
    assert [name for name, state in states.items() if state["Type"] == "Succeed"] == ["Over"]


def test_a_wait_hands_over_its_token_and_what_it_was_decided_on_and_ends_by_itself(
    states: dict[str, Any],
) -> None:
    wait = states["Wait"]

    assert wait["Resource"].endswith(":lambda:invoke.waitForTaskToken")
    assert wait["TimeoutSecondsPath"] == "$.seconds"
    assert wait["Parameters"]["Payload"]["token.$"] == "$$.Task.Token"
    assert wait["Parameters"]["Payload"]["seen.$"] == "$.seen"
    assert [rule["ErrorEquals"] for rule in wait["Retry"]] == [["States.TaskFailed"]]
    assert wait["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Step"}]


def test_the_longest_episode_fits_into_an_executions_history(states: dict[str, Any], name: str) -> None:
    """A loop enters and leaves all states; a task is scheduled, started, handed out and ended, at most seven
    times."""
    tries = [1 + max(rule["MaxAttempts"] for rule in states[state]["Retry"]) for state in ("Step", "Wait")]
    a_loop = 2 * len(states) + 4 * sum(tries)

    assert a_loop * LOOKS[name] < HISTORY


def test_it_may_invoke_its_stepper_and_nothing_else(synth: Synth, machine: dict[str, Any], name: str) -> None:
    role = machine["RoleArn"]["Fn::GetAtt"][0]
    [statements] = [
        policy["PolicyDocument"]["Statement"]
        for policy in synth.properties("AWS::IAM::Policy")
        if policy["Roles"] == [{"Ref": role}]
    ]
    stepper, _ = synth.function(STEPPERS[name])

    [statement] = statements
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"] == {"Fn::GetAtt": [stepper, "Arn"]}
