"""StartExecution of an execution that runs already, by AWS's rules.

"StartExecution is idempotent for STANDARD workflows. For a STANDARD workflow, if you call StartExecution
with the same name and input as a running execution, the call succeeds and return the same response as the
original request. If the execution is closed or if the input is different, it returns a 400
ExecutionAlreadyExists error." (API reference)
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from infra.local.emulator.patching import replace

SHA256 = "9923282fc76c57b9d2541cc83863bfb69f2472b29aec9a9fc3454f3d19d045b4"


def install() -> None:
    """Replace the operation. Raises `EmulatorChanged`."""
    from ministack.services import stepfunctions

    start = stepfunctions._start_execution

    def _start_execution(data: dict[str, Any]) -> Any:
        running = _same_execution(stepfunctions, data)
        if running is None:
            return start(data)
        started = datetime.fromisoformat(running["startDate"].replace("Z", "+00:00")).timestamp()
        return stepfunctions.json_response({"executionArn": running["executionArn"], "startDate": started})

    replace(stepfunctions, "_start_execution", _start_execution, source_sha256=SHA256)


def _same_execution(stepfunctions: Any, data: dict[str, Any]) -> dict[str, Any] | None:
    """The running execution of this name and input of a STANDARD state machine, or None."""
    arn = stepfunctions._resolve_state_machine_arn(data.get("stateMachineArn", "").split("#")[0])
    machine = stepfunctions._state_machines.get(arn) if arn else None
    if machine is None or machine.get("type", "STANDARD") != "STANDARD" or not data.get("name"):
        return None
    execution: dict[str, Any] | None = stepfunctions._executions.get(
        f"{arn.replace(':stateMachine:', ':execution:')}:{data['name']}"
    )
    if execution and execution["status"] == "RUNNING" and execution["input"] == data.get("input", "{}"):
        return execution
    return None
