"""`export`, `promote` and `rollback` against a stack's bucket, as people and scripts call them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws
from stemtide.scoring.manifest import GRAPH
from stemtide_cli.main import main

from tests.scoring_models import candidate, rows, trained


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    file = tmp_path / "stack.json"
    content = {"region": "us-east-1", "event_stream": "e", "event_bus": "b", "tables": {}}
    file.write_text(json.dumps(content | {"buckets": {"models": "models"}}))
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="models")
        yield file


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    booster = trained(rows(300), rounds=2)
    for version in ("v1", "v2"):
        candidate(tmp_path / "artefacts" / "churn" / version, booster, version=version)
    return tmp_path / "artefacts"


def run(stack: Path, *arguments: Any) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--json", "--stack", str(stack)])


def test_a_candidate_is_exported_promoted_and_rolled_back(stack: Path, artefacts: Path) -> None:
    for version in ("v1", "v2"):
        exported = run(stack, "export", "churn", version, "--from", artefacts)
        assert exported.exit_code == 0, exported.output
        assert json.loads(exported.stdout)["parity"]["max_abs_margin"] <= 1e-12
        promoted = run(stack, "promote", "churn", version, "--from", artefacts)
        assert promoted.exit_code == 0, promoted.output

    found = run(stack, "rollback", "churn")

    assert found.exit_code == 0
    assert {key: json.loads(found.stdout)[key] for key in ("model", "version", "previous")} == {
        "model": "churn",
        "version": "v1",
        "previous": "v2",
    }


def test_what_cannot_be_promoted_is_refused_in_words(stack: Path, artefacts: Path) -> None:
    never_exported = run(stack, "promote", "churn", "v1", "--from", artefacts)
    unknown = run(stack, "promote", "churn", "v9", "--from", artefacts)
    elsewhere = run(stack, "promote", "churn", "../v1", "--from", artefacts)
    nothing_before = run(stack, "rollback", "churn")

    for answer, words in (
        (never_exported, GRAPH),
        (unknown, "missing"),
        (elsewhere, "no version"),
        (nothing_before, "no previous version"),
    ):
        assert answer.exit_code == 1
        assert words in answer.stderr


def test_a_candidate_that_does_not_exist_cannot_be_exported(stack: Path, artefacts: Path) -> None:
    answer = run(stack, "export", "churn", "v9", "--from", artefacts)

    assert answer.exit_code == 1
    assert "no candidate" in answer.stderr
