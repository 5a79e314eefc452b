"""What must be true of the machine before the local cloud can start; each failure says what to do."""

import shutil
import socket
import subprocess
from pathlib import Path

from infra.local.home import Home

MIN_NODE = 20
MIN_FREE_GB = 2.0
"""Layers, their unpacked copy, the CDK assembly and a few million events."""


class PreflightError(Exception):
    """The machine is not ready; the message says why and what to do."""


def check_folder(home: Home) -> None:
    """Raises PreflightError when the folder holds files that are not a local cloud's: `down` removes it."""
    entries = {path.name for path in home.folder.iterdir()} if home.folder.exists() else set()
    if entries - {home.lock_file.name} and home.log_file.name not in entries:
        raise PreflightError(
            f"{home.folder} holds other files and no local cloud: "
            "give STEMTIDE_LOCAL_DIR a new folder or an empty one"
        )


def check_node(node: str | None = None) -> None:
    """Raises PreflightError when Node.js is missing or older than the CDK command line needs."""
    found = node or shutil.which("node")
    if found is None:
        raise PreflightError(
            f"Node.js is missing: install version {MIN_NODE} or newer (the CDK command line runs on it)"
        )
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = answer.lstrip("v").split(".")[0]
    if not major.isdecimal() or int(major) < MIN_NODE:
        version = answer or "of unknown version"
        raise PreflightError(f"Node.js {version} is too old: install {MIN_NODE} or newer")


def check_disk(folder: Path, *, min_free_gb: float = MIN_FREE_GB) -> None:
    """Raises PreflightError when the disk under `folder` has less than `min_free_gb` free."""
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    if free_gb < min_free_gb:
        raise PreflightError(
            f"disk is short: {free_gb:.1f} GB free under {existing}, {min_free_gb:.1f} GB needed; "
            "free some space, or put the local cloud elsewhere with STEMTIDE_LOCAL_DIR"
        )


def check_port(port: int) -> None:
    """Raises PreflightError when something else listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PreflightError(
                f"port {port} is taken by another program: stop it, or choose another port with "
                f"STEMTIDE_PORT={port + 1} make up"
            ) from error
