"""From a log to figures and to an exported candidate, by the commands."""

import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from stemtide.features import kernel
from stemtide.features.usage_at import usage_at
from stemtide.scoring.artefact import load
from stemtide_cli import evaluate as evaluating
from stemtide_cli.errors import CliError
from stemtide_cli.main import main

from models import leakage, learning, parity
from tests.training_logs import CHURN_LOG

MAPPING = CHURN_LOG.format(subscriptions="", every_days=10, first_day=30)
FIRST = date(2024, 1, 1)
KEYS = {
    "auc_roc", "auc_roc_ci", "auc_pr", "precision_at_80_recall", "ece", "lift_top_decile", "n_fit", "n_test",
    "positives_test", "baseline_auc_roc", "snapshot_dates", "parity", "notes",
}  # fmt: skip


def month(number: int) -> date:
    return date(2024 + number // 12, number % 12 + 1, 1)


def written(folder: Path, *, seed: int, accounts: int = 60) -> Path:
    """A year of accounts that use the product less before they leave."""
    rng = np.random.default_rng(seed)
    events, terms = ["org,who,what,at"], ["org,product,start,months"]
    for number in range(accounts):
        org = f"org-{number:03}"
        months = 12 if rng.random() < 0.3 else int(rng.integers(2, 12))
        terms += [f"{org},basic,{month(m)},1" for m in range(months)]
        end, usual = month(months), rng.uniform(0.4, 0.9)
        for offset in range(366):
            day = FIRST + timedelta(days=offset)
            left = (end - day).days
            rate = usual if months == 12 or left > 30 else usual / 2
            if left > 0 and rng.random() < rate:
                events.append(f"{org},u,Opened,{day}T10:00:00Z")
    folder.mkdir(parents=True)
    (folder / "events.csv").write_text("\n".join(events) + "\n")
    (folder / "terms.csv").write_text("\n".join(terms) + "\n")
    (folder / "m.toml").write_text(MAPPING)
    return folder


@pytest.fixture(autouse=True)
def _few_rounds_and_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MAX_ROUNDS", 60)
    few = parity.Counts(random=500, threshold=500, missing=400, special=100, explained=40)
    monkeypatch.setattr(parity, "DEFAULT", few)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("a") / "log", seed=1)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments], catch_exceptions=False)


def run(*arguments: str, expect: int = 0) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == expect, result.output + result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def arguments(command: str, log: Path, *more: str) -> tuple[str, ...]:
    files = ("--mapping", str(log / "m.toml"), "--data", str(log))
    return (command, "churn", *files, "--tries", "8", *more)


def test_an_evaluation_prints_its_figures_and_the_parity_of_the_exported_graph(log: Path) -> None:
    found = run(*arguments("evaluate", log))

    assert found.keys() >= KEYS
    assert found["auc_roc"] > 0.7
    assert found["auc_roc_ci"][0] < found["auc_roc"] < found["auc_roc_ci"][1]
    assert found["parity"]["max_abs_margin"] <= 1e-12
    assert found["parity"]["max_abs_probability"] <= 1e-12
    split = FIRST + timedelta(days=int(0.65 * 365))
    assert found["snapshot_dates"][0] > split.isoformat()
    last_fit = date.fromisoformat(found["fit_snapshot_dates"][-1])
    assert last_fit + timedelta(days=30) <= split
    assert found["snapshot_dates"][-1] <= "2024-11-01"


