"""The nightly run's state machine: what it does, step by step, and what it may."""

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


@pytest.fixture(scope="module")
def definition(synth: Synth) -> dict[str, Any]:
    [machine] = synth.properties("AWS::StepFunctions::StateMachine")
    assert machine["StateMachineType"] == "STANDARD"
    found: dict[str, Any] = json.loads(resolved(machine["DefinitionString"]))
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


def test_every_state_is_reached_and_every_path_ends(definition: dict[str, Any]) -> None:
    for machine in (definition, definition["States"]["Score"]["ItemProcessor"]):
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


def test_a_batch_that_keeps_failing_stops_no_other_and_fails_the_run_at_its_end(
    definition: dict[str, Any],
) -> None:
    steps = definition["States"]["Score"]["ItemProcessor"]["States"]

    [catch] = steps["ScoreBatch"]["Catch"]
    given_up = steps[catch["Next"]]

    assert catch["ErrorEquals"] == ["States.ALL"]
    assert (given_up["Type"], given_up["End"], given_up["Parameters"]["failed.$"]) == ("Pass", True, "$.size")
    verdict = definition["States"][definition["States"]["Finish"]["Next"]]
    [good] = verdict["Choices"]
    assert (good["Variable"], good["NumericEquals"]) == ("$.failed", 0)
    assert definition["States"][verdict["Default"]]["CausePath"] == "$.cause"


def test_a_map_that_fails_as_a_whole_is_noted(definition: dict[str, Any]) -> None:
    score = definition["States"]["Score"]

    assert score["ToleratedFailurePercentage"] == 0
    assert "ToleratedFailureCount" not in score
    [catch] = score["Catch"]
    assert definition["States"][catch["Next"]]["Parameters"]["Payload"]["step"] == "fail"
    assert definition["States"][definition["States"][catch["Next"]]["Next"]]["Type"] == "Fail"


def test_batches_are_read_from_s3_and_scored_some_at_a_time(definition: dict[str, Any]) -> None:
    score = definition["States"]["Score"]

    assert score["ItemReader"]["Resource"] == "arn:aws:states:::s3:getObject"
    assert score["ItemReader"]["ReaderConfig"] == {"InputType": "JSON"}
    assert score["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert score["MaxConcurrency"] == 10
    # neither exists in the local cloud: the batches are made, and results kept, without them
    assert not {"ItemBatcher", "ResultWriter"} & set(score)


def test_the_state_machine_may_do_what_its_steps_do_and_nothing_else(synth: Synth) -> None:
    [machine] = synth.properties("AWS::StepFunctions::StateMachine")
    role = machine["RoleArn"]["Fn::GetAtt"][0]

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
