"""What the local cloud asks a role for that answers a task: the state machine of its token, as AWS does."""

import json
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from ministack.core import iam_actions

from infra.local.emulator import task_tokens

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:acme-dunning"
EXECUTION = {"stateMachineArn": MACHINE}


def _stepfunctions() -> ModuleType:
    """The emulator's module, whose import lets the whole process nest ten times as deep as Python does."""
    limit = sys.getrecursionlimit()
    try:
        return import_module("ministack.services.stepfunctions")
    finally:
        sys.setrecursionlimit(limit)


stepfunctions = _stepfunctions()


@pytest.fixture(autouse=True)
def corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepfunctions, "new_uuid", stepfunctions.new_uuid)  # put back later
    monkeypatch.setattr(iam_actions, "extract_resource_arn", iam_actions.extract_resource_arn)
    task_tokens.install()


def asked(request: Any) -> str:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    where = ("us-east-1", "000000000000")
    found: str = iam_actions.extract_resource_arn("states", "POST", "/", {}, body, {}, *where)
    return found


def test_who_answers_a_task_needs_the_state_machine_that_handed_out_its_token() -> None:
    with task_tokens.handing_out(EXECUTION):
        token = stepfunctions.new_uuid()

    assert asked({"taskToken": token, "output": "{}"}) == MACHINE


def test_one_token_is_handed_out_and_no_other_identifier_names_a_machine() -> None:
    with task_tokens.handing_out(EXECUTION):
        first, second = stepfunctions.new_uuid(), stepfunctions.new_uuid()
    third = stepfunctions.new_uuid()

    assert [task_tokens.machine_of(one) for one in (first, second, third)] == [MACHINE, None, None]


def test_everything_else_is_asked_for_as_before() -> None:
    assert asked({"stateMachineArn": MACHINE, "name": "n"}) == MACHINE
    assert asked({"taskToken": "made up"}) == asked(b"no JSON") == asked(b"[]") == "*"
