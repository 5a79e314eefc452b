"""Whether what will serve says what LightGBM says, on the rows where others were found not to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt
from stemtide.scoring.artefact import Model

from models.trees import ExportError, Node, splits_of

Floats = npt.NDArray[np.float64]
Rows = Mapping[str, Floats]

RANDOM_ROWS: Final = 10_000
THRESHOLD_ROWS: Final = 10_000
MISSING_ROWS: Final = 4_000
EXPLAINED_ROWS: Final = 400
"""Of each kind; LightGBM takes some 4 ms for each."""
MARGIN_TOLERANCE: Final = 1e-12
PROBABILITY_TOLERANCE: Final = 1e-12
CONTRIBUTION_TOLERANCE: Final = 1e-5
"""LightGBM's own explanations unwind products of shares and lose digits where a share is small."""
SUM_TOLERANCE: Final = 1e-9
SENTINEL: Final = 1.01e-35
"""LightGBM's predictor takes values this near to zero for zero; no feature has such a value."""
_SEED: Final = 20_220_630


@dataclass(frozen=True, slots=True)
class Differences:
    """The largest absolute differences from LightGBM, and of an explanation's sum from the margin."""

    margin: float
    probability: float
    contribution: float
    sum: float

    TOLERANCES = (MARGIN_TOLERANCE, PROBABILITY_TOLERANCE, CONTRIBUTION_TOLERANCE, SUM_TOLERANCE)

    @property
    def within(self) -> bool:
        """Nothing differs by more than is allowed (NaN does)."""
        found = (self.margin, self.probability, self.contribution, self.sum)
        return all(value <= allowed for value, allowed in zip(found, self.TOLERANCES, strict=True))


def check(model: Model, booster: lightgbm.Booster, trees: Sequence[Node]) -> dict[str, Any]:
    """The figures for the manifest, of the loaded artefact itself against the booster.

    Raises:
        ExportError: something differs.
    """
    rows = parity_rows(trees, width=len(model.manifest.features))
    found = differences(model, booster, rows)
    figures = {
        "rows": {kind: len(x) for kind, x in rows.items()},
        "explained_rows": {kind: min(len(x), EXPLAINED_ROWS) for kind, x in rows.items()},
        "max_abs_margin": found.margin,
        "max_abs_probability": found.probability,
        "max_abs_contribution": found.contribution,
        "max_abs_sum": found.sum,
    }
    if not found.within:
        raise ExportError(
            f"the exported model differs from LightGBM: margin {found.margin:.2g}, probability "
            f"{found.probability:.2g}, contribution {found.contribution:.2g}, sum {found.sum:.2g}",
            "Nothing was written. Install the locked versions (`make`) and export again.",
        )
    return figures


def differences(model: Model, booster: lightgbm.Booster, rows: Rows) -> Differences:
    """How far the artefact is from the booster on these rows."""
    x = np.concatenate(list(rows.values()))
    margin, probability = model.predict(x)
    expected = np.asarray(booster.predict(x, raw_score=True))
    scaled = model.manifest.calibration.slope * expected + model.manifest.calibration.intercept
    sample = np.concatenate([kind[:EXPLAINED_ROWS] for kind in rows.values()])
    explained = model.explain(sample)
    theirs = np.asarray(booster.predict(sample, pred_contrib=True))
    base = model.manifest.expected_margin
    ours = np.column_stack([explained, np.full(len(sample), base)])
    return Differences(
        margin=_largest(margin - expected),
        probability=_largest(probability - 1 / (1 + np.exp(-scaled))),
        contribution=_largest(ours - theirs),
        sum=_largest(ours.sum(axis=1) - model.predict(sample).margin),
    )


def parity_rows(trees: Sequence[Node], *, width: int) -> Rows:
    """Rows of three kinds: random, at and next to every threshold, with missing values."""
    rng = np.random.default_rng(_SEED)
    thresholds: list[set[float]] = [set() for _ in range(width)]
    for root in trees:
        for split in splits_of(root):
            if math.isfinite(split.threshold):
                thresholds[split.feature].add(split.threshold)
    ladders = [np.array(sorted(values), np.float64) for values in thresholds]
    rows = {
        "random": _with_missing(_random(rng, ladders, RANDOM_ROWS), rng, 0.05),
        "threshold": np.concatenate([_one_at_threshold(rng, ladders), _all_at_threshold(rng, ladders)]),
        "missing": _missing(rng, ladders),
    }
    return {kind: _without_sentinels(rng.permutation(x)) for kind, x in rows.items()}


def _random(rng: np.random.Generator, ladders: Sequence[Floats], count: int) -> Floats:
    """Half of the values spread over the thresholds' range and beyond, half between neighbouring ones."""
    columns = []
    for ladder in ladders:
        low, high = (ladder[0], ladder[-1]) if len(ladder) else (-1.0, 1.0)
        margin = 0.1 * (high - low) + 1e-3 * max(abs(low), abs(high), 1.0)
        spread = rng.uniform(low - margin, high + margin, count)
        if len(ladder) > 1:
            at = rng.integers(0, len(ladder) - 1, count)
            between = ladder[at] + rng.random(count) * (ladder[at + 1] - ladder[at])
            spread = np.where(rng.random(count) < 0.5, between, spread)
        columns.append(spread)
    return np.column_stack(columns)


def _around(ladder: Floats) -> Floats:
    return np.concatenate([np.nextafter(ladder, -np.inf), ladder, np.nextafter(ladder, np.inf)])


def _one_at_threshold(rng: np.random.Generator, ladders: Sequence[Floats]) -> Floats:
    """Each threshold and its two neighbours once, the other features random."""
    blocks = []
    for column, ladder in enumerate(ladders):
        values = _around(ladder)
        block = _random(rng, ladders, len(values))
        block[:, column] = values
        blocks.append(block)
    return np.concatenate(blocks)


def _all_at_threshold(rng: np.random.Generator, ladders: Sequence[Floats]) -> Floats:
    """Every feature at or next to one of its thresholds."""
    x = _random(rng, ladders, THRESHOLD_ROWS)
    for column, ladder in enumerate(ladders):
        if len(ladder):
            x[:, column] = rng.choice(_around(ladder), THRESHOLD_ROWS)
    return x


def _missing(rng: np.random.Generator, ladders: Sequence[Floats]) -> Floats:
    """A single feature missing, a half, all but one, all."""
    x = _random(rng, ladders, MISSING_ROWS)
    width, quarter = len(ladders), MISSING_ROWS // 4
    x[np.arange(quarter), np.arange(quarter) % width] = np.nan
    x[quarter : 3 * quarter] = _with_missing(x[quarter : 3 * quarter], rng, 0.5)
    known = rng.integers(0, width, quarter - 1)
    rest = np.full((quarter - 1, width), np.nan)
    rest[np.arange(quarter - 1), known] = x[3 * quarter : -1][np.arange(quarter - 1), known]
    x[3 * quarter : -1] = rest
    x[-1] = np.nan
    return x


def _with_missing(x: Floats, rng: np.random.Generator, share: float) -> Floats:
    return np.where(rng.random(x.shape) < share, np.nan, x)


def _without_sentinels(x: Floats) -> Floats:
    return np.where(np.abs(x) <= SENTINEL, 0.0, x)


def _largest(difference: Floats) -> float:
    return float(np.abs(difference).max())
