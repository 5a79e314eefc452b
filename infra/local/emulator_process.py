"""Start, find and end the emulator's process of one local cloud."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from infra.local import processes
from infra.local.home import ROOT, Home
from infra.local.preflight import PreflightError

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
WORKERS_TIMEOUT_S = 5
MODULE = "infra.local.emulator.run"
WORKER = "infra/local/emulator/worker_bootstrap.py"


def running_pid(home: Home) -> int | None:
    """The process id of this home's emulator, or None. A recycled id is not mistaken for it."""
    try:
        pid = int(home.pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _is_emulator(pid) else None


def _is_emulator(pid: int) -> bool:
    return any(process.pid == pid and MODULE in process.command for process in processes.running())


def healthy(home: Home) -> bool:
    """Whether this home's emulator answers and its state is loaded."""
    try:
        with urllib.request.urlopen(f"{home.endpoint}/_stemtide/health", timeout=2) as reply:  # noqa: S310
            return bool(json.load(reply)["pid"] == running_pid(home))
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False


def post(home: Home, path: str) -> None:
    """POST to the emulator's own control routes.

    Raises:
        urllib.error.HTTPError: it refused.
    """
    request = urllib.request.Request(f"{home.endpoint}{path}", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        pass


def start(home: Home) -> int:
    """Start the emulator in the background and wait until it has loaded its state; returns its id.

    Raises:
        PreflightError: it ended or did not answer in time; the message names its log.
    """
    home.folder.mkdir(parents=True, exist_ok=True)
    with home.log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            cwd=ROOT,
            env=_emulator_env(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    home.pid_file.write_text(str(process.pid))
    wait_for(lambda: healthy(home) or process.poll() is not None, timeout_s=START_TIMEOUT_S)
    if not healthy(home):
        tail = "\n".join(home.log_file.read_text(errors="replace").splitlines()[-15:])
        stop(home)
        raise PreflightError(f"the emulator did not start; the end of {home.log_file}:\n{tail}")
    return process.pid


def _emulator_env(home: Home) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
    return kept | {
        "GATEWAY_PORT": str(home.port),
        "BIND_HOST": "127.0.0.1",
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(home.folder / "state"),
        "S3_DATA_DIR": str(home.folder / "s3"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
    }


def stop(home: Home) -> bool:
    """End the emulator and its workers; returns whether one was running."""
    pid = running_pid(home)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        if not wait_for(lambda: not _alive(pid), timeout_s=STOP_TIMEOUT_S):
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not _alive(pid), timeout_s=STOP_TIMEOUT_S)
    wait_for(lambda: not _workers(home), timeout_s=WORKERS_TIMEOUT_S)
    for worker in _workers(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    home.pid_file.unlink(missing_ok=True)
    return pid is not None


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # not our child when an earlier command started it
        os.waitpid(pid, os.WNOHANG)
    return _is_emulator(pid)


def _workers(home: Home) -> list[int]:
    """Worker processes in the group of this home's emulator, alive or dead.

    A worker ends by itself when its emulator does, but for one that is busy in a function.
    """
    try:
        group = int(home.pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return []
    return [p.pid for p in processes.running() if p.group == group and WORKER in p.command]


def wait_for(condition: Callable[[], bool], *, timeout_s: float, every_s: float = 0.1) -> bool:
    """Poll `condition` until it holds or the time is up; returns whether it held."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
