"""`stemtide sweep` and what `stemtide status` says of the last run."""

import json
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from stemtide_cli.main import main
from stemtide_cli.status import last_silence_check, last_sweep

from tests.integration.scoring.conftest import Scoring
from tests.integration.scoring.sweeps import plan, work_off

Command = Callable[..., Result]


@pytest.fixture
def command(scoring: Scoring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command line on a stack whose state machine runs at once, in this process."""
    content = {
        "region": "us-east-1",
        "event_stream": "events",
        "event_bus": "bus",
        "buckets": {"archive": "archive"},
        "tables": {"usage": "usage", "accounts": "accounts", "ingest": "ingest"},
    }
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(content))

    def run(
        stack: object, arn: str, *, about: str, given: dict[str, Any], look: Callable[[str], None]
    ) -> tuple[dict[str, Any], str]:
        name = f"by-hand-{about}"
        look(name)
        with redirect_stdout(StringIO()):  # where the functions' metrics go
            ended = work_off(scoring, plan(scoring, run=name, **given))
        look(name)
        return {"status": "FAILED" if ended["unmet"] else "SUCCEEDED"}, name

    monkeypatch.setattr("stemtide_cli.sweep.run_machine", run)
    monkeypatch.setattr("stemtide_cli.sweep.machine_of", lambda stack, role: f"arn:{role}")

    def invoke(*arguments: str) -> Result:
        asked = ["sweep", "--as-of", "2026-03-14", *arguments, "--stack", str(file)]
        return CliRunner().invoke(main, asked, catch_exceptions=False, env={"COLUMNS": "160"})

    return invoke


def test_a_run_is_shown_stage_by_stage(scoring: Scoring, command: Command) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z")
    scoring.put_account("a")

    shown = command()

    assert shown.exit_code == 0
    assert "├── extract_features ........... PASSED (" in shown.output
    assert "│   ├── event_data_freshness ... PASSED (latest event: 23:59 UTC, lag: 0 min)" in shown.output
    assert "1 accounts: 1 scored, 0 unchanged, 0 no customers, 0 failed, 0 at risk, in " in shown.output


def test_a_tripped_gate_ends_it_with_1_and_what_to_do(scoring: Scoring, command: Command) -> None:
    scoring.put_account("a", ago=1)

    shown, result = command(), json.loads(command("--json").stdout)

    assert shown.exit_code == 1
    assert "FAILED (no event is on record)" in shown.output
    assert "aborted, nothing was scored: the quality gate tripped: event_data_freshness" in shown.output
    assert "--ignore-gate NAME" in shown.output
    assert (result["state"], result["scored"], result["ignored_gates"]) == ("aborted", 0, [])
    assert [stage["state"] for stage in result["stages"]] == ["passed", "failed", "not_run", "not_run"]


def test_a_person_goes_past_a_gate_by_its_name(scoring: Scoring, command: Command) -> None:
    scoring.put_account("a", ago=1)

    shown = command("--ignore-gate", "event_data_freshness", "--ignore-gate", "account_count")
    unknown = command("--ignore-gate", "freshness")

    assert shown.exit_code == 0
    assert "IGNORED (no event is on record)" in shown.output
    assert "ignored by request: event_data_freshness, account_count" in shown.output
    assert unknown.exit_code == 2
    assert "is not one of 'event_data_freshness'" in unknown.output + unknown.stderr


def test_status_tells_of_the_last_run_and_of_hours_in_which_silence_was_not_looked_for(
    scoring: Scoring, command: Command
) -> None:
    assert last_sweep(scoring.ingest) is None
    assert last_silence_check(scoring.ingest) is None
    scoring.put_account("a", ago=1)
    command()
    scoring.ingest.put_item(
        Item={"pk": "job#detect", "sk": "2026-03-15T01:00:00+00:00", "skipped": "the stream was stale"}
    )

    run, hour = last_sweep(scoring.ingest), last_silence_check(scoring.ingest)

    assert run is not None
    assert (run["state"], run["accounts"], run["scored"]) == ("aborted", 1, 0)
    assert [stage["name"] for stage in run["stages"]][:2] == ["extract_features", "quality_gate"]
    assert "event_data_freshness of 2026-03-14" in run["cause"]
    assert hour == {"slot": "2026-03-15T01:00:00+00:00", "done_at": None, "skipped": "the stream was stale"}
