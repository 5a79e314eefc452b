"""Start, find and end the process of one local cloud's payment provider."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from stemtide.clock import ModelClock

from infra.local import processes
from infra.local.emulator_process import wait_for
from infra.local.home import ROOT, Home
from infra.local.preflight import PreflightError
from payments.settings import Settings

MODULE: Final = "-m payments"
SENT: Final = [
    f"{name}.*"
    for name in ("customer", "invoice", "charge", "refund", "payment_method", "coupon", "promotion_code")
]
"""The types of events that are sent, as an endpoint at Stripe chooses its own: each costs a function call."""
START_TIMEOUT_S: Final = 30
STOP_TIMEOUT_S: Final = 20


def prepared(home: Home, clock: ModelClock) -> Settings:
    """What this home's provider is told: its keys are made once, its port is the one after the emulator's.

    Another port is taken (and kept) when that one is not free.
    """
    kept = Settings.read(home.payments_file) if home.payments_file.exists() else _new(home)
    if running_pid(home) is None and not _free(kept.port):
        kept = replace(kept, port=_any_free())
    settings = replace(kept, clock=str(clock))
    if not home.payments_file.exists():
        settings.write(home.payments_file)
    return settings


def _new(home: Home) -> Settings:
    return Settings(
        port=home.port + 1,
        database=str(home.folder / "payments.sqlite"),
        api_key=f"sk_test_{secrets.token_hex(16)}",
        webhook_secret=f"whsec_{secrets.token_hex(24)}",
        enabled=SENT,
    )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
        return True


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ensure_running(home: Home, settings: Settings, *, webhook_url: str, say: Callable[[str], None]) -> None:
    """The provider runs with these settings; one that runs with others is started anew, with its data.

    Raises:
        PreflightError: it does not answer; the message names its log.
    """
    settings = replace(settings, webhook_url=webhook_url)
    if settings == Settings.read(home.payments_file) and healthy(home):
        say(f"the payment provider is already running at {_url(settings)}")
        return
    stop(home)
    settings.write(home.payments_file)
    say(f"starting the payment provider at {_url(settings)}")
    _start(home)


def _url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.port}"


def _start(home: Home) -> None:
    with home.payments_log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *MODULE.split(), str(home.payments_file)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    home.payments_pid_file.write_text(str(process.pid))
    wait_for(lambda: healthy(home) or process.poll() is not None, timeout_s=START_TIMEOUT_S)
    if not healthy(home):
        tail = "\n".join(home.payments_log_file.read_text(errors="replace").splitlines()[-15:])
        stop(home)
        raise PreflightError(
            f"the payment provider did not start; the end of {home.payments_log_file}:\n{tail}"
        )


def running_pid(home: Home) -> int | None:
    """The process id of this home's provider, or None. A recycled id is not mistaken for it."""
    try:
        pid = int(home.payments_pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _is_provider(home, pid) else None


def _is_provider(home: Home, pid: int) -> bool:
    words = f"{MODULE} {home.payments_file}"
    return any(process.pid == pid and words in process.command for process in processes.running())


def healthy(home: Home) -> bool:
    """Whether this home's provider answers."""
    try:
        url = _url(Settings.read(home.payments_file))
        with urllib.request.urlopen(f"{url}/_control/health", timeout=2) as reply:  # noqa: S310
            return bool(json.load(reply)["pid"] == running_pid(home))
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False


def stop(home: Home) -> bool:
    """End the provider, its data kept; returns whether one was running."""
    pid = running_pid(home)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        if not wait_for(lambda: not _alive(home, pid), timeout_s=STOP_TIMEOUT_S):
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not _alive(home, pid), timeout_s=STOP_TIMEOUT_S)
    home.payments_pid_file.unlink(missing_ok=True)
    return pid is not None


def _alive(home: Home, pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # not our child when an earlier command started it
        os.waitpid(pid, os.WNOHANG)
    return _is_provider(home, pid)
