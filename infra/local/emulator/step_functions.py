"""Step Functions by AWS's rules where the emulator has others: a start that is repeated, a time-out that the
input says, a callback task whose function fails.

"StartExecution is idempotent for STANDARD workflows. For a STANDARD workflow, if you call StartExecution
with the same name and input as a running execution, the call succeeds and return the same response as the
original request. If the execution is closed or if the input is different, it returns a 400
ExecutionAlreadyExists error." (API reference)

"TimeoutSecondsPath: If you want to provide a timeout value dynamically from the state input using a reference
path, use TimeoutSecondsPath." (Amazon States Language, Task). A function that fails fails its task, also one
that was handed a task token.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

from infra.local.emulator import task_tokens
from infra.local.emulator.patching import replace

CALLBACK = ".waitForTaskToken"
SHA256_TASK = "53c818d247dba62c49b82c78ad185f18083422f2bc30168836d7b4f2dae28d9a"
SHA256_CALLBACK = "bbb38423156a0d3d46c6fe19292640055cfa72e929d2356153f3a8a6c2c023d9"
SHA256_CALL = "25830369b12636da09a4e4650489842a507f43aa952b5186a47458ff6f3c47d5"
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
    _time_out_by_path(stepfunctions)
    _fail_with_the_function(stepfunctions)


def _time_out_by_path(stepfunctions: Any) -> None:
    execute = stepfunctions._execute_task

    def _execute_task(
        state_def: dict[str, Any], raw_input: Any, execution: dict[str, Any], ctx: dict[str, Any]
    ) -> Any:
        path = state_def.get("TimeoutSecondsPath")
        if path is not None:
            seconds = stepfunctions._resolve_path(path, raw_input)
            state_def = {**state_def, "TimeoutSeconds": seconds}
        if not str(state_def.get("Resource", "")).endswith(CALLBACK):
            return execute(state_def, raw_input, execution, ctx)
        with task_tokens.handing_out(execution):
            return execute(state_def, raw_input, execution, ctx)

    replace(stepfunctions, "_execute_task", _execute_task, source_sha256=SHA256_TASK)


def _fail_with_the_function(stepfunctions: Any) -> None:
    """The emulator swallows what the function raises and waits on: tell the waiting task instead."""
    call_back, call = stepfunctions._invoke_with_callback, stepfunctions._call_lambda
    waiting = threading.local()

    def _invoke_with_callback(resource: str, input_data: Any, token: str, state_def: dict[str, Any]) -> Any:
        waiting.token = token
        try:
            return call_back(resource, input_data, token, state_def)
        finally:
            waiting.token = None

    def _call_lambda(func_ref: str, event: Any) -> Any:
        try:
            return call(func_ref, event)
        except stepfunctions._ExecutionError as error:
            answer = stepfunctions._task_tokens.get(getattr(waiting, "token", None))
            if answer is not None:
                answer["error"] = {"Error": error.error, "Cause": error.cause}
                answer["event"].set()
            raise

    replace(stepfunctions, "_invoke_with_callback", _invoke_with_callback, source_sha256=SHA256_CALLBACK)
    replace(stepfunctions, "_call_lambda", _call_lambda, source_sha256=SHA256_CALL)


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
