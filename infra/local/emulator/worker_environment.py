"""An execution environment of a Python function, kept by the emulator's pool between invocations."""

from __future__ import annotations

import subprocess
import threading
import time
import zipfile
from typing import Any

from .worker_process import Answer, Gone, Process

INIT_FAILURES = (Gone, TimeoutError, OSError, zipfile.BadZipFile, LookupError)


class PythonEnvironment:
    """At most one process: started by the first invocation, ended by a timeout, its own exit or the pool.

    The attributes are those the emulator's pool reads and writes: it ends `_proc` and calls `_discard_tmpdir`
    when it drops the environment, because it is idle or the function has new code or settings. A running
    invocation then ends undisturbed, as on AWS, and its process after it.
    """

    def __init__(self, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        self.func_name = func_name
        self.config = config
        self.code_zip = code_zip
        self.in_use = False
        self.last_used = time.time()
        self._lock = threading.Lock()
        self._cold = True
        self._process: Process | None = None
        self._busy = False
        self._dropped = False
        self.log_stream: str | None = None

    @property
    def _proc(self) -> subprocess.Popen[bytes] | None:
        """The process the pool may end."""
        return None if self._process is None or self._busy else self._process.popen

    @_proc.setter
    def _proc(self, value: None) -> None:
        self._dropped = True

    def execute(
        self, event: Any, request_id: str, *, config: dict[str, Any], trace_id: str | None
    ) -> dict[str, Any]:
        """One invocation; the result in the emulator's form."""
        with self._lock:
            self._busy = True
            try:
                return self._execute(event, request_id, config, trace_id)
            finally:
                self._busy = False
                if self._dropped:
                    self._end()

    def _execute(
        self, event: Any, request_id: str, config: dict[str, Any], trace_id: str | None
    ) -> dict[str, Any]:
        process, before = self._process, ""
        if process is None or process.popen.poll() is not None:
            process, answer = self._start()
            if process is None:
                return _failure({**(answer.error or {}), "requestId": request_id}, answer.log)
            before = answer.log
        timeout = float(config.get("Timeout", 3))
        invocation = {
            "event": event,
            "request_id": request_id,
            "function_arn": config.get("FunctionArn", ""),
            "timeout_seconds": timeout,
            "trace_id": trace_id,
        }
        return self._run(process, invocation, timeout, before)

    def _start(self) -> tuple[Process | None, Answer]:
        """A process with the handler imported, or None and the error that prevented it."""
        self._end()
        try:
            self._process = process = Process(self.config, self.code_zip, _layers(self.config))
            self.log_stream = process.log_stream
            answer = process.initialise()
        except INIT_FAILURES as error:
            reason = {"errorType": "Runtime.InitError", "errorMessage": f"{type(error).__name__}: {error}"}
            return None, Answer(None, reason, self._end()[1])
        if answer.error is not None:
            self._end()
            return None, answer
        self._cold = False
        return process, answer

    def _run(
        self, process: Process, invocation: dict[str, Any], timeout: float, before: str
    ) -> dict[str, Any]:
        request_id = invocation["request_id"]
        try:
            answer = process.invoke(invocation, timeout)
        except TimeoutError:
            message = f"Task timed out after {timeout:.2f} seconds"
            log = _joined(before, self._end()[1], f"{request_id} {message}")
            return _failure(_runtime_error("Sandbox.Timedout", request_id, message), log)
        except Gone:
            status, last_lines = self._end()
            message = f"Runtime exited with error: exit status {status}"
            log = _joined(before, last_lines, f"RequestId: {request_id} Error: {message}")
            return _failure(_runtime_error("Runtime.ExitError", request_id, message), log)
        log = _joined(before, answer.log)
        return {"body": answer.result, "log": log} if answer.error is None else _failure(answer.error, log)

    def _end(self) -> tuple[int | None, str]:
        """End the process; returns its exit status and last lines."""
        process, self._process = self._process, None
        if process is None:
            return None, ""
        status = process.kill()
        return status, process.take_log()

    def _spawn(self) -> None:
        """Start the process ahead of the first invocation; the pool calls this for published versions."""
        process, answer = self._start()
        if process is None:
            error = answer.error or {}
            raise RuntimeError(f"{error.get('errorType')}: {error.get('errorMessage')}")

    def _discard_tmpdir(self) -> None:
        if not self._busy:
            self._end()


def _layers(config: dict[str, Any]) -> list[bytes]:
    """The zip archives of the function's layers, in order. Raises `LookupError` for one that is gone."""
    from ministack.services import lambda_svc

    archives = []
    for layer in config.get("Layers") or []:
        archive = lambda_svc._resolve_layer_zip(layer)
        if not archive:
            raise LookupError(f"layer {layer if isinstance(layer, str) else layer.get('Arn')} does not exist")
        archives.append(archive)
    return archives


def _runtime_error(kind: str, request_id: str, message: str) -> dict[str, Any]:
    return {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {message}"}


def _failure(error: dict[str, Any], log: str) -> dict[str, Any]:
    return {"body": error, "error": True, "function_error": "Unhandled", "log": log}


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
