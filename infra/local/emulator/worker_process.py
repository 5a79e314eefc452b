"""One execution environment of a Python function: its process, its socket, its log."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import function_logs, unpacked

BOOTSTRAP = Path(__file__).with_name("worker_bootstrap.py")
INIT_SECONDS = 60.0
"""AWS allows 10; a busy laptop compiling modules for the first time gets more."""

LOG_SECONDS = 2.0
END_OF_LOG = "\x00"
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Answer:
    """What an invocation gave: a result, or AWS's error object; and the lines written meanwhile."""

    result: Any
    error: dict[str, Any] | None
    log: str


class Gone(RuntimeError):  # noqa: N818 - states what happened to the process
    """The process ended (or was stopped) before it answered."""


class Process:
    """A running worker process; not for concurrent use."""

    def __init__(self, config: Mapping[str, Any], code: bytes, layers: list[bytes]) -> None:
        self._lines: list[str] = []
        self._logged = threading.Event()
        root = unpacked.unpack(code)
        variables = environment(config, root)
        self.log_stream = variables["AWS_LAMBDA_LOG_STREAM_NAME"]
        ours, theirs = socket.socketpair()
        with theirs:
            self.popen = subprocess.Popen(
                [sys.executable, "-S", str(BOOTSTRAP), str(theirs.fileno())],
                cwd=root,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
            )
        self._channel = ours
        self._reader = threading.Thread(target=self._read_log, name="lambda-log", daemon=True)
        self._reader.start()
        self._start = {
            "paths": [str(root), *layer_paths(layers)],
            "runtime_paths": [str(unpacked.runtime_packages())],
            "handler": config.get("Handler", "index.handler"),
        }

    def initialise(self) -> Answer:
        """Import the handler; the answer's error says why that failed."""
        ready = self._exchange(self._start, INIT_SECONDS)
        return Answer(None, ready.get("error"), self.take_log())

    def invoke(self, invocation: Mapping[str, Any], timeout: float) -> Answer:
        """Run the handler. Raises `TimeoutError` after `timeout` seconds, `Gone` when the process ended."""
        answer = self._exchange(invocation, timeout)
        return Answer(answer.get("result"), answer.get("error"), self.take_log())

    def take_log(self) -> str:
        """The lines written since the last call; waits for the mark that ends them."""
        self._logged.wait(LOG_SECONDS)
        self._logged.clear()
        lines, self._lines = self._lines, []
        return "\n".join(lines)

    def kill(self) -> int:
        """End the process at once; returns its exit status. Its last lines stay for `take_log`."""
        self.popen.kill()
        status = self.popen.wait()
        self._reader.join(LOG_SECONDS)
        self.close()
        return status

    def close(self) -> None:
        """Close our end of the socket: the process ends by itself."""
        self._channel.close()

    def _exchange(self, message: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        payload = json.dumps(message).encode()
        try:
            self._channel.settimeout(timeout)
            self._channel.sendall(struct.pack(">I", len(payload)) + payload)
            size = struct.unpack(">I", self._read(4, deadline))[0]
            answer: dict[str, Any] = json.loads(self._read(size, deadline))
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone(str(error)) from error
        return answer

    def _read(self, count: int, deadline: float) -> bytes:
        chunks = bytearray()
        while len(chunks) < count:
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            chunk = self._channel.recv(min(count - len(chunks), 1 << 20))
            if not chunk:
                raise Gone("the process closed its socket")
            chunks += chunk
        return bytes(chunks)

    def _read_log(self) -> None:
        assert self.popen.stdout is not None
        with contextlib.closing(self.popen.stdout) as output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip("\n")
                if line.endswith(END_OF_LOG):
                    line = line[:-1]
                    if line:
                        self._lines.append(line)
                    self._logged.set()
                else:
                    self._lines.append(line)
        self._logged.set()


def environment(config: Mapping[str, Any], root: Path) -> dict[str, str]:
    """The variables AWS's runtime sets, the function's own, and the endpoint of this emulator."""
    from ministack.core import lambda_runtime

    _, region = lambda_runtime._account_region_from_function_config(config)
    name, version = str(config.get("FunctionName", "")), str(config.get("Version", "$LATEST"))
    own = (config.get("Environment") or {}).get("Variables") or {}
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT', '4566')}",
        **{key: os.environ[key] for key in INHERITED if key in os.environ},
        "AWS_EC2_METADATA_DISABLED": "true",
        lambda_runtime.HOST_PREFIX_ENV: "true",
        **{key: str(value) for key, value in own.items()},
        **lambda_runtime.execution_credentials(dict(config)),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', 'python3.13')}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": (config.get("LoggingConfig") or {}).get("LogGroup")
        or f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": function_logs.stream_name(version),
        "LAMBDA_TASK_ROOT": str(root),
        "_HANDLER": str(config.get("Handler", "")),
        "TZ": ":UTC",
    }


def layer_paths(layers: list[bytes]) -> list[str]:
    """Import paths of the layers; as in /opt, where they are laid over each other, the last one wins."""
    paths = []
    for layer in reversed(layers):
        python = unpacked.unpack(layer) / "python"
        paths += [str(python), *map(str, sorted(python.glob("lib/python3*/site-packages")))]
    return paths
