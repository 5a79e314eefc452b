"""The processes of this machine, without tools that a small machine may lack."""

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A running process: its id, the id of its process group, its command line."""

    pid: int
    group: int
    command: str


def running() -> list[Process]:
    """Every process, read from /proc, or asked of `ps` where there is none (macOS)."""
    if not (PROC / "self" / "cmdline").exists():
        return _asked()
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(Process(int(folder.name), os.getpgid(int(folder.name)), words))
    return found


def _asked() -> list[Process]:
    listing = subprocess.run(["ps", "-eo", "pid=,pgid=,command="], capture_output=True, text=True, check=True)
    rows = (line.split(maxsplit=2) for line in listing.stdout.splitlines())
    return [Process(int(row[0]), int(row[1]), row[2]) for row in rows if len(row) == 3]
