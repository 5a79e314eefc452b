"""Ways to a number that is wrong without a sign of it, each seen in a converter: none leads through here."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper
from stemtide.features.registry import NAMES
from stemtide.scoring import artefact
from stemtide.scoring.artefact import ArtefactError, Model, load, session_of
from stemtide.scoring.manifest import GRAPH, Calibration

from models import parity
from models.export import ExportError, export
from models.onnx_trees import graph_of
from models.parity import Counts, parity_rows
from models.trees import trees_of
from tests.booster_texts import edited
from tests.scoring_models import CONFIG, WIDTH, candidate, exported, files_of, rows, trained

X = rows()
STEEP = Calibration(slope=1.7, intercept=-0.6)
FEW = Counts(random=300, threshold=500, missing=100, special=100, explained=100)


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    return trained(X, rounds=60)


@pytest.fixture(scope="module")
def folder(booster: lightgbm.Booster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = candidate(tmp_path_factory.mktemp("models") / "v1", booster, calibration=STEEP)
    export(made, CONFIG)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load(files_of(folder))


def sigmoid(margins: Any) -> Any:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-margins))


def test_the_graph_calibrates_the_margin_once(model: Model, booster: lightgbm.Booster) -> None:
    margin, probability = model.predict(X)

    once = sigmoid(STEEP.slope * booster.predict(X, raw_score=True) + STEEP.intercept)
    of_probabilities = sigmoid(STEEP.slope * booster.predict(X) + STEEP.intercept)
    np.testing.assert_allclose(
        probability, sigmoid(STEEP.slope * margin + STEEP.intercept), rtol=0, atol=1e-15
    )
    np.testing.assert_allclose(probability, once, rtol=0, atol=1e-15)
    assert np.abs(probability - of_probabilities).max() > 0.2  # a calibration fed with probabilities
    assert np.abs(probability - booster.predict(X)).max() > 0.05  # none at all


def test_probabilities_at_the_ends_stay_probabilities(tmp_path: Path) -> None:
    booster = trained(X, rounds=5)
    model = exported(tmp_path / "v1", booster, calibration=Calibration(slope=2000.0, intercept=0.0))

    probability = model.predict(X).probability

    assert ((probability >= 0) & (probability <= 1)).all()
    assert probability.min() < 1e-300
    np.testing.assert_allclose(
        probability, sigmoid(2000.0 * booster.predict(X, raw_score=True)), rtol=0, atol=1e-12
    )


def test_a_graph_in_single_precision_is_refused_whatever_is_single_in_it(
    tmp_path: Path, booster: lightgbm.Booster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As converters write it: thresholds and leaves rounded to 32 bits, compared as such."""
    trees = trees_of(booster, features=NAMES)
    for number, tensors in enumerate(
        [("nodes_splits",), ("leaf_weights",), ("nodes_splits", "leaf_weights")]
    ):
        made = candidate(tmp_path / str(number), booster)
        graph = rounded(graph_of(trees, calibration=STEEP, width=WIDTH), tensors)
        monkeypatch.setattr("models.export.graph_of", lambda *_, graph=graph, **__: graph)

        with pytest.raises(ExportError, match=r"differs from LightGBM|do not add up"):
            export(made, CONFIG)

        assert not (made / GRAPH).exists()


def rounded(graph: bytes, tensors: tuple[str, ...]) -> bytes:
    model = onnx.load_from_string(graph)
    for attribute in model.graph.node[0].attribute:
        if attribute.name in tensors:
            values = numpy_helper.to_array(attribute.t).astype(np.float32).astype(np.float64)
            attribute.t.CopyFrom(numpy_helper.from_array(values, attribute.name))
    return bytes(model.SerializeToString())


