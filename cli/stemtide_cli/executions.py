"""State machines, started by hand and waited for."""

import json
import time
from collections.abc import Callable
from typing import Any

from stemtide_cli.errors import CliError
from stemtide_cli.stack import Stack

POLL_S = 0.5
NAME_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-"


def machine_of(stack: Stack, role: str) -> str:
    """The ARN of the stack's state machine of a role (`sweep`, `recompute`).

    Raises:
        CliError: the stack has none.
    """
    arn = stack.state_machines.get(role)
    if arn is None:
        raise CliError(f"the stack has no {role}", hint="deploy again: `make up` (AWS: `make deploy`)")
    return arn


def run_machine(
    stack: Stack, arn: str, *, about: str, given: dict[str, Any], look: Callable[[str], None]
) -> tuple[dict[str, Any], str]:
    """Start an execution and wait for its end: its description, and its name.

    Args:
        about: goes into the name.
        given: the execution's input.
        look: called with the name between two looks at the execution.
    """
    states = stack.client("stepfunctions")
    name = "by-hand-" + "".join(c if c in NAME_CHARS else "-" for c in about.lower())[:40]
    name += f"-{time.time_ns() // 1_000_000}"
    execution = states.start_execution(stateMachineArn=arn, name=name, input=json.dumps(given))[
        "executionArn"
    ]
    while True:
        ended = states.describe_execution(executionArn=execution)
        if ended["status"] != "RUNNING":
            return ended, name
        look(name)
        time.sleep(POLL_S)
