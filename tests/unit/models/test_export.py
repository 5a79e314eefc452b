"""What is exported says what LightGBM says, or is refused with a remedy; nothing in between."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightgbm
import msgspec
import numpy as np
import onnx
import pytest
from lightgbm import LGBMClassifier
from onnx import numpy_helper
from sklearn.calibration import CalibratedClassifierCV
from stemtide.features.registry import NAMES
from stemtide.scoring.artefact import Model, Prediction, load, session_of
from stemtide.scoring.manifest import GRAPH, MANIFEST, Calibration, Manifest

from models import parity
from models.export import BOOSTER, ExportError, export
from models.onnx_trees import graph_of
from models.trees import trees_of
from tests.scoring_models import (
    CONFIG,
    MANIFEST_OF_TRAINING,
    WIDTH,
    candidate,
    exported,
    files_of,
    labels,
    rows,
    trained,
)

X = rows()
CALIBRATION = MANIFEST_OF_TRAINING.calibration


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    return trained(X)


@pytest.fixture(scope="module")
def folder(booster: lightgbm.Booster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = candidate(tmp_path_factory.mktemp("models") / "v1", booster)
    export(made, CONFIG)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load(files_of(folder))


def expected(booster: lightgbm.Booster, x: Any, calibration: Calibration = CALIBRATION) -> Any:
    margins = booster.predict(x, raw_score=True)
    return 1 / (1 + np.exp(-(calibration.slope * margins + calibration.intercept)))


def test_an_exported_model_gives_lightgbms_margin_and_its_calibrated_probability(
    model: Model, booster: lightgbm.Booster
) -> None:
    margin, probability = model.predict(X)

    assert np.array_equal(margin, booster.predict(X, raw_score=True))
    np.testing.assert_allclose(probability, expected(booster, X), rtol=0, atol=1e-15)


def test_one_row_and_many_rows_give_the_same_numbers(model: Model) -> None:
    together = model.predict(X[:50])

    assert np.array_equal(model.predict(X).probability[:50], together.probability)
    for i in range(50):
        alone = model.predict(X[i : i + 1])
        assert alone.margin[0] == together.margin[i]
        assert alone.probability[0] == together.probability[i]
        assert np.array_equal(model.explain(X[i : i + 1])[0], model.explain(X[:50])[i])


def test_contributions_and_the_expected_margin_add_up_to_the_margin(model: Model) -> None:
    total = model.explain(X).sum(axis=1) + model.manifest.expected_margin

    np.testing.assert_allclose(total, model.predict(X).margin, rtol=0, atol=1e-9)


def test_the_manifest_says_on_how_many_rows_of_which_kind_parity_was_found(model: Model) -> None:
    figures = model.manifest.parity

    assert figures["rows"]["random"] >= 10_000
    assert figures["rows"]["threshold"] >= 10_000
    assert figures["rows"]["missing"] >= 1_000
    assert figures["max_abs_margin"] <= 1e-12
    assert figures["max_abs_probability"] <= 1e-12
    assert figures["max_abs_contribution"] <= 1e-5
    assert figures["max_abs_sum"] <= 1e-9
    assert set(model.manifest.versions) >= {"lightgbm", "onnx", "onnxruntime", "skl2onnx"}


def test_an_export_is_the_same_bytes_each_time(
    folder: Path, booster: lightgbm.Booster, tmp_path: Path
) -> None:
    again = candidate(tmp_path / "v1", booster)

    export(again, CONFIG)
    export(again, CONFIG)

    assert files_of(again) == files_of(folder)


def test_the_graph_holds_doubles_and_one_operator_of_onnx_ml_5(folder: Path) -> None:
    graph = onnx.load(folder / GRAPH)

    [ensemble] = [node for node in graph.graph.node if node.domain == "ai.onnx.ml"]
    tensors = {a.name: numpy_helper.to_array(a.t).dtype for a in ensemble.attribute if a.name in FLOATS}
    assert ensemble.op_type == "TreeEnsemble"
    assert tensors == dict.fromkeys(FLOATS, np.dtype(np.float64))
    assert ("ai.onnx.ml", 5) in {(o.domain, o.version) for o in graph.opset_import}


FLOATS = ("nodes_splits", "leaf_weights")


def test_a_row_next_to_a_threshold_takes_lightgbms_branch(model: Model, booster: lightgbm.Booster) -> None:
    """With thresholds in single precision most of these rows go astray."""
    x = parity.parity_rows(trees_of(booster, features=NAMES), width=WIDTH)["threshold"]
    single = session_of(_with_single_precision_thresholds(booster), width=WIDTH)

    margin = model.predict(x).margin

    truth = booster.predict(x, raw_score=True)
    assert np.array_equal(margin, truth)
    wrong = single.run(["margin"], {"features": x})[0].ravel() != truth
    assert wrong.mean() > 0.3


def test_whole_numbers_beyond_single_precision_are_told_apart(tmp_path: Path) -> None:
    """2^24 + 1 does not exist in single precision: epochs and cents would be rounded."""
    x = rows()
    x[:, 0] = 2**24 + np.arange(len(x)) % 2
    x[::9, 0] = np.nan
    booster = trained(x, y=(np.arange(len(x)) % 2).astype(int), rounds=5)
    below, above = np.tile(x[1], (2, 1))
    below[0], above[0] = 2**24, 2**24 + 1

    margin = exported(tmp_path / "v1", booster).predict(np.stack([below, above])).margin

    assert margin[0] < margin[1]
    assert np.array_equal(margin, booster.predict(np.stack([below, above]), raw_score=True))


def test_a_missing_value_takes_the_branch_it_took_in_training(tmp_path: Path) -> None:
    x = rows(missing=0.3)
    booster = trained(x, y=np.isnan(x[:, 4]).astype(int), rounds=5)
    model = exported(tmp_path / "v1", booster)
    unknown = np.full((1, WIDTH), np.nan)

    assert model.predict(unknown).margin[0] == booster.predict(unknown, raw_score=True)[0]
    assert model.predict(unknown).margin[0] > model.predict(np.zeros((1, WIDTH))).margin[0]


REFUSED = [
    # how it is trained, what the refusal says, and its remedy
    ({"zero_as_missing": True}, "missing_type Zero|zero for missing", "zero_as_missing=False"),
    ({"use_missing": False}, "missing_type None", "every feature is masked"),
    ({"linear_tree": True}, "linear", "linear_tree=False"),
    (
        {"max_depth": 12, "num_leaves": 60, "min_data_in_leaf": 1, "rounds": 60},
        "distinct features",
        "max_depth",
    ),
    ({"objective": "regression"}, "objective", "binary"),
    ({"objective": "cross_entropy"}, "objective", "binary"),
    ({"sigmoid": 2.0}, "sigmoid", "sigmoid=1"),
    ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averaged", "gbdt"),
    ({"objective": "multiclass", "num_class": 3, "y": np.arange(len(X)) % 3}, "objective", "binary"),
    ({"categorical": list(range(len(NAMES)))}, "by categories", "numeric"),
]


@pytest.mark.parametrize(("parameters", "reason", "remedy"), REFUSED, ids=lambda p: str(p)[:40])
def test_what_would_mean_something_else_outside_lightgbm_is_refused(
    tmp_path: Path, parameters: dict[str, Any], reason: str, remedy: str
) -> None:
    x = np.abs(X).round() % 7 if "categorical" in parameters else X
    made = candidate(tmp_path / "v1", trained(x, **{"rounds": 5} | parameters))
    before = {path.name for path in made.iterdir()}

    with pytest.raises(ExportError, match=reason) as refusal:
        export(made, CONFIG)

    assert remedy in refusal.value.remedy
    assert {path.name for path in made.iterdir()} == before


def test_a_feature_that_was_never_missing_in_training_is_refused_by_name(tmp_path: Path) -> None:
    """LightGBM would take a live missing value for 0, and parity on known values would hold."""
    x = rows(missing=0.1)
    x[:, 1] = np.nan_to_num(x[:, 1])
    made = candidate(tmp_path / "v1", trained(x, y=(x[:, 1] > 0).astype(int)))

    with pytest.raises(ExportError, match=rf"where {NAMES[1]} is missing \(missing_type None\)"):
        export(made, CONFIG)


def test_features_unlike_the_registrys_are_refused(tmp_path: Path, booster: lightgbm.Booster) -> None:
    swapped = (NAMES[1], NAMES[0], *NAMES[2:])

    with pytest.raises(ExportError, match="not those of the registry"):
        export(candidate(tmp_path / "a", booster, features=swapped), CONFIG)
    for place, other in enumerate(("0" * 16, "g" * 16)):  # before and behind every hash
        with pytest.raises(ExportError, match="not those of the registry"):
            export(candidate(tmp_path / f"b{place}", booster, registry=other), CONFIG)
    with pytest.raises(ExportError, match="not those of the registry"):
        export(candidate(tmp_path / "c", trained(X, names=swapped)), CONFIG)


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": Calibration(slope=-1.0, intercept=0.0)},
        {"calibration": Calibration(slope=0.0, intercept=0.0)},
        {"calibration": Calibration(slope=1e999, intercept=0.0)},
        {"calibration": Calibration(slope=1.0, intercept=-1e999)},
        {"base_rate": 0.0},
        {"bins": ()},
        {"medians": (1.0,)},
    ],
    ids=str,
)
def test_a_manifest_that_cannot_serve_is_refused(
    tmp_path: Path, booster: lightgbm.Booster, changes: dict[str, Any]
) -> None:
    with pytest.raises(ExportError):
        export(candidate(tmp_path / "v1", booster, **changes), CONFIG)


def test_tiers_that_no_probability_reaches_are_refused(tmp_path: Path, booster: lightgbm.Booster) -> None:
    steep = msgspec.structs.replace(
        CONFIG, scoring=msgspec.structs.replace(CONFIG.scoring, tier_multiples=(1.0, 1e300, 1e308))
    )

    with pytest.raises(ExportError, match="there is no score map"):
        export(candidate(tmp_path / "v1", booster), steep)


def _with_single_precision_thresholds(booster: lightgbm.Booster) -> bytes:
    graph = onnx.load_from_string(
        graph_of(trees_of(booster, features=NAMES), calibration=CALIBRATION, width=WIDTH)
    )
    for attribute in graph.graph.node[0].attribute:
        if attribute.name == "nodes_splits":
            values = numpy_helper.to_array(attribute.t).astype(np.float32).astype(np.float64)
            attribute.t.CopyFrom(numpy_helper.from_array(values, "nodes_splits"))
    return bytes(graph.SerializeToString())


def _uncalibrated(booster: lightgbm.Booster) -> bytes:
    identity = Calibration(slope=1.0, intercept=0.0)
    return graph_of(trees_of(booster, features=NAMES), calibration=identity, width=WIDTH)


@pytest.mark.parametrize("planted", [_with_single_precision_thresholds, _uncalibrated])
def test_the_gate_finds_a_planted_graph_and_nothing_is_written(
    tmp_path: Path, booster: lightgbm.Booster, monkeypatch: pytest.MonkeyPatch, planted: Any
) -> None:
    made = candidate(tmp_path / "v1", booster)
    monkeypatch.setattr("models.export.graph_of", lambda *_, **__: planted(booster))

    with pytest.raises(ExportError, match="differs from LightGBM"):
        export(made, CONFIG)

    assert {path.name for path in made.iterdir()} == {BOOSTER, MANIFEST}
    assert GRAPH not in msgspec.json.decode((made / MANIFEST).read_bytes(), type=Manifest).files


@pytest.mark.parametrize("wrong", ["margin", "probability", "contribution", "sum"])
def test_the_gate_looks_at_each_difference_by_itself(wrong: str) -> None:
    """Right but for one thing: a probability of one half, one feature, nothing explained."""
    off = 1e-4

    class Served:
        manifest = SimpleNamespace(calibration=Calibration(slope=1.0, intercept=0.0), expected_margin=0.0)

        def predict(self, x: Any) -> Prediction:
            says = np.full(len(x), off if wrong == "margin" else 0.0)
            return Prediction(says, np.full(len(x), 0.5 + off * (wrong == "probability")))

        def explain(self, x: Any) -> Any:
            return np.full((len(x), 1), off * (wrong in ("contribution", "sum")))

    class Booster:
        def predict(self, x: Any, *, raw_score: bool = False, pred_contrib: bool = False) -> Any:
            return np.full((len(x), 2), [off * (wrong == "sum"), 0.0]) if pred_contrib else np.zeros(len(x))

    found = parity.differences(Served(), Booster(), {"random": np.zeros((5, 1))})  # type: ignore[arg-type]

    assert getattr(found, wrong) == pytest.approx(off)
    assert not found.within


def test_the_gate_finds_wrong_explanations(
    tmp_path: Path, booster: lightgbm.Booster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each group's contributions in the wrong order: their sum is right."""
    from models.explain_tables import tables_of

    def exchanged(trees: Any, *, width: int) -> Any:
        tables = tables_of(trees, width=width)
        ends = np.cumsum(tables["group_entries"] * tables["group_features"])
        parts = np.split(tables["values"], ends[:-1])
        turned = [
            part.reshape(-1, features)[:, ::-1].ravel()
            for part, features in zip(parts, tables["group_features"].tolist(), strict=True)
        ]
        return tables | {"values": np.concatenate(turned)}

    monkeypatch.setattr("models.export.tables_of", exchanged)

    with pytest.raises(
        ExportError, match=r"margin 0, .* contribution \d(\.\d)?, sum \S+e-\d+, order \d(\.\d)?\."
    ):
        export(candidate(tmp_path / "v1", booster), CONFIG)


def test_a_calibrated_classifier_comes_out_wrong_the_usual_way_and_right_ours(tmp_path: Path) -> None:
    """Its members' calibrators take probabilities here; converters feed them margins. Ours takes the
    booster's margin and one sigmoid, which is what training fitted."""
    x = np.nan_to_num(X)
    calibrated = CalibratedClassifierCV(LGBMClassifier(n_estimators=10, verbose=-1), cv=2).fit(x, labels(X))
    member = calibrated.calibrated_classifiers_[0]
    a, b = member.calibrators[0].a_, member.calibrators[0].b_
    inner = member.estimator.booster_
    fed_with_probability = 1 / (1 + np.exp(a * inner.predict(x) + b))
    fed_with_margin = 1 / (1 + np.exp(a * inner.predict(x, raw_score=True) + b))
    assert np.abs(fed_with_probability - fed_with_margin).max() > 0.1  # the trap is real

    booster = trained(X)
    steep = Calibration(slope=2.5, intercept=-1.5)
    model = exported(tmp_path / "v1", booster, calibration=steep)

    np.testing.assert_allclose(model.predict(X).probability, expected(booster, X, steep), rtol=0, atol=1e-15)
