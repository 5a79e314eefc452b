"""Training on what a deployed stack knows: the rows of the log that was brought in, and errors in words."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from stemtide.config import parse_config
from stemtide.config_schema import Config
from stemtide.store.history_objects import HistoryObjects
from stemtide.store.records import Records
from stemtide_cli.main import main
from stemtide_cli.mapping import Mapping
from stemtide_cli.training_rows import Wanted, read_rows

from models import learning, parity
from models.dataset import build
from models.material import Material, read_material
from tests.integration.cli.conftest import Deployment
from tests.stack_knowledge import events_of, row, rows_of
from tests.training_logs import draw_log

TOML = """
[company]
name = "A"
time_zone = "UTC"
currency = "USD"
[training]
every_days = 9
first_day = 20
[[plans]]
name = "plan_1"
rank = 1
[[plans]]
name = "plan_2"
rank = 2
"""
CONFIG: Config = parse_config(TOML.encode())
TRAIN, EVALUATE = ("train", "churn"), ("evaluate", "churn")


def known_to(deployment: Deployment, folder: Path, *, accounts: int) -> tuple[Mapping, Material]:
    """A drawn log, of which the stack has the history (every item has expired) and the facts."""
    log = draw_log(folder / "log", accounts=accounts)
    mapping, material = read_material(str(folder / "m.toml"), log, CONFIG, as_configured=True)
    objects = HistoryObjects(client=deployment.cloud.s3, bucket="archive")
    objects.put("backfill-1", "0", rows_of(events_of(log / "events.csv"), CONFIG))
    records = Records(deployment.cloud.accounts)
    for account, facts in material.facts.items():
        records.put_facts(account, facts)
        records.touch(account, "2024-01-01")
    return mapping, material


def test_rows_of_the_stack_are_those_of_the_log_and_train_a_model(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MAX_ROUNDS", 40)
    few = parity.Counts(random=300, threshold=300, missing=200, special=100, explained=20)
    monkeypatch.setattr(parity, "DEFAULT", few)
    mapping, material = known_to(deployment, tmp_path, accounts=40)
    wanted = Wanted(name="churn", target=None, seed=3, to_serve=True)

    rows = read_rows(deployment.stack, wanted, CONFIG, say=lambda _: None)

    theirs = build(msgspec.structs.replace(mapping, treatments=None), material, mapping.targets["churn"])
    ours = rows.dataset
    assert len(ours) > 100
    assert ours.accounts.tolist() == theirs.accounts.tolist()
    assert ours.day.tolist() == theirs.day.tolist()
    assert ours.y.tolist() == theirs.y.tolist()
    assert ours.x.tobytes() == theirs.x.tobytes()
    monkeypatch.setattr("stemtide_cli.model_options.bundled_config", lambda: CONFIG)
    trained = deployment.run(*TRAIN, "--tries", "0", "--seed", "3", "--out", str(tmp_path / "models"))
    assert trained["target"] == "churn"
    assert (trained["rows"], trained["positives"]) == (len(ours), ours.positives)
    assert trained["data"]["log"] == rows.material.fingerprint
    assert (Path(trained["folder"]) / "model.onnx").exists()


@pytest.mark.parametrize("command", [TRAIN, EVALUATE])
def test_a_stack_without_history_says_what_to_do(deployment: Deployment, command: tuple[str, ...]) -> None:
    found = deployment.run(*command, expect=1)

    assert "no history to learn from yet" in found["error"]
    assert "`stemtide recompute" in found["hint"]
    assert "--mapping and --data" in found["hint"]


@pytest.mark.parametrize(
    ("given", "missing"), [(("--mapping", "crm"), "--data"), (("--data", "."), "--mapping")]
)
@pytest.mark.parametrize("command", [TRAIN, EVALUATE])
def test_a_mapping_and_a_log_are_both_given_or_neither(
    deployment: Deployment, command: tuple[str, ...], given: tuple[str, str], missing: str
) -> None:
    found = deployment.run(*command, *given, expect=1)

    assert found["error"] == f"{given[0]} is given without {missing}: a log needs both"
    assert "leave out both" in found["hint"]


def test_another_log_to_fit_on_needs_a_mapping(deployment: Deployment) -> None:
    found = deployment.run(*EVALUATE, "--fit-data", ".", expect=1)

    assert "--fit-data" in found["error"]


def test_a_stack_that_heard_of_no_terms_says_how_to_do_without(
    deployment: Deployment, tmp_path: Path
) -> None:
    objects = HistoryObjects(client=deployment.cloud.s3, bucket="archive")
    objects.put("backfill-1", "0", [row("acme", 19_900, {"Opened": 1})])

    found = deployment.run(*TRAIN, expect=1)

    assert "never told of a subscription" in found["error"]
    assert 'churn = "silent"' in found["hint"]


def test_a_target_that_is_not_asked_for_lists_those_that_are(deployment: Deployment) -> None:
    found = deployment.run(*TRAIN, "--target", "renewal", expect=1)

    assert found["error"] == "[training] of stemtide.toml has no target 'renewal'"
    assert found["hint"] == "it has: churn, upsell"


def test_without_a_stack_and_a_log_both_ways_are_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [*TRAIN, "--stack", str(tmp_path / "none.json")])

    assert result.exit_code == 1
    assert "--mapping and --data" in result.stderr
