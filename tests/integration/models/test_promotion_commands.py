"""`export`, `promote` and `rollback` against a stack's bucket, as people and scripts call them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws
from stemtide.scoring.manifest import GRAPH
from stemtide_cli.main import main

from tests.scoring_models import CONFIG, candidate, rows, trained


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
    booster, folder = trained(rows(300), rounds=2), tmp_path / "artefacts" / "churn"
    for version in ("v1", "v2"):
        candidate(folder / version, booster, version=version, metrics={"auc_roc": 0.81})
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
    no_key = run(stack, "promote", "churn", "v 1", "--from", artefacts)
    nothing_before = run(stack, "rollback", "churn")

    for answer, words in (
        (never_exported, GRAPH),
        (unknown, "missing"),
        (elsewhere, "no version"),
        (no_key, "no version"),
        (nothing_before, "no previous version"),
    ):
        assert answer.exit_code == 1
        assert words in answer.stderr


def test_after_a_change_of_tiers_the_export_is_promoted_under_its_own_version(
    stack: Path, artefacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(stack, "export", "churn", "v1", "--from", artefacts)
    assert run(stack, "promote", "churn", "v1", "--from", artefacts).exit_code == 0
    scoring = msgspec.structs.replace(CONFIG.scoring, tier_multiples=(2.0, 4.0, 8.0))
    changed = msgspec.structs.replace(CONFIG, scoring=scoring)
    monkeypatch.setattr("stemtide_cli.promotion.configuration", lambda: changed)

    answer = json.loads(run(stack, "export", "churn", "v1", "--from", artefacts).stdout)
    promoted = run(stack, "promote", "churn", answer["version"], "--from", artefacts)

    assert answer["version"] != answer["exported_from"] == "v1"
    assert promoted.exit_code == 0, promoted.output
    assert json.loads(promoted.stdout)["previous"] == "v1"


def test_a_candidate_that_does_not_exist_cannot_be_exported(stack: Path, artefacts: Path) -> None:
    answer = run(stack, "export", "churn", "v9", "--from", artefacts)

    assert answer.exit_code == 1
    assert "no candidate" in answer.stderr


def exported(stack: Path, artefacts: Path) -> None:
    for version in ("v1", "v2"):
        assert run(stack, "export", "churn", version, "--from", artefacts).exit_code == 0


def states(stack: Path, artefacts: Path) -> dict[str, str]:
    found = json.loads(run(stack, "models", "churn", "--from", artefacts).stdout)
    return {one["version"]: one["state"] for one in found["models"][0]["versions"]}


def test_a_challenger_is_set_listed_promoted_and_is_none_any_more(stack: Path, artefacts: Path) -> None:
    exported(stack, artefacts)
    run(stack, "promote", "churn", "v1", "--from", artefacts)

    challenged = run(stack, "promote", "churn", "v2", "--challenger", "--from", artefacts)

    assert challenged.exit_code == 0, challenged.output
    assert json.loads(challenged.stdout)["role"] == "challenger"
    assert states(stack, artefacts) == {"v1": "champion", "v2": "challenger"}
    run(stack, "promote", "churn", "v2", "--from", artefacts)
    assert states(stack, artefacts) == {"v1": "previous", "v2": "champion"}


def test_a_challenger_is_taken_out(stack: Path, artefacts: Path) -> None:
    exported(stack, artefacts)
    run(stack, "promote", "churn", "v1", "--challenger", "--from", artefacts)

    taken = run(stack, "promote", "churn", "--no-challenger")

    assert (taken.exit_code, json.loads(taken.stdout)["version"]) == (0, None)
    assert states(stack, artefacts) == {"v1": "other", "v2": "other"}


def test_a_version_serves_in_shadow_until_it_is_live(stack: Path, artefacts: Path) -> None:
    exported(stack, artefacts)

    shadow = run(stack, "promote", "churn", "v1", "--shadow", "--from", artefacts)
    other = run(stack, "promote", "churn", "v2", "--from", artefacts)
    live = run(stack, "promote", "churn", "v2", "--live")

    assert [json.loads(one.stdout)["shadow"] for one in (shadow, other, live)] == [True, True, False]
    assert json.loads(live.stdout)["previous"] == "v1"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["v1", "--no-challenger"],
        ["--challenger"],
        ["v1", "--challenger", "--no-challenger"],
        ["v1", "--challenger", "--live"],
        ["--no-challenger", "--shadow"],
    ],
)
def test_what_makes_no_sense_together_is_wrong_usage(stack: Path, arguments: list[str]) -> None:
    assert run(stack, "promote", "churn", *arguments).exit_code == 2


def test_the_list_tells_where_a_version_is_how_large_how_old_and_how_good(
    stack: Path, artefacts: Path
) -> None:
    exported(stack, artefacts)
    run(stack, "promote", "churn", "v1", "--from", artefacts)
    (artefacts / "churn" / "v1").rename(artefacts / "elsewhere")

    found = json.loads(run(stack, "models", "churn", "--from", artefacts).stdout)["models"][0]

    by_version = {one["version"]: one for one in found["versions"]}
    gone, local = by_version["v1"], by_version["v2"]
    assert (gone["in_bucket"], gone["whole"], gone["on_this_machine"]) == (True, True, False)
    assert (local["in_bucket"], local["on_this_machine"], local["exported"]) == (False, True, True)
    assert gone["bytes"] > 10_000
    assert local["bytes"] > 10_000
    assert gone["trained_at"][:19] <= gone["uploaded_at"][:19]  # S3 tells whole seconds
    assert (gone["target"], gone["horizon_days"], gone["auc_roc"]) == ("churned", 30, 0.81)
    assert found["champion"]["version"] == "v1"


def test_an_upload_that_was_never_finished_and_damaged_pointers_are_listed_as_such(
    stack: Path, artefacts: Path
) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.put_object(Bucket="models", Key=f"churn/v7/{GRAPH}", Body=b"half")
    s3.put_object(Bucket="models", Key="churn/champion.json", Body=b"{")

    found = json.loads(run(stack, "models", "churn", "--from", artefacts / "none").stdout)["models"][0]

    [half] = found["versions"]
    assert (half["version"], half["whole"], half["bytes"], half["state"]) == ("v7", False, 4, "other")
    assert "cannot be read" in found["champion"]["refused"]
    assert CliRunner().invoke(main, ["models", "--stack", str(stack)]).exit_code == 0
