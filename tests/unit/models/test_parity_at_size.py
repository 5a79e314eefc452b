"""Parity on many rows of each model; the long ones on the models of the open logs."""

from pathlib import Path

import pytest

from models import dataset, parity_at_size, train
from models.export import export
from models.material import read_material
from models.parity import Counts
from models.parity_rows import DEFAULT, parity_rows
from models.trees import Leaf, Split
from tests.open_logs import open_log_folder
from tests.scoring_models import CONFIG, candidate, rows, trained

LOGS = ("crm", "social", "nova", "oulad")
MANY = 100_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = candidate(tmp_path / "v1", trained(rows(), rounds=4))
    export(made, CONFIG)
    return made


def test_there_are_at_least_as_many_rows_as_asked_for_and_all_are_explained(folder: Path) -> None:
    figures = parity_at_size.parity_at_size(folder, rows=1500)

    assert sum(figures["rows"].values()) >= 1500
    assert figures["explained_rows"] == figures["rows"]
    assert set(figures["rows"]) == {"random", "threshold", "missing", "special"}
    assert figures["trees"] == 4


def test_the_command_prints_a_row_for_each_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parity_at_size.main([str(folder), str(folder), "--rows", "200"]) == 0

    head, _, *lines = capsys.readouterr().out.splitlines()
    assert [len(line.split("|")) for line in (head, *lines)] == [12, 12, 12]
    assert lines[0].startswith("| churn/v1 | 4 |")


def test_the_command_fails_where_a_model_is_damaged_or_absent(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "model.onnx").write_bytes(b"")

    assert parity_at_size.main([str(folder), "--rows", "200"]) == 1
    assert parity_at_size.main([str(folder / "none"), "--rows", "200"]) == 1

    told = capsys.readouterr().err
    assert "sha256" in told
    assert "missing" in told


@pytest.mark.parametrize("width", [1, 2, 40])
@pytest.mark.parametrize("count", [1, 2, 9, 100])
def test_any_number_of_rows_of_any_width_can_be_made(width: int, count: int) -> None:
    tree = Split(0, 0.5, False, 10.0, Leaf(1.0, 4.0), Leaf(-1.0, 6.0))

    made = parity_rows([tree], width=width, counts=Counts.at_size(count))

    assert sum(map(len, made.values())) >= count
    assert {x.shape[1] for x in made.values()} == {width}
    assert DEFAULT.explained < Counts.at_size(count).explained


@pytest.mark.long
@pytest.mark.parametrize("log", LOGS)
def test_each_model_of_an_open_log_is_lightgbms_on_a_hundred_thousand_rows(log: str, tmp_path: Path) -> None:
    """Margin and probability within 1e-12, contributions within 1e-5, in the same order where they differ."""
    mapping, material = read_material(log, open_log_folder(log), CONFIG)
    for name, target in mapping.targets.items():
        trained_model = train.train(dataset.build(mapping, material, target), seed=1)
        manifest = train.manifest_of(
            trained_model, name="churn", target=name, last_day=0, data={}, metrics={}
        )
        folder = train.write_candidate(trained_model, manifest, tmp_path / name)
        export(folder, CONFIG)

        figures = parity_at_size.parity_at_size(folder, rows=MANY)

        assert sum(figures["explained_rows"].values()) >= MANY


@pytest.mark.long
def test_a_large_model_is_lightgbms_on_a_hundred_thousand_rows(tmp_path: Path) -> None:
    """500 trees of 31 leaves, depth 6: some five minutes of LightGBM's explanations."""
    large = {"num_leaves": 31, "max_depth": 6, "min_data_in_leaf": 20, "learning_rate": 0.05}
    folder = candidate(tmp_path / "v1", trained(rows(20_000), rounds=500, **large))
    export(folder, CONFIG)

    figures = parity_at_size.parity_at_size(folder, rows=MANY)

    assert sum(figures["explained_rows"].values()) >= MANY
