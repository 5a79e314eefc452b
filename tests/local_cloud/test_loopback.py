"""Nothing leaves the machine: the emulator's process listens on loopback and connects to nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.local_cloud.emulator_process import REPO, Emulator

PROBE = """
import socket, urllib.request
from infra.local.emulator import loopback
loopback.install()
for attempt in (
    lambda: urllib.request.urlopen("http://192.0.2.1/", timeout=1),
    lambda: urllib.request.urlopen("http://stemtide.example/", timeout=1),
    lambda: socket.create_connection(("198.51.100.7", 443), timeout=1),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("203.0.113.9", 53)),
):
    try:
        attempt()
    except OSError as error:
        print(getattr(error, "reason", error))
listener = socket.create_server(("127.0.0.1", 0))
socket.create_connection(("localhost", listener.getsockname()[1]), timeout=1).close()
print("loopback works")
"""


def test_connections_and_lookups_beyond_loopback_are_refused() -> None:
    """No telemetry, no update checks, no fetches: an attempt fails before a packet is sent."""
    probe = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=REPO, capture_output=True, text=True, timeout=60, check=True
    )

    said = probe.stdout.splitlines()

    assert [line.split(":")[-1].strip() for line in said[:4]] == ["the local cloud stays on this machine"] * 4
    assert said[4:] == ["loopback works"]


def test_the_emulator_listens_on_loopback_only(emulator: Emulator) -> None:
    """Whatever BIND_HOST says, the port is bound to 127.0.0.1."""
    assert emulator.process is not None
    sockets = {
        link.readlink().name
        for link in Path(f"/proc/{emulator.process.pid}/fd").iterdir()
        if link.readlink().name.startswith("socket:")
    }

    addresses = {
        fields[1].split(":")[0]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if (fields := line.split())[3] == "0A" and f"socket:[{fields[9]}]" in sockets
    }

    assert addresses == {"0100007F"}


def test_an_emulator_on_a_taken_port_or_folder_says_so(emulator: Emulator, tmp_path: Path) -> None:
    """Two emulators on one state folder would destroy it."""
    port = emulator.url.rsplit(":", 1)[1]

    taken_port = start(STATE_DIR=str(tmp_path / "other"), GATEWAY_PORT=port)
    taken_folder = start(STATE_DIR=str(emulator.state_dir), GATEWAY_PORT="4699")

    assert (taken_port.returncode, taken_folder.returncode) == (1, 1)
    assert f"cannot listen on 127.0.0.1:{port}" in taken_port.stderr
    assert "another emulator is running" in taken_folder.stderr


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run the emulator, which is expected to refuse."""
    command = [sys.executable, "-m", "infra.local.emulator.run"]
    return subprocess.run(
        command, cwd=REPO, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
