import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from stemtide_cli import checks_machine
from stemtide_cli.main import main


def test_doctor_goes_on_after_what_fails_and_says_what_to_do(tmp_path: Path) -> None:
    missing = str(tmp_path / "stack.json")

    result = CliRunner().invoke(main, ["doctor", "--json", "--stack", missing])

    found = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert result.exit_code == 1
    assert found["python"]["state"] == "ok"
    assert found["configuration"]["state"] == "ok"
    assert found["stack"]["state"] == "fail"
    assert "make up" in found["stack"]["do"]


def test_a_stack_that_does_not_answer_is_one_failure_and_not_ten(tmp_path: Path) -> None:
    stack = {
        "region": "us-east-1",
        "event_stream": "e",
        "event_bus": "b",
        "buckets": {},
        "tables": {"usage": "u"},
    }
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(stack | {"endpoint_url": "http://127.0.0.1:4654"}))

    result = CliRunner().invoke(main, ["doctor", "--stack", str(file)])

    assert result.exit_code == 1
    assert result.output.count("fail ") == 1
    assert "http://127.0.0.1:4654" in result.output


@pytest.mark.parametrize(
    ("answer", "state", "says"),
    [
        ("v18.4.0", "fail", "v18.4.0"),
        ("v20.0.0", "ok", "v20.0.0"),
        ("hello", "fail", "hello"),
        (None, "fail", "not found"),
    ],
)
def test_node_must_be_there_and_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str | None, state: str, says: str
) -> None:
    if answer is not None:
        node = tmp_path / "node"
        node.write_text(f"#!/bin/sh\necho {answer}\n")
        node.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}")

    [check] = checks_machine.tool("node", minimum=20)

    assert (check.state, check.says) == (state, says)


def test_a_bad_configuration_is_told_with_file_and_reason(tmp_path: Path) -> None:
    (tmp_path / "stemtide.toml").write_text("[company]\nname = 1\n")

    [check] = checks_machine.configuration(tmp_path)

    assert check.state == "fail"
    assert "stemtide.toml" in check.says
