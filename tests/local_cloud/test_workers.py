"""Python functions behave as the Lambda developer guide says: errors, environments, logs, imports."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.local_cloud.consumers import Cloud, zipped
from tests.local_cloud.emulator_process import Emulator, eventually

TALKATIVE = """
import logging, os, subprocess, sys

calls = 0

class PaymentDeclinedError(Exception):
    pass

def handler(event, context):
    global calls
    calls += 1
    if event.get("do") == "raise":
        raise PaymentDeclinedError("card expired")
    if event.get("do") == "exit":
        print("leaving", flush=True)
        os._exit(3)
    if event.get("do") == "hang":
        print("hanging")
        import time
        time.sleep(60)
    if event.get("do") == "log":
        print("printed")
        sys.stderr.write("to stderr\\n")
        logging.getLogger().warning("warned %d", 7)
        logging.getLogger("app").info("not shown")
        subprocess.run(["echo", "from a child"], check=True)
        sys.stdout.write("without newline")
    if event.get("do") == "unserializable":
        return {1, 2}
    return {
        "pid": os.getpid(),
        "calls": calls,
        "request": context.aws_request_id,
        "name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "version": context.function_version,
        "left": context.get_remaining_time_in_millis(),
        "group": context.log_group_name,
    }
"""


@pytest.fixture(scope="module")
def cloud(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    return Cloud(emulator, tmp_path_factory.mktemp("workers"))


@pytest.fixture(scope="module")
def talkative(cloud: Cloud) -> str:
    cloud.function("talkative", TALKATIVE, timeout=2)
    return "talkative"


def call(cloud: Cloud, function: str, **event: Any) -> tuple[Any, str | None]:
    answer = cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def log_lines(cloud: Cloud, function: str) -> list[str]:
    pages = (
        cloud.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=f"/aws/lambda/{function}")
    )
    return [event["message"] for page in pages for event in page["events"]]


def test_an_error_is_reported_by_its_class_with_a_stack_trace(cloud: Cloud, talkative: str) -> None:
    """Lambda reports an exception as a JSON document with errorMessage, errorType and stackTrace; errorType
    is the class's name, which Step Functions' Retry and Catch match."""
    body, kind = call(cloud, talkative, do="raise")

    assert kind == "Unhandled"
    assert body["errorType"] == "PaymentDeclinedError"
    assert body["errorMessage"] == "card expired"
    assert 'raise PaymentDeclinedError("card expired")' in body["stackTrace"][-1]
    assert len(body["stackTrace"]) == 1


def test_the_environment_survives_an_error_of_the_handler(cloud: Cloud, talkative: str) -> None:
    """Lambda keeps an execution environment for further invocations; an exception of the handler does not end
    it."""
    before, _ = call(cloud, talkative)
    call(cloud, talkative, do="raise")

    after, _ = call(cloud, talkative)

    assert after["pid"] == before["pid"]
    assert after["calls"] == before["calls"] + 2


def test_a_timeout_ends_the_environment(cloud: Cloud, talkative: str) -> None:
    """ "Task timed out after 2.00 seconds": the sandbox is stopped and the next invocation starts another."""
    before, _ = call(cloud, talkative)

    body, kind = call(cloud, talkative, do="hang")

    after, _ = call(cloud, talkative)
    assert kind == "Unhandled"
    assert body["errorType"] == "Sandbox.Timedout"
    assert body["errorMessage"].endswith("Task timed out after 2.00 seconds")
    assert after["pid"] != before["pid"]
    assert after["calls"] == 1
    assert "hanging" in log_lines(cloud, talkative)


def test_a_process_that_exits_is_reported_with_its_status(cloud: Cloud, talkative: str) -> None:
    """Runtime.ExitError: "Runtime exited with error: exit status 3"."""
    body, _ = call(cloud, talkative, do="exit")

    after, kind = call(cloud, talkative)
    assert body["errorType"] == "Runtime.ExitError"
    assert body["errorMessage"].endswith("exit status 3")
    assert (after["calls"], kind) == (1, None)


def test_a_result_that_is_no_json_is_an_error(cloud: Cloud, talkative: str) -> None:
    """Runtime.MarshalError: "Unable to marshal response: Object of type set is not JSON serializable"."""
    body, _ = call(cloud, talkative, do="unserializable")

    assert body["errorType"] == "Runtime.MarshalError"
    assert "Object of type set is not JSON serializable" in body["errorMessage"]


def test_everything_a_function_writes_reaches_its_log_group(cloud: Cloud, talkative: str) -> None:
    """Lambda sends everything written to stdout and stderr to the log group; the runtime's logging handler
    prefixes level, time and request id."""
    answer, _ = call(cloud, talkative, do="log")

    lines = eventually(lambda: log_lines(cloud, talkative))
    assert {"printed", "to stderr", "from a child", "without newline"} <= set(lines)
    warned = [line for line in lines if line.endswith("\twarned 7")]
    assert len(warned) == 1
    assert warned[0].startswith("[WARNING]\t")
    assert f"\t{answer['request']}\t" in warned[0]
    assert not any("not shown" in line for line in lines)


def test_the_context_says_where_and_how_long(cloud: Cloud, talkative: str) -> None:
    """The context object's documented properties, which aws-lambda-powertools reads."""
    answer, _ = call(cloud, talkative)

    assert answer["name"] == "talkative"
    assert answer["memory"] == "128"
    assert answer["version"] == "$LATEST"
    assert answer["arn"].endswith(":function:talkative")
    assert answer["group"] == "/aws/lambda/talkative"
    assert 0 < answer["left"] <= 2000


