"""The nightly runs' state machines: what they do, step by step, and what they may."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.assemblies import Synth


def resolved(value: Any) -> Any:
    """A definition string with a name for each reference."""
    if isinstance(value, str):
        return value
    parts = value["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else json.dumps(part).replace('"', "'") for part in parts)


MACHINES = {
    "sweep": {"Extract": "ExtractBatch", "Score": "ScoreBatch"},
    "recompute": {"Recount": "RecountBucket"},
}
"""The names of each one's maps and of what they do with a part."""
LAST = {"sweep": ("Summary", "$.unmet"), "recompute": ("Finish", "$.failed")}
"""The step before the verdict, and what it must be zero of."""
MAPS = [(name, step) for name, steps in MACHINES.items() for step in steps]


def machine_of(synth: Synth, name: str) -> dict[str, Any]:
    [machine] = [
        found
        for found in synth.properties("AWS::StepFunctions::StateMachine")
        if found["StateMachineName"] == f"stemtide-{name}"
    ]
    assert machine["StateMachineType"] == "STANDARD"
    return machine


@pytest.fixture(scope="module", params=MACHINES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def definition(synth: Synth, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(resolved(machine_of(synth, name)["DefinitionString"]))
    return found


def parts_of(synth: Synth, name: str, step: str) -> dict[str, Any]:
    """A map over the parts of a run."""
    found: dict[str, Any] = json.loads(resolved(machine_of(synth, name)["DefinitionString"]))["States"][step]
    return found


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def successors(state: dict[str, Any]) -> set[str]:
    ends = {state.get("Next"), state.get("Default")}
    ends |= {choice["Next"] for choice in state.get("Choices", ())}
    ends |= {catcher["Next"] for catcher in state.get("Catch", ())}
    return {end for end in ends if end}


def test_there_is_no_state_machine_but_these(synth: Synth) -> None:
    names = {found["StateMachineName"] for found in synth.properties("AWS::StepFunctions::StateMachine")}

    assert names == {f"stemtide-{name}" for name in (*MACHINES, "dunning", "win-back", "retention")}


def test_every_state_is_reached_and_every_path_ends(definition: dict[str, Any], name: str) -> None:
    inner = [definition["States"][step]["ItemProcessor"] for step in MACHINES[name]]
    for machine in (definition, *inner):
        reached, waiting = set(), {machine["StartAt"]}
        while waiting:
            label = waiting.pop()
            reached.add(label)
            waiting |= successors(machine["States"][label]) - reached

        assert reached == set(machine["States"])
        for label, state in machine["States"].items():
            assert state.get("End") or state["Type"] in ("Succeed", "Fail") or successors(state), label


def test_every_task_is_repeated_within_bounds(definition: dict[str, Any], name: str) -> None:
    tasks = [state for _, state in states(definition) if state["Type"] == "Task"]

    assert len(tasks) == {"sweep": 7, "recompute": 4}[name]
    for task in tasks:
        [retry] = task["Retry"]
        assert retry["ErrorEquals"] == ["States.ALL"]
        assert 1 < retry["MaxAttempts"] <= 10
        assert retry["BackoffRate"] > 1
        assert retry["MaxDelaySeconds"] <= 60


@pytest.mark.parametrize(("name", "step"), MAPS)
def test_a_part_that_keeps_failing_stops_no_other_and_fails_the_run_at_its_end(
    synth: Synth, name: str, step: str
) -> None:
    parts = parts_of(synth, name, step)
    steps = parts["ItemProcessor"]["States"]

    [catch] = steps[MACHINES[name][step]]["Catch"]
    given_up = steps[catch["Next"]]

    assert catch["ErrorEquals"] == ["States.ALL"]
    assert (given_up["Type"], given_up["End"]) == ("Pass", True)
    assert parts["ResultPath"] is None  # the run's log has what became of the parts: it lacks this one
    states = json.loads(resolved(machine_of(synth, name)["DefinitionString"]))["States"]
    last, unmet = LAST[name]
    verdict = states[states[last]["Next"]]
    [good] = verdict["Choices"]
    assert (good["Variable"], good["NumericEquals"]) == (unmet, 0)
    assert states[verdict["Default"]]["CausePath"] == "$.cause"


@pytest.mark.parametrize(("name", "step"), MAPS)
def test_a_map_that_fails_as_a_whole_is_noted(synth: Synth, name: str, step: str) -> None:
    parts = parts_of(synth, name, step)
    states = json.loads(resolved(machine_of(synth, name)["DefinitionString"]))["States"]

    assert parts["ToleratedFailurePercentage"] == 0
    assert "ToleratedFailureCount" not in parts
    [catch] = parts["Catch"]
    assert states[catch["Next"]]["Parameters"]["Payload"]["step"] == "fail"
    assert states[states[catch["Next"]]["Next"]]["Type"] == "Fail"


@pytest.mark.parametrize(("name", "step"), MAPS)
def test_parts_are_read_from_s3_and_worked_on_some_at_a_time(synth: Synth, name: str, step: str) -> None:
    parts = parts_of(synth, name, step)

    assert parts["ItemReader"]["Resource"] == "arn:aws:states:::s3:getObject"
    assert parts["ItemReader"]["ReaderConfig"] == {"InputType": "JSON"}
    assert parts["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert parts["MaxConcurrency"] == 10
    # neither exists in the local cloud: the parts are made, and results kept, without them
    assert not {"ItemBatcher", "ResultWriter"} & set(parts)


def test_no_score_is_written_before_the_gate_has_judged(synth: Synth) -> None:
    states = json.loads(resolved(machine_of(synth, "sweep")["DefinitionString"]))["States"]

    def without(label: str) -> set[str]:
        """What is reached when a state is taken out."""
        reached, waiting = set(), {"Plan"}
        while waiting:
            found = waiting.pop()
            reached.add(found)
            waiting |= successors(states[found]) - reached - {label}
        return reached

    assert "Score" in without("Flag")
    assert not {"Score", "Flag", "Summary"} & without("Gate")
    [nothing] = states["MayBeScored"]["Choices"]
    assert (nothing["Variable"], nothing["StringEquals"], nothing["Next"]) == ("$.key", "", "Summary")


def test_a_state_machine_may_do_what_its_steps_do_and_nothing_else(synth: Synth, name: str) -> None:
    role = machine_of(synth, name)["RoleArn"]["Fn::GetAtt"][0]

    granted = [
        statement
        for policy in synth.properties("AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]

    actions = {
        action
        for statement in granted
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    }
    assert actions == {
        "lambda:InvokeFunction",
        "s3:GetObject",
        "states:DescribeExecution",
        "states:StartExecution",
        "states:StopExecution",
    }
    [trust] = synth.all("AWS::IAM::Role")[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
