"""The emulator's process and its workers are found and ended, and nobody else's."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import emulator_process, processes
from infra.local.home import Home

SLEEP = "import time; time.sleep(60)"
WORKER = [sys.executable, "-c", SLEEP, emulator_process.WORKER]
EMULATOR = f"import subprocess; subprocess.Popen({WORKER!r}); {SLEEP}"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home whose emulator (a stand-in that sleeps) has one busy worker."""
    home = Home(folder=tmp_path, port=4599)
    stand_in = subprocess.Popen(
        [sys.executable, "-c", EMULATOR, emulator_process.MODULE], start_new_session=True
    )
    home.pid_file.write_text(str(stand_in.pid))
    try:
        assert emulator_process.wait_for(lambda: len(group_of(stand_in.pid)) == 2, timeout_s=10)
        yield home
    finally:
        for process in group_of(stand_in.pid):
            os.kill(process.pid, signal.SIGKILL)
        stand_in.wait()


@pytest.fixture
def reader(home: Home) -> Iterator["subprocess.Popen[bytes]"]:
    """Somebody else's process that names the folder."""
    process = subprocess.Popen([sys.executable, "-c", SLEEP, str(home.folder / "tmp" / "file")])
    yield process
    process.kill()
    process.wait()


def group_of(pid: int) -> list[processes.Process]:
    return [p for p in processes.running() if p.group == pid and p.command]


def pid_of(home: Home) -> int:
    return int(home.pid_file.read_text())


def test_the_emulator_is_found_by_what_it_runs(home: Home) -> None:
    assert emulator_process.running_pid(home) == pid_of(home)


def test_a_recycled_id_is_not_taken_for_the_emulator(home: Home) -> None:
    home.pid_file.write_text(str(os.getpid()))

    assert emulator_process.running_pid(home) is None


def test_stopping_ends_emulator_and_busy_worker_and_nobody_else(
    home: Home, reader: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_process, "WORKERS_TIMEOUT_S", 0.2)
    pid = pid_of(home)

    stopped = emulator_process.stop(home)

    assert stopped
    assert emulator_process.wait_for(lambda: not group_of(pid), timeout_s=10)
    assert reader.poll() is None


def test_a_killed_emulators_busy_worker_is_ended_at_the_next_stop(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_process, "WORKERS_TIMEOUT_S", 0.2)
    pid = pid_of(home)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    stopped = emulator_process.stop(home)

    assert not stopped
    assert emulator_process.wait_for(lambda: not group_of(pid), timeout_s=10)


def test_processes_are_listed_the_same_without_a_proc_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)

    [own] = [process for process in processes.running() if process.pid == os.getpid()]

    assert own.group == os.getpgid(0)
    assert sys.executable in own.command
