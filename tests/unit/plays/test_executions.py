"""Executions of plays: each journey's state machine, and a wait of either ended by its token alone."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from stemtide.delivery.executions import PlayExecutions
from stemtide.plays.play import Journey, Play

from tests.plays import RETENTION, WIN_BACK

ARN = "arn:aws:states:us-east-1:123456789012"
MACHINES = {
    Journey.WIN_BACK: f"{ARN}:stateMachine:acme-win-back",
    Journey.RETENTION: f"{ARN}:stateMachine:acme-retention",
}


@pytest.fixture
def stubber(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    client: Any = boto3.client("stepfunctions", region_name="us-east-1")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def executions(stubber: Stubber) -> PlayExecutions:
    return PlayExecutions(client=stubber.client, machines=MACHINES)


@pytest.mark.parametrize("play", [WIN_BACK, RETENTION], ids=lambda play: str(play.journey))
def test_a_play_is_started_by_the_machine_of_its_journey(
    stubber: Stubber, executions: PlayExecutions, play: Play
) -> None:
    told = f'{{"episode":"{play.id}","run":1}}'
    asked = {"stateMachineArn": MACHINES[play.journey], "name": f"{play.id}-1", "input": told}
    stubber.add_response("start_execution", {"executionArn": f"{ARN}:execution:x", "startDate": 0}, asked)

    executions.start(play)


@pytest.mark.parametrize("play", [WIN_BACK, RETENTION], ids=lambda play: str(play.journey))
def test_a_play_is_looked_for_among_the_executions_of_its_journey(
    stubber: Stubber, executions: PlayExecutions, play: Play
) -> None:
    arn = f"{MACHINES[play.journey].replace(':stateMachine:', ':execution:')}:{play.id}-1"
    stubber.add_client_error(
        "describe_execution", "ExecutionDoesNotExist", expected_params={"executionArn": arn}
    )

    assert not executions.runs(play)


def test_a_wait_is_ended_by_its_token_and_one_that_is_over_is_left_as_it_is(
    stubber: Stubber, executions: PlayExecutions
) -> None:
    asked = {"taskToken": "t1", "output": "{}"}
    stubber.add_response("send_task_success", {}, asked)
    stubber.add_client_error("send_task_success", "TaskTimedOut", expected_params=asked)

    executions.wake("t1")
    executions.wake("t1")
