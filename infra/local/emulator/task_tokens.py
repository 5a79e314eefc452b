"""For which state machine a role must be allowed to answer a task.

A task token names its execution's state machine, on which AWS asks for `states:SendTaskSuccess` and its kin
("is not authorized to perform: states:SendTaskFailure on resource: arn:aws:states:...:stateMachine:...";
CDK's `grantTaskResponse` grants them there). The emulator asks for `*`, which no policy with a resource
allows.
"""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.local.emulator.patching import replace

SHA256_NAME = "1a88ffd41fb70e05c4503153271f4d037f038c67f646d1f7855e1fd186f62eac"
SHA256_RESOURCE = "82f51700695c62fdca72583e1c264cc146fc22d5aa0a5faebabc3aa0a798f2e9"
_about_to_hand_out = threading.local()


def install() -> None:
    """Let tokens name their state machine, and roles be asked for it. Raises `EmulatorChanged`."""
    from ministack.core import iam_actions
    from ministack.services import stepfunctions

    fresh, resource_of = stepfunctions.new_uuid, iam_actions.extract_resource_arn

    def new_uuid() -> str:
        machine = getattr(_about_to_hand_out, "machine", None)
        _about_to_hand_out.machine = None
        return str(fresh()) if machine is None else _token(machine, str(fresh()))

    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict[str, Any],
        body: bytes,
        query_params: dict[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        if service == "states" and (machine := machine_of(_asked(body).get("taskToken"))):
            return machine
        return str(resource_of(service, method, path, headers, body, query_params, region, account_id))

    replace(stepfunctions, "new_uuid", new_uuid, source_sha256=SHA256_NAME)
    replace(iam_actions, "extract_resource_arn", extract_resource_arn, source_sha256=SHA256_RESOURCE)


@contextmanager
def handing_out(execution: dict[str, Any]) -> Iterator[None]:
    """The next identifier that this thread makes is a task token of the execution's state machine."""
    _about_to_hand_out.machine = str(execution["stateMachineArn"])
    try:
        yield
    finally:
        _about_to_hand_out.machine = None


def machine_of(token: Any) -> str | None:
    """The ARN of the state machine that a token names, None where it names none."""
    try:
        found = urlsafe_b64decode(str(token).partition(".")[0]).decode()
    except ValueError:
        return None
    return found if found.startswith("arn:") else None


def _token(machine: str, name: str) -> str:
    return f"{urlsafe_b64encode(machine.encode()).decode()}.{name}"


def _asked(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
