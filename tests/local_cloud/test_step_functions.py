"""StartExecution by AWS's rules of idempotence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.constructs.nightly_sweep import GIVEN_UP, WORDS
from infra.constructs.plan_map_finish import Work, definition
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


def test_a_batch_of_the_sweep_that_keeps_failing_is_counted_and_the_run_ends_failed(
    emulator: Emulator,
) -> None:
    """The state machine itself, from its map on, with functions that do not exist and without pauses."""
    states, s3 = emulator.client("stepfunctions"), emulator.client("s3")
    s3.create_bucket(Bucket="batches")
    batches = [{"accounts": ["a", "b"], "size": 2}, {"accounts": ["c"], "size": 1}]
    s3.put_object(Bucket="batches", Key="night", Body=json.dumps(batches).encode())
    missing = "arn:aws:lambda:us-east-1:000000000000:function:missing"
    work = Work(
        words=WORDS,
        invocation={"FunctionName": missing, "Payload.$": "$"},
        given_up=GIVEN_UP,
        finish={"results.$": "$.results"},
    )
    steps = definition(work, planner=missing, concurrency=2)["States"]
    del steps["Score"]["ItemProcessor"]["States"]["ScoreBatch"]["Retry"]
    counted = {"Type": "Pass", "Parameters": {"failed": 3, "cause": "3 accounts", "results.$": "$.results"}}
    kept = {name: steps[name] for name in ("EveryAccountScored", "Scored", "Failed", "Score")}
    small = {**kept, "Finish": {**counted, "Next": "EveryAccountScored"}, "NoteFailure": steps["Failed"]}
    whole = {**small, "Finish": {**counted, "End": True}}
    given = json.dumps({"bucket": "batches", "key": "night"})

    ended = []
    for name, found in (("verdict", small), ("answers", whole)):
        arn = machine(states, name, {"StartAt": "Score", "States": found})
        run = states.start_execution(stateMachineArn=arn, input=given)["executionArn"]
        eventually(lambda run=run: states.describe_execution(executionArn=run)["status"] != "RUNNING")
        ended.append(states.describe_execution(executionArn=run))

    assert (ended[0]["status"], ended[0]["cause"]) == ("FAILED", "3 accounts")
    lost = json.loads(ended[1]["output"])["results"]
    assert [(one["failed"], one["first"], one["given_up"]) for one in lost] == [
        (2, "a", True),
        (1, "c", True),
    ]
