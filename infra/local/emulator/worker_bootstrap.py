"""Runs inside a function's process: imports the handler once, then serves one invocation after the other.

Started as a script with the number of an inherited socket. Speaks length-prefixed JSON frames over it, so
that stdout and stderr belong to the function. Standard library only: nothing here may shadow its packages.
"""

import importlib
import json
import logging
import os
import select
import socket
import struct
import sys
import threading
import time
import traceback

RESPONSE_LIMIT_BYTES = 6 * 1024 * 1024 + 100
END_OF_LOG = b"\x00"


class Context:
    """The context object of AWS's Python runtime."""

    def __init__(self, invocation):
        self.aws_request_id = invocation["request_id"]
        self.invoked_function_arn = invocation["function_arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + invocation["timeout_seconds"]

    def get_remaining_time_in_millis(self):
        """Milliseconds until the invocation is stopped."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class RequestFilter(logging.Filter):
    """Adds the running invocation's id to log records, as AWS's runtime does."""

    request_id = ""

    def filter(self, record):
        """Let everything through."""
        record.aws_request_id = RequestFilter.request_id
        return True


def send(channel, message):
    """Write one frame."""
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    channel.sendall(struct.pack(">I", len(payload)) + payload)


def receive(channel):
    """Read one frame; None when the emulator closed its end."""
    header = read_exactly(channel, 4)
    if header is None:
        return None
    payload = read_exactly(channel, struct.unpack(">I", header)[0])
    return None if payload is None else json.loads(payload)


def read_exactly(channel, count):
    """`count` bytes, or None at the end."""
    chunks = []
    while count:
        chunk = channel.recv(min(count, 1 << 20))
        if not chunk:
            return None
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)


def error_of(error, request_id, *, skip=1, kind=None, message=None):
    """An exception as AWS reports it: class name, message, stack trace from the handler on. Logs it too."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[skip:])
    report = {
        "errorMessage": str(error) if message is None else message,
        "errorType": kind or type(error).__name__,
        "requestId": request_id,
        "stackTrace": frames,
    }
    headline = f"[ERROR] {report['errorType']}: {report['errorMessage']}"
    trace = "".join(frames)
    print(f"{headline}\nTraceback (most recent call last):\n{trace}")
    return report


def encode_default(value):
    """Numbers of DynamoDB are written as JSON numbers, as AWS's runtime does."""
    if type(value).__name__ == "Decimal":
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def load_handler(name):
    """The handler function, or an error report."""
    module_name, _, function_name = name.rpartition(".")
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
        return getattr(module, function_name), None
    except AttributeError as error:
        if module_name not in sys.modules:
            return None, error_of(error, "", skip=1)
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        return None, error_of(error, "", kind="Runtime.HandlerNotFound", message=message)
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        return None, error_of(error, "", kind="Runtime.ImportModuleError", message=message)
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        return None, error_of(error, "", kind="Runtime.UserCodeSyntaxError", message=message)
    except Exception as error:
        return None, error_of(error, "")


def invoke(handler, invocation):
    """The answer frame for one invocation."""
    request_id = RequestFilter.request_id = invocation["request_id"]
    if invocation.get("trace_id"):
        os.environ["_X_AMZN_TRACE_ID"] = invocation["trace_id"]
    try:
        result = handler(invocation["event"], Context(invocation))
    except Exception as error:
        return {"error": error_of(error, request_id)}
    try:
        answer = json.dumps({"result": result}, default=encode_default).encode()
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        return {"error": error_of(error, request_id, kind="Runtime.MarshalError", message=message)}
    if len(answer) > RESPONSE_LIMIT_BYTES:
        message = (
            f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT_BYTES} bytes)."
        )
        return {"error": {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}}
    return answer


def install_logging():
    """The root handler of AWS's Python runtime; the level is the function's business (WARNING by default)."""
    handler = logging.StreamHandler(sys.stdout)
    layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    formatter = logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(RequestFilter())
    logging.getLogger().addHandler(handler)


def die_with_emulator(channel):
    """End at once when the emulator is gone, even in the middle of an invocation."""
    poll = select.poll()
    poll.register(channel, 0)
    poll.poll()
    os._exit(1)


def end_log():
    """Tell the reader of our output that everything of this invocation has been written."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(1, END_OF_LOG + b"\n")


def main():
    """Initialise, then serve until the emulator closes the socket."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    start = receive(channel)
    sys.path[0:1] = start["paths"]
    sys.path.extend(start["runtime_paths"])
    threading.Thread(target=die_with_emulator, args=(channel,), daemon=True).start()
    install_logging()
    handler, error = load_handler(start["handler"])
    end_log()
    send(channel, {"ready": error is None, "error": error})
    while error is None:
        invocation = receive(channel)
        if invocation is None:
            break
        answer = invoke(handler, invocation)
        end_log()
        send(channel, answer)


if __name__ == "__main__":
    main()
