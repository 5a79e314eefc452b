"""StartExecution by AWS's rules of idempotence."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
