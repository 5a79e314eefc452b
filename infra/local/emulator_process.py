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

from infra.local.home import ROOT, Home
from infra.local.preflight import PreflightError

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
MODULE = "infra.local.emulator.run"


def running_pid(home: Home) -> int | None:
    """The process id of this home's emulator, or None. A recycled id is not mistaken for it."""
    try:
        pid = int(home.pid_file.read_text())
        words = _command_line(pid)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    return pid if MODULE in words else None


def _command_line(pid: int) -> str:
    answer = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout


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
    for folder in (home.folder, home.scratch):
        folder.mkdir(parents=True, exist_ok=True)
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
        "TMPDIR": str(home.scratch),
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
    wait_for(lambda: not _workers(home), timeout_s=5)
    for worker in _workers(home):
        os.kill(worker, signal.SIGKILL)
    home.pid_file.unlink(missing_ok=True)
    return pid is not None


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # not our child when an earlier command started it
        os.waitpid(pid, os.WNOHANG)
    return MODULE in _command_line(pid)


def _workers(home: Home) -> list[int]:
    """Processes that run code unpacked below this home (a worker ends by itself when its emulator does)."""
    listing = subprocess.run(["ps", "-eo", "pid=,command="], capture_output=True, text=True, check=True)
    rows = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return [int(row[0]) for row in rows if len(row) == 2 and f"{home.scratch}/" in row[1]]


def wait_for(condition: Callable[[], bool], *, timeout_s: float, every_s: float = 0.1) -> bool:
    """Poll `condition` until it holds or the time is up; returns whether it held."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
