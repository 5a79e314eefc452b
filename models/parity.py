"""Whether what will serve says what LightGBM says, on the rows where others were found not to."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt
from stemtide.scoring.artefact import Model

from models.parity_rows import DEFAULT, Counts, Rows, parity_rows
from models.trees import ExportError, Node

Floats = npt.NDArray[np.float64]

__all__ = ["Counts", "Differences", "check", "differences", "parity_rows"]

MARGIN_TOLERANCE: Final = 1e-12
PROBABILITY_TOLERANCE: Final = 1e-12
CONTRIBUTION_TOLERANCE: Final = 1e-5
"""LightGBM's own explanations unwind products of shares and lose digits where a share is small."""
SUM_TOLERANCE: Final = 1e-9
ORDER_TOLERANCE: Final = CONTRIBUTION_TOLERANCE
"""Drivers whose contributions differ by less than this are as good as tied: either may be named first."""
ROWS_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Differences:
    """The largest absolute differences from LightGBM, of an explanation's sum from the margin, and by how
    much a contribution that is named before another one is smaller than it in LightGBM's eyes."""

    margin: float = 0.0
    probability: float = 0.0
    contribution: float = 0.0
    sum: float = 0.0
    order: float = 0.0

    @property
    def within(self) -> bool:
        """Nothing differs by more than is allowed (NaN does)."""
        return all(value <= allowed for value, allowed in zip(astuple(self), TOLERANCES, strict=True))

    def with_(self, other: "Differences") -> "Differences":
        """The larger of each; NaN is the largest."""
        return Differences(*np.maximum(astuple(self), astuple(other)).tolist())


TOLERANCES: Final = (
    MARGIN_TOLERANCE,
    PROBABILITY_TOLERANCE,
    CONTRIBUTION_TOLERANCE,
    SUM_TOLERANCE,
    ORDER_TOLERANCE,
)


def check(
    model: Model, booster: lightgbm.Booster, trees: Sequence[Node], counts: Counts | None = None
) -> dict[str, Any]:
    """The figures for the manifest, of the loaded artefact itself against the booster.

    Args:
        counts: rows of each kind; None: as many as an export compares.

    Raises:
        ExportError: something differs.
    """
    counts = counts or DEFAULT
    rows = parity_rows(trees, width=len(model.manifest.features), counts=counts)
    found = differences(model, booster, rows, explained=counts.explained)
    figures = {
        "rows": {kind: len(x) for kind, x in rows.items()},
        "explained_rows": {kind: min(len(x), counts.explained) for kind, x in rows.items()},
        "max_abs_margin": found.margin,
        "max_abs_probability": found.probability,
        "max_abs_contribution": found.contribution,
        "max_abs_sum": found.sum,
        "max_order": found.order,
    }
    if not found.within:
        raise ExportError(
            f"the exported model differs from LightGBM: margin {found.margin:.2g}, probability "
            f"{found.probability:.2g}, contribution {found.contribution:.2g}, sum {found.sum:.2g}, "
            f"order {found.order:.2g}",
            "Install the locked versions (`make`) and export again.",
        )
    return figures


def differences(
    model: Model, booster: lightgbm.Booster, rows: Rows, *, explained: int = DEFAULT.explained
) -> Differences:
    """How far the artefact is from the booster on these rows.

    Args:
        explained: rows of each kind whose explanations are compared, too; LightGBM takes some 2 ms for one.
    """
    found = Differences()
    for x in rows.values():
        for start in range(0, len(x), ROWS_AT_ONCE):
            found = found.with_(_of_scores(model, booster, x[start : start + ROWS_AT_ONCE]))
        for start in range(0, min(len(x), explained), ROWS_AT_ONCE):
            some = x[start : min(start + ROWS_AT_ONCE, explained)]
            found = found.with_(_of_explanations(model, booster, some))
    return found


def _of_scores(model: Model, booster: lightgbm.Booster, x: Floats) -> Differences:
    margin, probability = model.predict(x)
    expected = np.asarray(booster.predict(x, raw_score=True))
    scaled = model.manifest.calibration.slope * expected + model.manifest.calibration.intercept
    with np.errstate(over="ignore"):  # an infinite exp is a probability of 0
        calibrated = 1 / (1 + np.exp(-scaled))
    return Differences(margin=_largest(margin - expected), probability=_largest(probability - calibrated))


def _of_explanations(model: Model, booster: lightgbm.Booster, x: Floats) -> Differences:
    base = model.manifest.expected_margin
    ours = np.column_stack([model.explain(x), np.full(len(x), base)])
    theirs = np.asarray(booster.predict(x, pred_contrib=True))
    return Differences(
        contribution=_largest(ours - theirs),
        sum=_largest(ours.sum(axis=1) - model.predict(x).margin),
        order=_out_of_order(ours[:, :-1], theirs[:, :-1]),
    )


def _out_of_order(ours: Floats, theirs: Floats) -> float:
    """By how much a contribution exceeds, in theirs, one that comes before it in ours; 0 if none does."""
    named = np.argsort(-np.abs(ours), axis=1, kind="stable")
    sizes = np.take_along_axis(np.abs(theirs), named, axis=1)
    later = np.maximum.accumulate(sizes[:, ::-1], axis=1)[:, ::-1]
    return _largest(later - sizes)


def _largest(difference: Floats) -> float:
    return float(np.abs(difference).max())
