"""A deployed stack trains its own model: on the history and the facts that it holds, without any log."""

from pathlib import Path

import duckdb
import pytest
from stemtide.config import load_config
from stemtide_cli.stack import Stack as CliStack
from stemtide_cli.training_rows import LogFolder, Wanted, read_rows
from stemtide_cli.training_section import asked

from infra.local.home import Home
from models.dataset import Dataset, build
from tests.e2e.conftest import CONFIGURATION, stemtide

pytestmark = pytest.mark.e2e

WANTED = Wanted(name="churn", target=None, seed=3, to_serve=True)


@pytest.fixture(scope="module")
def log(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Customers of a time before anybody else of this stack had any, loaded as an export."""
    made, folder = (tmp_path_factory.mktemp("training") / name for name in ("made", "log"))
    drawn = ("--accounts", "50", "--days", "220", "--end", "1999-12-31", "--seed", "5")
    stemtide(home, "simulate", "--out", str(made), *drawn)
    under_names_of_their_own(made, folder)
    stemtide(home, "backfill", "--mapping", "simulated", "--data", str(folder))
    stemtide(home, "drain")
    return folder


def under_names_of_their_own(made: Path, folder: Path) -> None:
    """Copies the log: other journeys have customers that are called as the simulated ones."""
    folder.mkdir()
    for name in ("events.parquet", "subscriptions.csv", "accounts.csv"):
        text = "" if name.endswith("parquet") else ", all_varchar = true"
        read = "read_parquet" if name.endswith("parquet") else "read_csv"
        rows = f"SELECT * REPLACE ('trained-' || account_id AS account_id) FROM {read}('{made / name}'{text})"
        duckdb.execute(f"COPY ({rows}) TO '{folder / name}'")


def keyed(rows: Dataset) -> dict[tuple[str, int], tuple[bytes, bool]]:
    """By account and day the features, bit for bit, and whether it happened."""
    keys = zip(rows.accounts.tolist(), rows.day.tolist(), strict=True)
    return dict(zip(keys, zip((one.tobytes() for one in rows.x), rows.y.tolist(), strict=True), strict=True))


def test_rows_of_the_stack_are_those_of_the_log_bit_for_bit(log: Path, home: Home) -> None:
    config = load_config(CONFIGURATION)
    questions, source = asked(config.training), LogFolder(mapping_name="simulated", folder=log)
    material = read_rows(source, WANTED, config, say=lambda _: None).material

    ours = keyed(read_rows(CliStack.load(home.stack_file), WANTED, config, say=lambda _: None).dataset)

    theirs = keyed(build(questions, material, questions.targets["churn"]))
    assert len(theirs) > 500
    assert {key: ours.get(key) for key in theirs} == theirs


def test_the_stack_trains_a_model_and_says_what_of(log: Path, home: Home, tmp_path: Path) -> None:
    out = ("--tries", "0", "--seed", "3", "--out", str(tmp_path / "models"))

    found = stemtide(home, "train", "churn", *out)

    assert found["target"] == "churn"
    assert found["positives"] >= 10
    folder = Path(found["folder"])
    assert {one.name for one in folder.iterdir()} >= {"manifest.json", "model.onnx"}
