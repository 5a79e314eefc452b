"""Choosing a recipe: a fixed number of tries by a seeded search, each judged on accounts left out.

With some 80 positives the best of many tries is mostly the luckiest. So what the search finds takes the place
of the recipe that has done well on many logs only if it is better by more than one standard error of their
difference, drawn over accounts (the one-standard-error rule of Breiman et al., 1984). Nothing of it sees a
test row.
"""

from collections.abc import Callable
from typing import Final

import lightgbm as lgb
import numpy as np
import optuna
from stemtide.features.view import Flags, Floats

from models.dataset import Dataset
from models.gate import gate_booster
from models.learning import FOLDS, Grown, default_recipe, folds, gate, grow, prepared, require_positives
from models.recipes import FAMILIES, MAX_ROUNDS, MIN_ROUNDS, Recipe

TRIES: Final = 24
LARGE: Final = 8_000
"""Rows: of more, the accounts that the search looks at are drawn."""
LEAVES: Final = (2, 3, 4, 6, 8, 12, 16)


def grown(
    fit: Dataset, *, seed: int, tries: int = TRIES, say: Callable[[str], None] = lambda _: None
) -> Grown:
    """A booster by the default recipe, or by the one that the search found where that is clearly better.

    Raises:
        CliError: too few positives.
    """
    usual = grow(fit, default_recipe(fit), seed=seed)
    if not tries:
        return usual
    found = grow(fit, tuned(fit, seed=seed, tries=tries, say=say), seed=seed)
    return found if _is_better(fit, found.margins, usual.margins) else usual


def _is_better(fit: Dataset, ours: Floats, theirs: Floats) -> bool:
    """Whether the log loss of accounts left out is lower by more than a standard error of the difference."""
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    sign = np.where(fit.y[both], -1.0, 1.0)
    gain = np.logaddexp(0.0, sign * theirs[both]) - np.logaddexp(0.0, sign * ours[both])
    _, account = np.unique(fit.accounts[both], return_inverse=True)
    by_account = np.bincount(account, weights=gain)
    return bool(by_account.sum() > np.sqrt(len(by_account)) * by_account.std())


def tuned(
    fit: Dataset, *, seed: int, tries: int = TRIES, say: Callable[[str], None] = lambda _: None
) -> Recipe:
    """The recipe with the lowest log loss over accounts left out, of those that were tried.

    Raises:
        CliError: too few positives.
    """
    require_positives(fit)
    rows = _drawn(fit, seed)
    fold_of = folds(rows, seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=tries // 3, multivariate=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=tries // 4, n_warmup_steps=1),
    )
    usual = default_recipe(fit)
    study.enqueue_trial({name: getattr(usual, name) for name in usual.__struct_fields__ if name != "rounds"})

    def loss(trial: optuna.Trial) -> float:
        say(f"choosing the recipe: {trial.number + 1} of {tries}")
        recipe = _suggested(trial)
        curve = np.zeros(MAX_ROUNDS)
        for step in range(FOLDS):
            curve += _curve(rows, fold_of == step, recipe, seed)
            trial.report(float(curve[MIN_ROUNDS - 1 :].min()) / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(curve[MIN_ROUNDS - 1 :].min()) / FOLDS

    study.optimize(loss, n_trials=tries)
    return Recipe(**study.best_params)


def _suggested(trial: optuna.Trial) -> Recipe:
    return Recipe(
        family=trial.suggest_categorical("family", list(FAMILIES)),
        leaves=trial.suggest_categorical("leaves", LEAVES),
        leaf_share=trial.suggest_float("leaf_share", 0.004, 0.04, log=True),
        l2=trial.suggest_float("l2", 1.0, 100.0, log=True),
        feature_share=trial.suggest_float("feature_share", 0.1, 0.7),
        bins=trial.suggest_categorical("bins", (15, 31, 63)),
    )


def _curve(rows: Dataset, out: Flags, recipe: Recipe, seed: int) -> Floats:
    """The summed log loss of the rows left out, after each round."""
    fit, left = rows.where(~out), rows.where(out)
    way_in = gate(fit)
    data, settings = prepared(fit, recipe, way_in, seed=seed)
    left = left if way_in is None else left.where(way_in.open(left.x))
    valid = lgb.Dataset(
        left.x, label=left.y.astype(np.float64), weight=left.weight, reference=data, free_raw_data=False
    )
    found: dict[str, dict[str, list[float]]] = {}
    lgb.train(
        settings | {"metric": "binary_logloss"},
        data,
        num_boost_round=MAX_ROUNDS,
        valid_sets=[valid],
        valid_names=["left out"],
        init_model=None if way_in is None else gate_booster(way_in, fit.names),
        callbacks=[lgb.record_evaluation(found)],
    )
    return np.array(found["left out"]["binary_logloss"]) * len(left)


def _drawn(fit: Dataset, seed: int) -> Dataset:
    """The rows, of some of the accounts where there are many."""
    if len(fit) <= LARGE:
        return fit
    accounts = np.unique(fit.accounts)
    share = LARGE / len(fit)
    kept = accounts[np.random.default_rng(seed).random(len(accounts)) < share]
    return fit.where(np.isin(fit.accounts, kept))
