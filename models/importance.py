"""How much each feature moves the scores, and which way: SHAP contributions to the margin.

They are LightGBM's own (`pred_contrib`), the path-dependent values (Lundberg et al., 2020) that the exported
tables serve too.
"""

from collections.abc import Mapping
from typing import Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from stemtide.features.feature import Feature
from stemtide.features.registry import registry
from stemtide.features.view import Floats

from models.dataset import Dataset
from models.evidence import Importance, Swarm

ROWS: Final = 5000
"""Rows that the means are taken over at most."""
SWARM_ROWS: Final = 500
SWARM_FEATURES: Final = 15


def importance_and_swarm(
    booster: lgb.Booster, test: Dataset, *, seed: int
) -> tuple[tuple[Importance, ...], tuple[Swarm, ...]]:
    """Every feature that moves any score, the weightiest first, and the beeswarm of the first of them."""
    rows = _some(len(test), ROWS, seed)
    x = test.x[rows]
    contributions: Floats = np.asarray(booster.predict(x, pred_contrib=True), dtype=np.float64)[:, :-1]
    weights = np.abs(contributions).mean(axis=0) if len(x) else np.zeros(len(test.names))
    order = [int(i) for i in np.argsort(-weights, kind="stable") if weights[i] > 0]
    features = registry(test.shape).by_name
    importance = tuple(
        Importance(
            feature=test.names[i],
            label=features[test.names[i]].label,
            mean_abs_contribution=float(weights[i]),
            share=float(weights[i] / weights.sum()),
        )
        for i in order
    )
    shown = _some(len(x), SWARM_ROWS, seed)
    swarm = tuple(
        _swarm(test.names[i], features, contributions[shown, i], x[shown, i]) for i in order[:SWARM_FEATURES]
    )
    return importance, swarm


def _swarm(name: str, features: Mapping[str, Feature], contributions: Floats, values: Floats) -> Swarm:
    return Swarm(
        feature=name,
        label=features[name].label,
        contributions=tuple(contributions.tolist()),
        value_ranks=value_ranks(values),
    )


def value_ranks(values: Floats) -> tuple[float | None, ...]:
    """The rank of each value among the known ones from 0 to 1, of equal ones the mean; None unknown."""
    is_known = ~np.isnan(values)
    ranks: Floats = np.full(len(values), np.nan)
    if is_known.any():
        ranks[is_known] = (rankdata(values[is_known]) - 1) / max(1, int(is_known.sum()) - 1)
    if is_known.sum() == 1:
        ranks[is_known] = 0.5
    return tuple(None if np.isnan(rank) else rank for rank in ranks.tolist())


def _some(rows: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """All rows, or as many of them, drawn without replacement, in their order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, size=most, replace=False))
