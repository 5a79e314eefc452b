"""Trees as one ONNX graph in double precision, through skl2onnx with a converter of our own.

The converters that come with skl2onnx and onnxmltools write 32-bit thresholds: a row that lies at a threshold
can take the other branch (up to 0.30 of probability). `TreeEnsemble` of ai.onnx.ml 5 takes doubles, so the
graph holds exactly the numbers that LightGBM compares with and adds up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.base import BaseEstimator
from stemtide.scoring.graph_check import ML_DOMAIN, ML_OPSET
from stemtide.scoring.manifest import Calibration

from models.trees import Leaf, Node, Split

OPSET: Final = 21
ML_OPSET_OF_SKL2ONNX: Final = 3
"""The newest that skl2onnx writes; the graph holds one operator of that domain, so lifting it is safe."""
LANES: Final = 8
"""Copies of each margin that go through the sigmoid. The runtime computes whole vectors of 2, 4 or 8 doubles
in another way than what is left over, a last digit apart: without copies a row's probability would depend on
how many rows are scored with it."""
_SUM, _NO_TRANSFORM, _AT_MOST = 1, 0, 0
"""`aggregate_function`, `post_transform` and the node mode '<=' of TreeEnsemble."""


class CalibratedTrees(BaseEstimator):  # type: ignore[misc]
    """The estimator that the converter is registered for.

    margin = sum of the trees' outcomes, probability = sigmoid(slope x margin + intercept).
    """

    def __init__(self, trees: Sequence[Node], calibration: Calibration, width: int) -> None:
        self.trees = trees
        self.calibration = calibration
        self.width = width


def graph_of(trees: Sequence[Node], *, calibration: Calibration, width: int) -> bytes:
    """The serialised graph: `features` double [N, width] to `margin` and `probability`, double [N, 1]."""
    _register()
    model = convert_sklearn(
        CalibratedTrees(trees, calibration, width),
        name="stemtide",
        initial_types=[("features", DoubleTensorType([None, width]))],
        target_opset={"": OPSET, ML_DOMAIN: ML_OPSET_OF_SKL2ONNX},
    )
    for opset in model.opset_import:
        if opset.domain == ML_DOMAIN:
            opset.version = ML_OPSET
    model.opset_import.sort(key=lambda opset: opset.domain)  # skl2onnx lists them as a set has them
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _register() -> None:
    update_registered_converter(
        CalibratedTrees,
        "StemtideCalibratedTrees",
        _shapes,
        _convert,
        parser=_parse,
        overwrite=True,
    )


def _parse(scope: Any, model: CalibratedTrees, inputs: Any, custom_parsers: Any = None) -> Any:
    operator = scope.declare_local_operator("StemtideCalibratedTrees", model)
    operator.inputs = inputs
    for name in ("margin", "probability"):
        operator.outputs.append(scope.declare_local_variable(name, DoubleTensorType()))
    return operator.outputs


def _shapes(operator: Any) -> None:
    for output in operator.outputs:
        output.type = DoubleTensorType([None, 1])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    model: CalibratedTrees = operator.raw_operator
    margin, probability = (output.full_name for output in operator.outputs)
    container.add_node(
        "TreeEnsemble",
        [operator.inputs[0].full_name],
        [margin],
        op_domain=ML_DOMAIN,
        op_version=ML_OPSET_OF_SKL2ONNX,
        name=scope.get_unique_operator_name("trees"),
        **_Attributes.of(model.trees).as_onnx(),
    )
    scaled, shifted, spread = (
        scope.get_unique_variable_name(name) for name in ("scaled", "shifted", "spread")
    )
    slopes = [model.calibration.slope] * LANES
    container.add_initializer("slope", onnx.TensorProto.DOUBLE, [1, LANES], slopes)
    container.add_initializer("intercept", onnx.TensorProto.DOUBLE, [1], [model.calibration.intercept])
    container.add_initializer("first", onnx.TensorProto.INT64, [1], [0])
    container.add_node("Mul", [margin, "slope"], [scaled], op_version=14, name="scale")
    container.add_node("Add", [scaled, "intercept"], [shifted], op_version=14, name="shift")
    container.add_node("Sigmoid", [shifted], [spread], op_version=13, name="sigmoid")
    container.add_node("Gather", [spread, "first"], [probability], op_version=13, name="pick", axis=1)


@dataclass(slots=True)
class _Attributes:
    """The attributes of TreeEnsemble: nodes and leaves of all trees in two flat lists."""

    roots: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    missing_left: list[int] = field(default_factory=list)
    true_id: list[int] = field(default_factory=list)
    true_leaf: list[int] = field(default_factory=list)
    false_id: list[int] = field(default_factory=list)
    false_leaf: list[int] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, trees: Sequence[Node]) -> "_Attributes":
        result = cls()
        for root in trees:
            result.roots.append(len(result.feature))
            result._add_root(root)
        return result

    def _add_root(self, root: Node) -> None:
        if isinstance(root, Split):
            self._add_split(root)
            return
        at = self._new_node(feature=0, threshold=0.0, missing_left=0)  # both ways lead to the one leaf
        self.true_id[at] = self.false_id[at] = self._add_leaf(root)
        self.true_leaf[at] = self.false_leaf[at] = 1

    def _add_split(self, split: Split) -> int:
        at = self._new_node(
            feature=split.feature, threshold=split.threshold, missing_left=int(split.missing_left)
        )
        self.true_id[at], self.true_leaf[at] = self._add(split.left)
        self.false_id[at], self.false_leaf[at] = self._add(split.right)
        return at

    def _add(self, node: Node) -> tuple[int, int]:
        return (self._add_leaf(node), 1) if isinstance(node, Leaf) else (self._add_split(node), 0)

    def _new_node(self, *, feature: int, threshold: float, missing_left: int) -> int:
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.missing_left.append(missing_left)
        for column in (self.true_id, self.true_leaf, self.false_id, self.false_leaf):
            column.append(0)
        return len(self.feature) - 1

    def _add_leaf(self, leaf: Leaf) -> int:
        self.weight.append(leaf.value)
        return len(self.weight) - 1

    def as_onnx(self) -> dict[str, Any]:
        return {
            "aggregate_function": _SUM,
            "post_transform": _NO_TRANSFORM,
            "n_targets": 1,
            "tree_roots": self.roots,
            "nodes_featureids": self.feature,
            "nodes_modes": _tensor(np.full(len(self.feature), _AT_MOST, np.uint8), "nodes_modes"),
            "nodes_splits": _tensor(np.array(self.threshold, np.float64), "nodes_splits"),
            "nodes_missing_value_tracks_true": self.missing_left,
            "nodes_truenodeids": self.true_id,
            "nodes_trueleafs": self.true_leaf,
            "nodes_falsenodeids": self.false_id,
            "nodes_falseleafs": self.false_leaf,
            "leaf_targetids": [0] * len(self.weight),
            "leaf_weights": _tensor(np.array(self.weight, np.float64), "leaf_weights"),
        }


def _tensor(values: npt.NDArray[Any], name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(values, name)