def test_a_failing_import_says_what_is_missing(cloud: Cloud) -> None:
    """Runtime.ImportModuleError: "Unable to import module 'handler': No module named 'x'". What only the
    developer's machine has installed is missing as it would be on AWS."""
    cloud.function("unimportable", "import moto\ndef handler(event, context): pass\n")

    body, kind = call(cloud, "unimportable")

    assert kind == "Unhandled"
    assert body["errorType"] == "Runtime.ImportModuleError"
    assert body["errorMessage"] == "Unable to import module 'handler': No module named 'moto'"


def test_a_missing_handler_is_named(cloud: Cloud) -> None:
    """Runtime.HandlerNotFound: "Handler 'handler' missing on module 'handler'"."""
    cloud.function("handlerless", "x = 1\n")

    body, _ = call(cloud, "handlerless")

    assert body["errorType"] == "Runtime.HandlerNotFound"
    assert body["errorMessage"] == "Handler 'handler' missing on module 'handler'"


def test_an_error_while_importing_is_reported_by_its_class(cloud: Cloud) -> None:
    """An exception in module code fails the init phase with that exception."""
    cloud.function("bad-init", "raise KeyError('SETTING')\n")

    body, _ = call(cloud, "bad-init")

    assert body["errorType"] == "KeyError"
    assert "SETTING" in body["errorMessage"]


def test_layers_are_importable_and_shared_by_all_workers(cloud: Cloud) -> None:
    """A layer's python/ folder is on the import path and the SDK comes with the runtime. Here one unpacked
    copy serves every function."""
    layer = cloud.client("lambda").publish_layer_version(
        LayerName="shared", Content={"ZipFile": zipped({"python/shared_part.py": "VALUE = 42\n"})}
    )["LayerVersionArn"]
    source = """
import boto3, shared_part
def handler(event, context):
    return [shared_part.VALUE, shared_part.__file__, boto3.__version__ > ""]
"""
    for name in ("with-layer-a", "with-layer-b"):
        cloud.function(name, source, layers=(layer,))

    answers = [call(cloud, name)[0] for name in ("with-layer-a", "with-layer-b")]

    assert answers[0] == answers[1]
    assert answers[0][0] == 42


def test_new_code_leaves_a_running_invocation_alone(cloud: Cloud) -> None:
    """Invocations in flight at an update end on the previous code; later ones run the new code."""
    begun, gate = cloud.folder / "begun", cloud.folder / "update-gate"
    source = """
import os, pathlib, time
def handler(event, context):
    pathlib.Path(os.environ["BEGUN"]).touch()
    while not pathlib.Path(os.environ["OPEN"]).exists():
        time.sleep(0.01)
    return "old"
"""
    cloud.function("updated", source, BEGUN=str(begun), OPEN=str(gate))
    renewed = zipped({"handler.py": "def handler(event, context):\n    return 'new'\n"})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call, cloud, "updated")
        eventually(begun.exists)

        cloud.client("lambda").update_function_code(FunctionName="updated", ZipFile=renewed)
        gate.touch()

        assert running.result() == ("old", None)
    assert call(cloud, "updated") == ("new", None)
