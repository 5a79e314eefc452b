"""Executions of the state machine: a start or an answer that comes too often or too late does no harm."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from stemtide.delivery.executions import Executions
from stemtide.ports import ThrottledError, UnavailableError

from tests.dunning_episodes import episode

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:acme-dunning"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:acme-dunning"
ONE = episode()


@pytest.fixture
def stubber(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    client: Any = boto3.client("stepfunctions", region_name="us-east-1")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def executions(stubber: Stubber) -> Executions:
    return Executions(client=stubber.client, machine=MACHINE)


def test_row_29_a_start_that_is_repeated_is_a_success(stubber: Stubber, executions: Executions) -> None:
    asked = {"stateMachineArn": MACHINE, "name": f"{ONE.id}-1", "input": f'{{"episode":"{ONE.id}","run":1}}'}
    stubber.add_response("start_execution", {"executionArn": f"{EXECUTION}:x", "startDate": 0}, asked)
    stubber.add_client_error("start_execution", "ExecutionAlreadyExists", expected_params=asked)

    executions.start(ONE)
    executions.start(ONE)


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_row_31_an_answer_to_a_wait_that_is_over_is_a_success(
    stubber: Stubber, executions: Executions, code: str
) -> None:
    asked = {"taskToken": "t1", "output": "{}"}
    stubber.add_response("send_task_success", {}, asked)
    stubber.add_client_error("send_task_success", code, expected_params=asked)

    executions.wake("t1")
    executions.wake("t1")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDeniedException", ClientError),
        ("StateMachineDoesNotExist", ClientError),
        ("ThrottlingException", ThrottledError),
        ("ServiceUnavailable", UnavailableError),
    ],
)
def test_any_other_answer_is_no_success(
    stubber: Stubber, executions: Executions, code: str, error: type[Exception]
) -> None:
    status = 503 if code == "ServiceUnavailable" else 400
    for call in ("start_execution", "send_task_success", "describe_execution"):
        stubber.add_client_error(call, code, http_status_code=status)

    for ask in (lambda: executions.start(ONE), lambda: executions.wake("t"), lambda: executions.runs(ONE)):
        with pytest.raises(error):
            ask()


@pytest.mark.parametrize(("status", "expected"), [("RUNNING", True), ("FAILED", False), ("SUCCEEDED", False)])
def test_an_execution_runs_while_its_status_says_so(
    stubber: Stubber, executions: Executions, status: str, expected: bool
) -> None:
    found = {"executionArn": "e" * 10, "stateMachineArn": MACHINE, "status": status, "startDate": 0}
    stubber.add_response("describe_execution", found, {"executionArn": f"{EXECUTION}:{ONE.id}-1"})

    assert executions.runs(ONE) is expected


def test_an_execution_that_never_was_does_not_run(stubber: Stubber, executions: Executions) -> None:
    stubber.add_client_error("describe_execution", "ExecutionDoesNotExist")

    assert executions.runs(ONE) is False
