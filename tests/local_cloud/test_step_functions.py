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


def test_a_callback_task_times_out_after_the_seconds_of_its_input(emulator: Emulator) -> None:
    """ "If you want to provide a timeout value dynamically from the state input using a reference path, use
    TimeoutSecondsPath" (Amazon States Language)."""
    states, queue = emulator.client("stepfunctions"), emulator.client("sqs")
    url = queue.create_queue(QueueName="tokens")["QueueUrl"]
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "TimeoutSecondsPath": "$.seconds",
        "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": "TimedOut"}],
        "End": True,
    }
    definition = {"StartAt": "Wait", "States": {"Wait": wait, "TimedOut": {"Type": "Succeed"}}}

    arn = machine(states, "timing-out", definition)
    run = states.start_execution(stateMachineArn=arn, input='{"seconds": 1}')["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=run)["status"] == "SUCCEEDED")

    assert "error" in json.loads(states.describe_execution(executionArn=run)["output"])
    token = json.loads(queue.receive_message(QueueUrl=url)["Messages"][0]["Body"])["token"]
    with pytest.raises(states.exceptions.TaskDoesNotExist):
        states.send_task_success(taskToken=token, output="{}")


def test_a_callback_task_fails_with_its_function(emulator: Emulator) -> None:
    """A function that is not there, or raises, answers no token: its task fails at once."""
    states = emulator.client("stepfunctions")
    missing = "arn:aws:lambda:us-east-1:000000000000:function:missing"
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": missing, "Payload": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 3600,
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Failed"}],
        "End": True,
    }
    definition = {"StartAt": "Wait", "States": {"Wait": wait, "Failed": {"Type": "Succeed"}}}

    arn = machine(states, "failing", definition)
    run = states.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=run)["status"] == "SUCCEEDED")

    assert json.loads(states.describe_execution(executionArn=run)["output"])["error"]["Error"]
