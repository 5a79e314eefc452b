"""A candidate's folder: what is read is what was trained, what is written is whole; versions never change."""

from pathlib import Path

import lightgbm
import msgspec
import numpy as np
import pytest
from stemtide.config_schema import Config
from stemtide.scoring.artefact import load
from stemtide.scoring.manifest import GRAPH, MANIFEST, TABLES, Manifest

from models.export import BOOSTER, ExportError, export, pack
from models.versions import sha256_of
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    return trained(rows())


@pytest.fixture(scope="module")
def folder(booster: lightgbm.Booster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = candidate(tmp_path_factory.mktemp("models") / "v1", booster)
    export(made, CONFIG)
    return made


@pytest.mark.parametrize("file", [BOOSTER, MANIFEST])
@pytest.mark.parametrize("content", [None, b"", b"tree\nnonsense", b"\xff\xfe"])
def test_an_unreadable_candidate_is_refused(
    tmp_path: Path, booster: lightgbm.Booster, file: str, content: bytes | None
) -> None:
    made = candidate(tmp_path / "v1", booster)
    (made / file).unlink() if content is None else (made / file).write_bytes(content)

    with pytest.raises(ExportError, match=r"cannot be read|its sha256 is another"):
        export(made, CONFIG)


@pytest.mark.parametrize("content", [b"tree\nnonsense", b"\xff\xfe"])
def test_a_booster_that_was_no_model_from_the_start_is_refused_with_a_remedy(
    tmp_path: Path, booster: lightgbm.Booster, content: bytes
) -> None:
    made = candidate(tmp_path / "v1", booster, files={BOOSTER: sha256_of(content)})
    (made / BOOSTER).write_bytes(content)

    with pytest.raises(ExportError, match=r"v1/booster\.txt cannot be read") as refused:
        export(made, CONFIG)

    assert refused.value.remedy == "Train the model again."


@pytest.mark.parametrize("sha256", ["0" * 64, "f" * 64, ""])
def test_a_booster_of_another_sha256_is_refused_whatever_that_is(
    tmp_path: Path, booster: lightgbm.Booster, sha256: str
) -> None:
    """Before and behind every hash."""
    made = candidate(tmp_path / "v1", booster, files={BOOSTER: sha256})

    with pytest.raises(ExportError, match="its sha256 is another"):
        export(made, CONFIG)


def test_no_array_needs_unpickling() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        pack({"values": np.array([{}], dtype=np.object_)})


@pytest.mark.parametrize("digits", ["7", "12345678"], ids=["another digit", "another length"])
def test_a_booster_that_is_not_the_trained_one_is_never_parsed(
    tmp_path: Path, booster: lightgbm.Booster, digits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LightGBM would take the first for another model, and end the process at the second."""
    made = candidate(tmp_path / "v1", booster)
    text = (made / BOOSTER).read_text()
    place = text.index("leaf_value=") + len("leaf_value=0.0")
    (made / BOOSTER).write_text(text[:place] + digits + text[place + 1 :])
    monkeypatch.setattr(lightgbm, "Booster", None)

    with pytest.raises(ExportError, match=r"v1/booster\.txt is not the one that was trained") as refused:
        export(made, CONFIG)

    assert refused.value.remedy == "Train the model again."


def test_the_booster_is_named_by_the_manifest_from_training_on(folder: Path) -> None:
    manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)

    assert manifest.files[BOOSTER] == sha256_of((folder / BOOSTER).read_bytes())


def with_tiers(*multiples: float) -> Config:
    return msgspec.structs.replace(
        CONFIG, scoring=msgspec.structs.replace(CONFIG.scoring, tier_multiples=multiples)
    )


def test_other_tiers_make_another_version_beside_and_leave_this_one_as_it_was(
    tmp_path: Path, booster: lightgbm.Booster
) -> None:
    made = candidate(tmp_path / "2026-03-14-abcdef01", booster, version="2026-03-14-abcdef01")
    export(made, CONFIG)
    (made / "card.html").write_text("tiers of before")
    before = {path.name: path.read_bytes() for path in made.iterdir()}

    found = export(made, with_tiers(2.0, 4.0, 8.0))

    other = tmp_path / found.version
    assert found.version != "2026-03-14-abcdef01"
    assert found.version.rpartition("-")[0] == "2026-03-14"
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before
    assert {path.name for path in other.iterdir()} == {BOOSTER, MANIFEST, GRAPH, TABLES}
    assert load(files_of(other)).version == found.version
    assert [knot.probability for knot in found.score_map] != [
        knot.probability for knot in load(files_of(made)).manifest.score_map
    ]


def test_a_version_hangs_on_its_content_alone(tmp_path: Path, booster: lightgbm.Booster) -> None:
    made = candidate(tmp_path / "v1", booster)
    there = export(made, with_tiers(2.0, 4.0, 8.0))
    bytes_of = files_of(tmp_path / there.version)

    back = export(tmp_path / there.version, with_tiers(2.0, 3.0, 4.0))
    again = export(tmp_path / back.version, with_tiers(2.0, 4.0, 8.0))

    assert again.version.rpartition("-")[2] == there.version.rpartition("-")[2]
    assert len({there.version, back.version}) == 2
    assert files_of(tmp_path / there.version) == bytes_of


def test_other_tools_make_another_version(
    tmp_path: Path, booster: lightgbm.Booster, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = candidate(tmp_path / "v1", booster)
    monkeypatch.setattr("models.versions.version", lambda tool: "9.9")

    assert export(made, CONFIG).version.rpartition("-")[0] == "v1"


def test_files_that_a_function_would_refuse_are_told_by_name_and_not_written(
    tmp_path: Path, booster: lightgbm.Booster, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = candidate(tmp_path / "v1", booster)
    monkeypatch.setattr("models.export.graph_of", lambda *_, **__: b"no graph")

    with pytest.raises(ExportError, match=r"exported files are refused \(model\.onnx: ") as refused:
        export(made, CONFIG)

    assert refused.value.remedy
    assert {path.name for path in made.iterdir()} == {BOOSTER, MANIFEST}


def test_the_manifest_takes_its_place_last_and_nothing_is_left_beside(
    tmp_path: Path, booster: lightgbm.Booster, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, placed, move = candidate(tmp_path / "v1", booster), [], Path.replace

    def noted(draft: Path, target: Path) -> Path:
        assert draft.parent.parent == made.parent, "a move within a file system is whole or not at all"
        placed.append(target.name)
        return move(draft, target)

    monkeypatch.setattr(Path, "replace", noted)
    export(made, CONFIG)

    assert sorted(placed[:-1]) == [TABLES, GRAPH]
    assert placed[-1] == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]
