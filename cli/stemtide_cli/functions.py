"""The stack's functions, called with the caller's own credentials."""

import json
from typing import Any

from stemtide_cli.errors import CliError
from stemtide_cli.stack import Stack

LONGEST_S = 900
"""Lambda's longest time-out."""


def invoke(stack: Stack, role: str, event: dict[str, Any]) -> Any:
    """What the function of a role (`detect`, `score`) answers.

    Raises:
        CliError: the stack has none, or it failed; the message is the function's own.
    """
    name = stack.functions.get(role)
    if name is None:
        raise CliError(
            f"the stack names no function {role}", hint="deploy again: `make up` (AWS: `make deploy`)"
        )
    # Tried once: a second try would not wait for the first, which goes on.
    client = stack.client("lambda", attempts=1, read_timeout_s=LONGEST_S)
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
    body = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        said = body if isinstance(body, dict) else {}
        raise CliError(
            f"{name} failed: {said.get('errorType', 'Error')}: {said.get('errorMessage', body)}",
            hint=f"its log group /aws/lambda/{name} has the details; `stemtide doctor` checks the stack",
        )
    return body
