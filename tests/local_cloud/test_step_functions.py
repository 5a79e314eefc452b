"""StartExecution by AWS's rules of idempotence, and the sweep's own states."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.constructs.nightly_sweep import states as sweep_states
from tests.local_cloud.consumers import ROLE
from tests.local_cloud.emulator_process import Emulator, eventually

WAITING = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
PASSING = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


def machine(states: Any, name: str, definition: dict[str, Any]) -> str:
    created = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    return str(created["stateMachineArn"])


def test_the_same_name_and_input_start_a_running_execution_once(emulator: Emulator) -> None:
    """ "If you call StartExecution with the same name and input as a running execution, the call succeeds and
    return the same response as the original request"."""
    states = emulator.client("stepfunctions")
    arn = machine(states, "waiting", WAITING)

    first = states.start_execution(stateMachineArn=arn, name="case-1", input='{"a": 1}')
    again = states.start_execution(stateMachineArn=arn, name="case-1", input='{"a": 1}')

    assert again["executionArn"] == first["executionArn"]
    assert again["startDate"] == first["startDate"]
    assert len(states.list_executions(stateMachineArn=arn)["executions"]) == 1


def test_another_input_or_a_closed_execution_is_refused(emulator: Emulator) -> None:
    """ "If the execution is closed or if the input is different, it returns a 400
    ExecutionAlreadyExists error"."""
    states = emulator.client("stepfunctions")
    waiting, passing = machine(states, "refusing", WAITING), machine(states, "closed", PASSING)
    states.start_execution(stateMachineArn=waiting, name="case-1", input='{"a": 1}')
    closed = states.start_execution(stateMachineArn=passing, name="case-1", input="{}")["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=closed)["status"] == "SUCCEEDED")

    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(stateMachineArn=waiting, name="case-1", input='{"a": 2}')
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(stateMachineArn=passing, name="case-1", input="{}")


def test_a_map_with_batches_that_are_given_up_goes_on_and_drops_their_answers(emulator: Emulator) -> None:
    """The sweep's own second map, with a function that does not exist and without pauses: what the next state
    gets is what the map was given."""
    states, s3 = emulator.client("stepfunctions"), emulator.client("s3")
    s3.create_bucket(Bucket="batches")
    items = [{"number": 0, "size": 2}, {"number": 1, "size": 1}]
    s3.put_object(Bucket="batches", Key="night", Body=json.dumps(items).encode())
    missing = "arn:aws:lambda:us-east-1:000000000000:function:missing"
    steps = sweep_states(planner=missing, scorer=missing, concurrency=2)["States"]
    score = steps["Score"]
    del score["ItemProcessor"]["States"]["ScoreBatch"]["Retry"]
    found = {"Score": {**score, "Next": "Flag"}, "Flag": {"Type": "Succeed"}, "NoteFailure": steps["Failed"]}
    given = {"bucket": "batches", "key": "night", "run": "r"}

    arn = machine(states, "answers", {"StartAt": "Score", "States": found})
    run = states.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=run)["status"] != "RUNNING")
    ended = states.describe_execution(executionArn=run)

    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == given


@pytest.mark.parametrize(
    ("answer", "status"), [({"unmet": 0}, "SUCCEEDED"), ({"unmet": 2, "cause": "the gate tripped"}, "FAILED")]
)
def test_what_the_summary_answers_is_the_runs_verdict(
    emulator: Emulator, answer: dict[str, Any], status: str
) -> None:
    states = emulator.client("stepfunctions")
    steps = sweep_states(planner="p", scorer="s", concurrency=2)["States"]
    kept = {name: steps[name] for name in ("EveryAccountScored", "Scored", "Failed")}

    arn = machine(states, f"verdict-{status}", {"StartAt": "EveryAccountScored", "States": kept})
    run = states.start_execution(stateMachineArn=arn, input=json.dumps(answer))["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=run)["status"] != "RUNNING")
    ended = states.describe_execution(executionArn=run)

    assert (ended["status"], ended.get("cause")) == (status, answer.get("cause"))


def test_a_night_that_may_not_be_scored_goes_to_its_summary(emulator: Emulator) -> None:
    states = emulator.client("stepfunctions")
    steps = sweep_states(planner="p", scorer="s", concurrency=2)["States"]
    ends = {"Summary": {"Type": "Pass", "Result": "summary", "End": True}}
    ends["Score"] = {"Type": "Pass", "Result": "score", "End": True}
    machine_of = {"StartAt": "MayBeScored", "States": {"MayBeScored": steps["MayBeScored"], **ends}}
    arn = machine(states, "may-be-scored", machine_of)

    def end_of(key: str) -> Any:
        given = json.dumps({"key": key})
        run = states.start_execution(stateMachineArn=arn, input=given)["executionArn"]
        eventually(lambda: states.describe_execution(executionArn=run)["status"] == "SUCCEEDED")
        return json.loads(states.describe_execution(executionArn=run)["output"])

    assert (end_of(""), end_of("sweeps/r/score.json")) == ("summary", "score")