def test_days_move_the_split_and_another_log_to_fit_on_lifts_it(log: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other", seed=2)

    days = ("--fit-until", "2024-06-30", "--test-from", "2024-08-01")
    moved = run(*arguments("evaluate", log, *days, "--tries", "0"))
    whole = run(*arguments("evaluate", log, "--fit-data", str(other), "--tries", "0"))

    assert moved["fit_snapshot_dates"][-1] <= "2024-05-31"
    assert moved["snapshot_dates"][0] >= "2024-08-01"
    assert whole["snapshot_dates"][0] == "2024-01-31"
    assert whole["n_test"] > moved["n_test"]


def test_a_log_is_not_measured_on_what_was_fitted_of_it(log: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(log, copy)

    days = ("--fit-until", "2024-06-30", "--test-from", "2024-08-01")
    found = run(*arguments("evaluate", log, "--fit-data", str(copy)), expect=1)
    by_time = run(*arguments("evaluate", log, "--fit-data", str(copy), *days, "--tries", "0"))

    assert found["error"].startswith("--fit-data has the log of --data")
    assert by_time["fit_snapshot_dates"][-1] <= "2024-05-31"


def test_an_evaluation_may_be_written_as_a_report(log: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"

    found = run(*arguments("evaluate", log, "--html", str(file), "--tries", "0"))

    assert found["html"] == str(file)
    text = file.read_text()
    assert text.lower().startswith("<!doctype html>")
    assert "<script" not in text


@pytest.mark.parametrize(
    ("days", "until"),
    [
        ((), None),
        (("--fit-until", "2024-06-30"), "2024-06-30"),
        (("--test-from", "2024-05-01"), "2024-04-30"),
        (("--fit-until", "2024-04-30", "--test-from", "2024-06-01"), "2024-04-30"),
    ],
)
def test_what_a_log_tells_of_the_product_ends_before_the_tested_time(
    log: Path, monkeypatch: pytest.MonkeyPatch, days: tuple[str, ...], until: str | None
) -> None:
    asked: list[int | None] = []

    def note(*_: Any, until: int | None, **__: Any) -> None:
        asked.append(until)
        raise CliError("that is all", hint="")

    monkeypatch.setattr(evaluating, "read_rows", note)

    run(*arguments("evaluate", log, *days), expect=1)

    assert asked == [None if until is None else (date.fromisoformat(until) - date(1970, 1, 1)).days]


def test_a_test_that_overlaps_the_fit_is_refused(log: Path) -> None:
    days = ("--fit-until", "2024-08-01", "--test-from", "2024-07-01")
    found = run(*arguments("evaluate", log, *days), expect=1)

    assert "--test-from 2024-07-01" in found["error"]


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_a_log_that_is_too_short_says_from_when_to_when_it_reaches(
    log: Path, tmp_path: Path, command: str
) -> None:
    rows = (log / "terms.csv").read_text().splitlines()
    (tmp_path / "terms.csv").write_text("\n".join([rows[0], *(row for row in rows if "2024-01-01" in row)]))
    (tmp_path / "events.csv").write_text((log / "events.csv").read_text())
    (tmp_path / "m.toml").write_text(MAPPING)

    result = invoke(*arguments(command, tmp_path))

    assert result.exit_code == 1
    assert "no row for 'churn'" in result.stderr
    assert "terms begin up to 2024-01-01" in result.stderr


def test_a_tested_time_without_a_row_is_refused_before_anything_is_fitted(log: Path) -> None:
    found = run(*arguments("evaluate", log, "--test-from", "2025-03-01"), expect=1)

    assert found["error"].startswith("no test snapshot from 2025-03-01")


def test_training_writes_an_exported_candidate_and_repeats_to_the_byte(log: Path, tmp_path: Path) -> None:
    first = run(*arguments("train", log, "--out", str(tmp_path / "a")))
    again = run(*arguments("train", log, "--out", str(tmp_path / "b")))

    folder = Path(first["folder"])
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert first["version"] == again["version"]
    assert folder == tmp_path / "a" / "churn" / first["version"]
    assert {path.name: path.read_bytes() for path in Path(again["folder"]).iterdir()} == files
    assert files.keys() >= {"booster.txt", "manifest.json", "model.onnx", "explain.npz"}
    manifest = json.loads(files["manifest.json"])
    assert manifest["target"] == "churn"
    assert manifest["data"]["positives"] == first["positives"] >= 10
    assert manifest["metrics"]["auc_roc"] > 0.6
    model = load({name: data for name, data in files.items() if name != "booster.txt"})
    assert model.version == first["version"]


def test_a_log_with_too_few_churners_trains_nothing_and_says_what_scores(tmp_path: Path) -> None:
    log = written(tmp_path / "log", seed=1, accounts=3)

    result = invoke(*arguments("train", log, "--out", str(tmp_path / "out"), "--fit-until", "2024-04-30"))

    assert result.exit_code == 1
    assert "at least 10" in result.stderr
    assert "rules" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_rows_that_look_past_their_snapshot_are_neither_fitted_nor_measured(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(kernel, "usage_at", lambda history, day: usage_at(history, day + 3))
    more = ("--out", str(tmp_path)) if command == "train" else ()

    result = invoke(*arguments(command, log, *more))

    assert result.exit_code == 1
    assert "features look past the snapshot" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_a_feature_that_gives_the_target_away_is_refused(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(leakage, "GIVEAWAY", 0.6)
    more = ("--out", str(tmp_path)) if command == "train" else ()

    result = invoke(*arguments(command, log, *more))

    assert result.exit_code == 1
    assert "can be read off a single feature" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_model_that_leaves_no_later_time_is_measured_by_its_recipe(log: Path, tmp_path: Path) -> None:
    days = ("--fit-until", "2090-01-01", "--tries", "0")
    found = run(*arguments("train", log, "--out", str(tmp_path), *days))

    assert 0 < found["metrics"]["auc_roc"] < 1
    assert found["metrics"]["n_fit"] < found["rows"]
    assert Path(found["card"]).exists()


@pytest.mark.parametrize(("command", "option"), [("evaluate", "--html"), ("train", "--out")])
def test_what_cannot_be_written_is_told_before_anything_is_read(
    log: Path, monkeypatch: pytest.MonkeyPatch, command: str, option: str
) -> None:
    monkeypatch.setattr("stemtide_cli.train.read_rows", None)
    monkeypatch.setattr("stemtide_cli.evaluate.read_rows", None)

    result = invoke(*arguments(command, log, option, "/proc/nothing/here.html"))

    assert result.exit_code == 1
    assert "cannot be written to" in result.stderr
    assert f"give another {option}" in result.stderr


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_a_seed_that_no_library_takes_is_refused(log: Path, command: str) -> None:
    assert invoke(*arguments(command, log, "--seed", str(10**9))).exit_code == 2
