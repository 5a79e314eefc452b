"""How a booster is grown: small and strongly regularised, by how often the target happened.

Few positives want few leaves: a large model learns the accounts by heart. Every feature meets missing values
in training, so that the exported graph treats a live one as training did.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from stemtide.features.view import Floats
from stemtide_cli.errors import CliError

from models.dataset import Dataset

MIN_POSITIVES: Final = 10
POSITIVES_PER_LEAF: Final = 25
MIN_LEAVES: Final = 3
MAX_LEAVES: Final = 15
MAX_DEPTH: Final = 4
LEARNING_RATE: Final = 0.03
MAX_ROUNDS: Final = 400
MIN_ROUNDS: Final = 20
FOLDS: Final = 5
COPIES: Final = 0.1
"""Share of the rows that is added once more with values masked …"""
MASKED: Final = 0.25
"""… and the share of values that is masked in them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grown:
    """A booster, and for each of its training rows a margin by boosters that never saw the row's account."""

    booster: lgb.Booster
    rounds: int
    margins: Floats


def leaves_for(positives: int) -> int:
    """Leaves of a tree: one for every POSITIVES_PER_LEAF positives, within MIN_LEAVES and MAX_LEAVES."""
    return min(MAX_LEAVES, max(MIN_LEAVES, positives // POSITIVES_PER_LEAF))


def parameters(rows: int, positives: int, seed: int) -> dict[str, Any]:
    """LightGBM's parameters for a training set of that size; the same input gives the same trees."""
    return {
        "objective": "binary",
        "num_leaves": leaves_for(positives),
        "max_depth": MAX_DEPTH,
        "learning_rate": LEARNING_RATE,
        "min_data_in_leaf": max(20, rows // 100),
        "min_sum_hessian_in_leaf": 1.0,
        "lambda_l2": 10.0,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "max_bin": 63,
        "zero_as_missing": False,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }


def require_positives(fit: Dataset) -> None:
    """Raise the CliError of a target that happened too rarely to be learnt."""
    if fit.positives < MIN_POSITIVES or fit.positives == len(fit):
        raise CliError(
            f"the target happened in {fit.positives} of {len(fit)} rows before the training's end:"
            f" at least {MIN_POSITIVES} are needed, and as many in which it did not",
            hint="train on a longer log; until then the documented rules score (`basis: rules`)",
        )


def grow(fit: Dataset, *, seed: int) -> Grown:
    """Train on all rows, with as many rounds as generalised best to accounts left out.

    The folds are of whole accounts: overlapping horizons, which tell the same outcome again, belong to one
    account, so none of them lies on both sides of a fold.

    Raises:
        CliError: too few positives.
    """
    require_positives(fit)
    folds = _folds(fit, seed)
    settings = parameters(len(fit), fit.positives, seed)
    traces = np.full((MAX_ROUNDS, len(fit)), np.nan)
    for fold in range(FOLDS):
        out = folds == fold
        if not out.any() or not fit.y[~out].any():
            continue
        booster = _train(fit.where(~out), settings, MAX_ROUNDS, seed)
        traces[:, out] = _staged(booster, fit.x[out])
    covered = ~np.isnan(traces[0])
    rounds = _best_round(traces[:, covered], fit.y[covered])
    booster = _train(fit, settings, rounds, seed)
    return Grown(booster=booster, rounds=rounds, margins=traces[rounds - 1])


def masked(fit: Dataset, seed: int) -> Dataset:
    """The rows, and a share of them once more with values missing, in every feature at least one."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(fit), size=max(1, int(COPIES * len(fit))), replace=False))
    copies = fit.x[chosen].copy()
    hidden = rng.random(copies.shape) < MASKED
    hidden[rng.integers(len(copies), size=copies.shape[1]), np.arange(copies.shape[1])] = True
    copies[hidden] = np.nan
    return replace(
        fit,
        accounts=np.concatenate([fit.accounts, fit.accounts[chosen]]),
        day=np.concatenate([fit.day, fit.day[chosen]]),
        x=np.concatenate([fit.x, copies]),
        y=np.concatenate([fit.y, fit.y[chosen]]),
    )


def _train(fit: Dataset, settings: dict[str, Any], rounds: int, seed: int) -> lgb.Booster:
    rows = masked(fit, seed)
    data = lgb.Dataset(
        rows.x, label=rows.y.astype(np.float64), feature_name=list(fit.names), free_raw_data=True
    )
    return lgb.train(settings, data, num_boost_round=rounds)


def _folds(fit: Dataset, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A fold for every row: accounts are dealt out, those with the target first: each fold has some."""
    accounts, inverse = np.unique(fit.accounts, return_inverse=True)
    happened = np.zeros(len(accounts))
    np.maximum.at(happened, inverse, fit.y)
    order = np.lexsort((np.random.default_rng(seed).random(len(accounts)), -happened))
    fold = np.empty(len(accounts), dtype=np.int64)
    fold[order] = np.arange(len(accounts)) % FOLDS
    return fold[inverse]


def _staged(booster: lgb.Booster, x: Floats) -> Floats:
    """Margins [rounds, rows] after each round."""
    leaves = np.asarray(booster.predict(x, pred_leaf=True), dtype=np.int64)
    steps = np.empty((MAX_ROUNDS, len(x)))
    for tree in range(MAX_ROUNDS):
        if tree >= booster.num_trees():
            steps[tree:] = 0.0
            break
        values = np.array([booster.get_leaf_output(tree, leaf) for leaf in range(leaves[:, tree].max() + 1)])
        steps[tree] = values[leaves[:, tree]]
    return np.cumsum(steps, axis=0)


def _best_round(traces: Floats, y: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """The round with the lowest log loss over all rows, at least MIN_ROUNDS."""
    signs = np.where(y, 1.0, -1.0)
    losses = np.logaddexp(0.0, -signs * traces).mean(axis=1)
    return max(MIN_ROUNDS, int(np.argmin(losses)) + 1)
