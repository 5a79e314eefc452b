"""`stemtide dunning simulate`: same figures for a seed, policies side by side, bad input named."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from stemtide_cli.main import main

ROOT = Path(__file__).parents[3]
SHIPPED = (ROOT / "stemtide.toml").read_text()


def run(*arguments: str, expect: int = 0) -> str:
    result = CliRunner().invoke(main, ["dunning", "simulate", *arguments])
    assert result.exit_code == expect, result.output
    return result.stdout if expect == 0 else result.stderr


def figures(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """The shipped policy, and before it one without retries for a segment."""
    file = tmp_path / "two.toml"
    segment = '[[dunning.policies]]\nname = "patient"\nplans = ["enterprise"]\nretry_days = []\n\n'
    file.write_text(SHIPPED.replace("[[dunning.policies]]", f"{segment}[[dunning.policies]]", 1))
    return file


def test_the_same_seed_gives_the_same_figures_and_another_others() -> None:
    first, again, other = (figures("--failures", "120", "--seed", seed) for seed in ("3", "3", "4"))

    assert first == again
    assert first["policies"] != other["policies"]


def test_policies_meet_the_same_payments_side_by_side(two: Path) -> None:
    patient, default = figures("--failures", "150", "--config", str(two))["policies"]

    assert (patient["policy"], default["policy"]) == ("patient", "default")
    assert patient["money"]["EUR"]["due"] == default["money"]["EUR"]["due"]
    assert patient["by"]["retry"] == 0
    assert default["by"]["retry"] > 0
    assert patient["lead"] is None
    assert default["lead"]["low"] > 0
    shown = run("--failures", "150", "--config", str(two))
    assert "patient" in shown
    assert "more than the first" in shown


def test_one_policy_is_chosen_by_name_and_files_are_told_apart(two: Path) -> None:
    [only] = figures("--failures", "20", "--config", str(two), "--policy", "default")["policies"]
    both = figures(
        *("--failures", "20", "--config", str(two), "--config", str(ROOT / "stemtide.toml")),
        *("--policy", "default"),
    )["policies"]

    assert only["policy"] == "default"
    assert [one["policy"] for one in both] == [f"{two}: default", f"{ROOT / 'stemtide.toml'}: default"]


def test_retries_cost_what_they_are_said_to() -> None:
    found = figures("--failures", "50", "--cost-per-retry", "15")["policies"][0]

    assert found["cost"] == 15 * found["retries"] > 0


def test_past_failures_are_replayed(tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    file.write_text(
        "customer,amount,currency,failed_at,decline_code,paid_at\n"
        "a,9900,EUR,2026-01-05,do_not_honor,2026-01-07\n"
        "b,100,EUR,2026-01-05,lost_card,\n"
    )

    [found] = figures("--past", str(file))["policies"]

    assert found["money"]["EUR"]["recovered"] == 9900
    assert found["money"]["EUR"]["due"] == 10_000
    assert str(file) in run("--past", str(file))


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("--past", "customer\nx\n", ":1: the header lacks amount"),
        ("--assumptions", "days = 'x'\n", ":1: Expected `int`"),
        ("--config", "[dunning]\npolicies = 3\n", ":2: dunning.policies"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_line_and_remedy(
    tmp_path: Path, option: str, text: str, says: str
) -> None:
    file = tmp_path / "file.txt"
    file.write_text(text)

    said = run(option, str(file), expect=1).replace("\n", "")

    assert f"{file}{says}" in said
    assert "next:" in said


def test_a_policy_that_does_not_exist_and_options_that_contradict_are_refused(tmp_path: Path) -> None:
    assert "there is no policy nobody" in run("--policy", "nobody", expect=1)
    run("--past", str(tmp_path), "--failures", "1", expect=2)
