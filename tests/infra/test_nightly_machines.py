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


MACHINES = {"sweep": ("Score", "ScoreBatch"), "recompute": ("Recount", "RecountBucket")}
"""The names of each one's map and of what it does with a part."""


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


@pytest.fixture(scope="module")
def parts(definition: dict[str, Any], name: str) -> dict[str, Any]:
    """The map over the parts of a run."""
    found: dict[str, Any] = definition["States"][MACHINES[name][0]]
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

    assert names == {f"stemtide-{name}" for name in MACHINES}


def test_every_state_is_reached_and_every_path_ends(
    definition: dict[str, Any], parts: dict[str, Any]
) -> None:
    for machine in (definition, parts["ItemProcessor"]):
        reached, waiting = set(), {machine["StartAt"]}
        while waiting:
            name = waiting.pop()
            reached.add(name)
            waiting |= successors(machine["States"][name]) - reached

        assert reached == set(machine["States"])
        for name, state in machine["States"].items():
            assert state.get("End") or state["Type"] in ("Succeed", "Fail") or successors(state), name


def test_every_task_is_repeated_within_bounds(definition: dict[str, Any]) -> None:
    tasks = [state for _, state in states(definition) if state["Type"] == "Task"]

    assert len(tasks) == 4
    for task in tasks:
        [retry] = task["Retry"]
        assert retry["ErrorEquals"] == ["States.ALL"]
        assert 1 < retry["MaxAttempts"] <= 10
        assert retry["BackoffRate"] > 1
        assert retry["MaxDelaySeconds"] <= 60


def test_a_part_that_keeps_failing_stops_no_other_and_fails_the_run_at_its_end(
    definition: dict[str, Any], parts: dict[str, Any], name: str
) -> None:
    steps = parts["ItemProcessor"]["States"]

    [catch] = steps[MACHINES[name][1]]["Catch"]
    given_up = steps[catch["Next"]]

    assert catch["ErrorEquals"] == ["States.ALL"]
    assert (given_up["Type"], given_up["End"]) == ("Pass", True)
    assert {"failed.$": "$.size"}.items() <= given_up["Parameters"].items() or given_up["Parameters"] == {
        "failed": 1
    }
    verdict = definition["States"][definition["States"]["Finish"]["Next"]]
    [good] = verdict["Choices"]
    assert (good["Variable"], good["NumericEquals"]) == ("$.failed", 0)
    assert definition["States"][verdict["Default"]]["CausePath"] == "$.cause"


def test_a_map_that_fails_as_a_whole_is_noted(definition: dict[str, Any], parts: dict[str, Any]) -> None:
    assert parts["ToleratedFailurePercentage"] == 0
    assert "ToleratedFailureCount" not in parts
    [catch] = parts["Catch"]
    assert definition["States"][catch["Next"]]["Parameters"]["Payload"]["step"] == "fail"
    assert definition["States"][definition["States"][catch["Next"]]["Next"]]["Type"] == "Fail"


def test_parts_are_read_from_s3_and_worked_on_some_at_a_time(parts: dict[str, Any]) -> None:
    assert parts["ItemReader"]["Resource"] == "arn:aws:states:::s3:getObject"
    assert parts["ItemReader"]["ReaderConfig"] == {"InputType": "JSON"}
    assert parts["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert parts["MaxConcurrency"] == 10
    # neither exists in the local cloud: the parts are made, and results kept, without them
    assert not {"ItemBatcher", "ResultWriter"} & set(parts)


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