def test_rows_at_thresholds_tell_single_precision_and_random_rows_hardly_do(
    booster: lightgbm.Booster,
) -> None:
    """Why the gate looks at thresholds: a parity test on random rows would pass a rounded graph."""
    trees = trees_of(booster, features=NAMES)
    single = session_of(
        rounded(graph_of(trees, calibration=STEEP, width=WIDTH), ("nodes_splits",)), width=WIDTH
    )
    kinds = parity_rows(trees, width=WIDTH, counts=FEW)

    def share_off(x: Any) -> float:
        found = single.run(["margin"], {"features": x})[0].ravel()
        return float(np.mean(found != booster.predict(x, raw_score=True)))

    assert share_off(kinds["threshold"]) > 0.3
    assert share_off(X) < 0.01


@pytest.mark.parametrize("start", [2**24, 1_700_000_000, 1_700_000_000_000, 2**53 - 700])
def test_epochs_and_cents_are_told_apart_to_the_last_one(tmp_path: Path, start: int) -> None:
    x = rows()
    steps = np.arange(len(x)) % 600
    x[:, 0] = start + steps
    x[::9, 0] = np.nan
    booster = trained(x, y=(steps // 300).astype(int), rounds=5)
    every = np.tile(x[1], (600, 1))
    every[:, 0] = start + np.arange(600)

    margin = exported(tmp_path / "v1", booster).predict(every).margin

    assert np.array_equal(margin, booster.predict(every, raw_score=True))
    assert len(set(margin)) > 1


def test_zero_for_missing_is_refused_by_its_splits_when_the_parameters_say_nothing(
    tmp_path: Path, booster: lightgbm.Booster
) -> None:
    zero = edited(booster, "decision_type", lambda i, own: 4 if i == 11 else own)
    zeros = np.zeros((1, WIDTH))
    everywhere = edited(booster, "decision_type", lambda *_: 4)
    assert (
        abs(everywhere.predict(zeros) - booster.predict(zeros))[0] > 0.01
    )  # it is another model to LightGBM

    with pytest.raises(ExportError, match="missing_type Zero"):
        export(candidate(tmp_path / "v1", zero), CONFIG)


def test_live_missing_values_are_lightgbms_in_every_feature(model: Model, booster: lightgbm.Booster) -> None:
    x = np.tile(X[:5], (WIDTH, 1))
    x[np.arange(len(x)), np.repeat(np.arange(WIDTH), 5)] = np.nan

    assert np.array_equal(model.predict(x).margin, booster.predict(x, raw_score=True))
    np.testing.assert_allclose(
        model.explain(x), booster.predict(x, pred_contrib=True)[:, :-1], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("nan", [0x7FF8000000000001, 0xFFF8000000000000, 0x7FF0000000000001], ids=hex)
def test_any_nan_is_a_missing_value(model: Model, nan: int) -> None:
    """Negative ones, signalling ones and those with a payload."""
    x, plain = X[:40].copy(), X[:40].copy()
    x[:, 1::3] = np.array([nan], np.uint64).view(np.float64)
    plain[:, 1::3] = np.nan

    assert np.array_equal(model.predict(x).margin, model.predict(plain).margin)
    assert np.array_equal(model.explain(x), model.explain(plain))
    assert np.array_equal(model.explain(x[:1]), model.explain(plain[:1]))


def test_a_row_scores_the_same_in_batches_of_any_size(model: Model) -> None:
    x = np.tile(X, (2, 1))
    whole, explained = model.predict(x), model.explain(x)

    for size in (*range(1, 35), 63, 64, 65, 127, 128, 129, 511, 512, 513, 1000, 1025):
        part = model.predict(x[:size])
        assert np.array_equal(part.margin, whole.margin[:size]), size
        assert np.array_equal(part.probability, whole.probability[:size]), size
        assert np.array_equal(model.explain(x[:size]), explained[:size]), size


def test_rows_that_are_laid_out_otherwise_score_the_same(model: Model) -> None:
    for other in (np.asfortranarray(X), X[::-1][::-1], np.repeat(X, 2, axis=0)[::2]):
        assert np.array_equal(model.predict(other).margin, model.predict(X).margin)
        assert np.array_equal(model.explain(other), model.explain(X))


def test_the_session_has_one_thread_whatever_the_machine_has(model: Model) -> None:
    """With more, one row's trees are summed in parts, a last digit apart."""
    options = model.session.get_session_options()

    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert model.session.get_providers() == ["CPUExecutionProvider"]


def downgraded(model: Any) -> None:
    for opset in model.opset_import:
        if opset.domain == "ai.onnx.ml":
            opset.version = 3


def without_the_domain(model: Any) -> None:
    kept = [opset for opset in model.opset_import if opset.domain != "ai.onnx.ml"]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def floats_where_doubles_were(model: Any) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def a_regressor_of_old(model: Any) -> None:
    model.graph.node[0].op_type = "TreeEnsembleRegressor"


def of_another_library(model: Any) -> None:
    model.graph.node[1].domain = "com.microsoft"


@pytest.mark.parametrize(
    "change",
    [downgraded, without_the_domain, floats_where_doubles_were, a_regressor_of_old, of_another_library],
)
def test_a_graph_of_another_operator_set_is_refused(folder: Path, change: Any) -> None:
    from tests.unit.scoring.test_artefact import graph_with, signed

    files = files_of(folder)

    with pytest.raises(ArtefactError) as refusal:
        load(signed(files, GRAPH, graph_with(files, change)))

    assert refusal.value.file == GRAPH


def test_a_graph_that_asks_for_a_feature_beyond_the_last_is_refused(folder: Path) -> None:
    """The runtime notices only when it runs."""
    from tests.unit.scoring.test_artefact import graph_with, signed

    def beyond(model: Any) -> None:
        ids = next(a for a in model.graph.node[0].attribute if a.name == "nodes_featureids")
        ids.ints[0] = WIDTH

    files = files_of(folder)

    with pytest.raises(ArtefactError, match="cannot run it"):
        load(signed(files, GRAPH, graph_with(files, beyond)))


def test_the_graph_of_one_model_with_the_explanations_of_another_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    from tests.unit.scoring.test_artefact import signed

    other = candidate(tmp_path / "v2", trained(rows(seed=4), rounds=60))
    export(other, CONFIG)

    with pytest.raises(ArtefactError, match="do not add up"):
        load(signed(files_of(folder), artefact.TABLES, files_of(other)[artefact.TABLES]))


def test_drivers_are_compared_in_their_order_only_where_they_differ() -> None:
    """Near-ties change places from one exact method to the next; a real exchange is found."""
    theirs = np.array([[0.5, 0.3, 0.3 + 4e-6, -0.1], [0.2, 0.2, 0.2, 0.0]])
    near_tie = np.array([[0.5, 0.3 + 4e-6, 0.3, -0.1], [0.2, 0.2, 0.2, 0.0]])
    exchanged = np.array([[0.3, 0.5, 0.3, -0.1], [0.2, 0.2, 0.2, 0.0]])

    assert parity._out_of_order(theirs, theirs) == 0
    assert 0 < parity._out_of_order(near_tie, theirs) <= parity.ORDER_TOLERANCE
    assert parity._out_of_order(exchanged, theirs) == pytest.approx(0.2)


HASH_SEEDS = ("77", "10", "21")
"""The last two are such that a set of an ONNX graph's domains comes in another order than usual."""


@pytest.mark.parametrize("seed", HASH_SEEDS)
def test_the_same_candidate_gives_the_same_bytes_in_another_process(
    folder: Path, tmp_path: Path, seed: str
) -> None:
    """Neither the order of sets nor the time of day gets into a file."""
    again = candidate(tmp_path / "v1", trained(X, rounds=60), calibration=STEEP)
    code = (
        "import sys; from pathlib import Path; from models.export import export;"
        "from tests.scoring_models import CONFIG; export(Path(sys.argv[1]), CONFIG)"
    )

    subprocess.run(
        [sys.executable, "-c", code, str(again)],
        check=True,
        env=os.environ
        | {"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert digests(again) == digests(folder)


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files_of(folder).items()}


def test_a_graph_is_no_larger_than_its_trees_need(folder: Path, booster: lightgbm.Booster) -> None:
    leaves = sum(tree["num_leaves"] for tree in booster.dump_model()["tree_info"])

    assert len(files_of(folder)[GRAPH]) < 5_000 + 60 * leaves
