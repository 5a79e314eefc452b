"""The commands leave alone what is not a local cloud's, and reach it past a proxy."""

import sys
from pathlib import Path

import pytest

from infra.local.__main__ import main
from infra.local.proxy import around_proxy


def test_down_leaves_a_folder_with_other_files_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    monkeypatch.setenv("STEMTIDE_LOCAL_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["infra.local", "down"])

    code = main()

    assert code == 1
    assert "holds other files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "example.com, localhost"}, "example.com,localhost,127.0.0.1"),
        ({"no_proxy": "a.example", "NO_PROXY": "b.example"}, "a.example,127.0.0.1,localhost"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_loopback_is_kept_out_of_a_proxys_way(given: dict[str, str], hosts: str) -> None:
    assert around_proxy(given) == {"NO_PROXY": hosts, "no_proxy": hosts}
