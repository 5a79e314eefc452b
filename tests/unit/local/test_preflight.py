"""The machine's shortcomings are refused with what to do about them."""

import socket
from pathlib import Path

import pytest

from infra.local.home import Home
from infra.local.preflight import PreflightError, check_disk, check_folder, check_node, check_port


def _fake_node(folder: Path, version: str) -> str:
    node = folder / "node"
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    return str(node)


@pytest.mark.parametrize("version", ["v20.20.2", "v22.1.0", "v24.0.0"])
def test_a_recent_node_is_accepted(tmp_path: Path, version: str) -> None:
    check_node(_fake_node(tmp_path, version))


@pytest.mark.parametrize("version", ["v18.19.0", "v8.0.0", "nonsense", ""])
def test_an_old_or_unknown_node_is_refused_with_the_version_to_install(tmp_path: Path, version: str) -> None:
    with pytest.raises(PreflightError, match="install 20 or newer"):
        check_node(_fake_node(tmp_path, version))


def test_a_missing_node_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PreflightError, match=r"Node\.js is missing"):
        check_node()


@pytest.mark.parametrize("entries", [(), ("lock",), ("lock", "emulator.log", "state")])
def test_a_folder_that_is_new_or_a_local_clouds_is_accepted(tmp_path: Path, entries: tuple[str, ...]) -> None:
    for name in entries:
        (tmp_path / name).touch()

    check_folder(Home(folder=tmp_path, port=4599))
    check_folder(Home(folder=tmp_path / "new", port=4599))


def test_a_folder_with_other_files_is_refused_because_down_would_remove_them(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()

    with pytest.raises(PreflightError, match="holds other files"):
        check_folder(Home(folder=tmp_path, port=4599))


def test_a_full_disk_is_refused_and_another_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match=r"disk is short: .* STEMTIDE_LOCAL_DIR"):
        check_disk(tmp_path / "not" / "there", min_free_gb=1e9)


def test_enough_disk_is_accepted(tmp_path: Path) -> None:
    check_disk(tmp_path / "not" / "there", min_free_gb=1e-6)


def test_a_taken_port_is_refused_and_another_one_is_proposed() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(PreflightError, match=f"port {port} is taken.*STEMTIDE_PORT={port + 1} make up"):
            check_port(port)


def test_a_free_port_is_accepted() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]

    check_port(port)
