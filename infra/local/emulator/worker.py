"""Python functions run as on AWS: errors named by their class, environments kept after them, logs complete.

The emulator's own worker reports every error as `Runtime.HandlerError`, ends the process after it, unpacks
code and layers once per process, waits up to 50 ms for log lines after every invocation, and lets functions
import whatever the emulator has installed.
"""

from __future__ import annotations

import time
from typing import Any

from . import function_logs
from .patching import expect, replace
from .worker_environment import PythonEnvironment

REPLACED = {
    "_execute_function_warm": "62b9218bef5b948a23c3269d6fb7260f88dda21cb88a1962ab72e4dceac81153",
    "_execute_function_dispatch": "f62cd259213ecef7ae51bf01a6dd1aa326a031f4e9dfd9d8ac9f497cc8cbe623",
    "_emit_lambda_metrics": "3b6689d77cf6f1e4a34bbc802897ae14238f517ac62b96bb499be027b1846957",
}
RELIED_ON = {
    "_execute_function": "3ceb16d6480a2161601b152da88f1633573e5143f94de16fab84877d447165be",
    "_resolve_layer_zip": "447d3c3ec42c50ada8ce4bdb748efb9b2d03778a235e5680d532b4eb35597cf6",
}
RUNTIME = {
    "Worker": "a0bd1819a7040c1ee8674f18ef1a48c68ed88f66219cbb09547506ef12146215",
    "acquire_worker": "5017d144adb5b983050914401f482f2ad1332f4564c96903c20ab7e4defad7da",
    "kill_workers": "56a6df63f9bd485916cffa3c374db7410afa2aff70fb5668372e054c0b0b1836",
    "execution_credentials": "cffaadc4f396f6e44a2490ca7e3e49fafba0d30ee1a22d6f991a995bc9078463",
}
WORKER_CLASS = "b5a23849280af819c2f2b44faeb9fa466cf1cee49fe4222b041cc909f2c44b30"


def install() -> None:
    """Replace the emulator's Python worker and its metrics. Raises `EmulatorChanged`."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    for name, source in RELIED_ON.items():
        expect(lambda_svc, name, source_sha256=source)
    for name, source in RUNTIME.items():
        expect(lambda_runtime, name, source_sha256=source)
    _install_worker(lambda_runtime, lambda_svc)
    _install_metrics(lambda_svc)
    function_logs.install()


def _install_worker(lambda_runtime: Any, lambda_svc: Any) -> None:
    other_class, other_warm = lambda_runtime._worker_class_for, lambda_svc._execute_function_warm

    def _worker_class_for(config: dict[str, Any]) -> Any:
        return PythonEnvironment if _is_python(config) else other_class(config)

    def _execute_function_warm(func: dict[str, Any], event: Any, request_id: str) -> Any:
        config = func.get("config") or func
        if not _is_python(config) or not func.get("code_zip"):
            function_logs.log_stream.set(None)
            return other_warm(func, event, request_id)
        version = config.get("Version", "$LATEST")
        lambda_svc._ensure_reaper_thread()
        worker, _ = lambda_svc.acquire_worker(
            config["FunctionName"], config, func["code_zip"], qualifier=version
        )
        try:
            trace_id = lambda_svc._xray_trace_id_for_invocation(config)
            return worker.execute(event, request_id, config=config, trace_id=trace_id)
        finally:
            function_logs.log_stream.set(worker.log_stream)
            lambda_svc.release_worker(worker)

    replace(lambda_runtime, "_worker_class_for", _worker_class_for, source_sha256=WORKER_CLASS)
    warm = REPLACED["_execute_function_warm"]
    replace(lambda_svc, "_execute_function_warm", _execute_function_warm, source_sha256=warm)


def _is_python(config: dict[str, Any]) -> bool:
    return str(config.get("Runtime", "python3.13")).startswith("python")


def _install_metrics(lambda_svc: Any) -> None:
    """AWS/Lambda metrics for every invocation, also the mapped and asynchronous ones.

    The emulator emits them for Invoke calls only. Here the dispatcher, which every invocation passes, emits
    them, and of the emulator's own emissions only the throttle is kept ("invocation requests that are
    throttled don't count as Invocations or Errors").
    """
    from ministack.services import cloudwatch

    dispatch = lambda_svc._execute_function_dispatch

    def _execute_function_dispatch(
        func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> Any:
        result = dispatch(func, config, event, request_id, started)
        dimensions = {"FunctionName": config.get("FunctionName", "")}
        elapsed_ms = (time.time() - started) * 1000
        cloudwatch.record_metric("AWS/Lambda", "Invocations", 1, "Count", dimensions)
        cloudwatch.record_metric("AWS/Lambda", "Errors", int(bool(result.get("error"))), "Count", dimensions)
        cloudwatch.record_metric("AWS/Lambda", "Duration", elapsed_ms, "Milliseconds", dimensions)
        return result

    def _emit_lambda_metrics(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle and duration_ms == 0:
            cloudwatch.record_metric("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": function_name})

    for new in (_execute_function_dispatch, _emit_lambda_metrics):
        replace(lambda_svc, new.__name__, new, source_sha256=REPLACED[new.__name__])
