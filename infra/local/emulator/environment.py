"""The emulator's environment variables, fixed before any of its modules is imported.

MiniStack reads its settings at import. Whatever the caller left open is decided here: loopback only,
everything persisted, no Docker, no SFTP or MQTT listeners, and one private folder for temporary files.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 4566

FORCED = {
    "BIND_HOST": LOOPBACK,
    "PERSIST_STATE": "1",
    "S3_PERSIST": "1",
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "LAMBDA_EXECUTOR": "local",
    "DOCKER_HOST": "unix:///nonexistent/docker.sock",
    "MINISTACK_HOST": "localhost",
}
DEFAULTS = {"LOG_LEVEL": "WARNING", "MINISTACK_REGION": "us-east-1"}


class StateInUseError(RuntimeError):
    """Another emulator is running on the same state folder."""


def prepare() -> Path:
    """Complete the environment and return the state folder, locked for this process.

    Reads `STATE_DIR` (required), `S3_DATA_DIR` (default `<state>/s3`) and `GATEWAY_PORT`. Temporary files go
    to `<state>/tmp`, emptied at each start: a killed emulator leaves its Lambda workers' folders behind.
    Raises `StateInUseError` when another process holds the folder, `KeyError` when `STATE_DIR` is not set.
    """
    state_dir = Path(os.environ["STATE_DIR"]).resolve()
    state_dir.mkdir(parents=True, exist_ok=True)
    _lock(state_dir)
    temporary = state_dir / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    os.environ.update(FORCED)
    os.environ["STATE_DIR"] = str(state_dir)
    os.environ["TMPDIR"] = str(temporary)
    os.environ.setdefault("S3_DATA_DIR", str(state_dir / "s3"))
    os.environ.setdefault("GATEWAY_PORT", str(DEFAULT_PORT))
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    return state_dir


def port() -> int:
    """The TCP port to listen on."""
    return int(os.environ["GATEWAY_PORT"])


def _lock(state_dir: Path) -> None:
    """Hold an exclusive lock on the folder until the process ends, however it ends."""
    descriptor = os.open(state_dir / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StateInUseError(f"another emulator is running on {state_dir}") from error
