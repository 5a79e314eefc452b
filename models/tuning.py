"""Choosing a recipe: a fixed number of tries by a seeded search, judged on later time and other accounts.

With some 80 positives the best of many tries is mostly the luckiest, and is judged on the rows that chose it.
So what the search finds takes the place of the recipe that has done well on many logs only if it is better by
more standard errors of their difference over accounts than luck gives the best of so many once in forty times
(Bonferroni's bound: two errors for one try, three for 24). Nothing of it sees a test row.
"""

from collections.abc import Callable
from statistics import NormalDist
from typing import Final, TypeAlias

import lightgbm as lgb
import numpy as np
import optuna
from stemtide.features.view import Flags, Floats

from models.dataset import Dataset
from models.gate import gate_booster
from models.learning import (
    FOLDS,
    Grown,
    behind,
    folds,
    gate,
    grow,
    prepared,
    require_positives,
    train,
    usual_recipes,
)
from models.recipes import FAMILIES, MAX_ROUNDS, MIN_ROUNDS, TRIES, Recipe

LARGE: Final = 8_000
"""Rows: of more, the accounts that the search looks at are drawn."""
EARLIER: Final = 0.6
"""Of the fit rows: the days that recipes are fitted to while they are compared; the later ones judge."""
MIN_EITHER: Final = 20
"""Positives on either side: with fewer nothing can be compared."""
LUCK: Final = 0.025
"""How often a recipe that is no better than the usual one may take its place."""
Test: TypeAlias = tuple[Flags, Flags]
"""The rows that are fitted, and those that judge."""
LEAVES: Final = (2, 3, 4, 6, 8, 12, 16)


def grown(
    fit: Dataset, *, seed: int, tries: int = TRIES, say: Callable[[str], None] = lambda _: None
) -> Grown:
    """A booster by the usual recipe (of several the best), or by the one that the search found where that is
    clearly better.

    Raises:
        CliError: too few positives.
    """
    require_positives(fit)
    recipe, *others = usual_recipes(fit)
    rows = _drawn(fit, seed)
    tests = _tests(rows, seed) if tries else []
    if tests:
        if others:
            say("choosing among the usual recipes")
            recipe = min((recipe, *others), key=lambda one: _loss(rows, tests, one, seed))
        usual = recipe
        found = _found(rows, tests, usual, seed=seed, tries=tries, say=say)
        if _is_better(rows, tests, found, usual, seed=seed, tries=tries):
            recipe = found
    return grow(fit, recipe, seed=seed)


def _tests(rows: Dataset, seed: int) -> list[Test]:
    """What recipes are judged on: the later days of accounts left out, fitted to the other accounts' earlier
    ones, with labels that were known by then. None where either side has too few positives to tell."""
    cut = int(np.quantile(rows.day, EARLIER))
    early, late = rows.outcome_days() <= cut, rows.day > cut
    if min(int(rows.y[early].sum()), int(rows.y[late].sum())) < MIN_EITHER:
        return []
    fold_of = folds(rows, seed)
    found = [(early & (fold_of != fold), late & (fold_of == fold)) for fold in range(FOLDS)]
    return [(fit, out) for fit, out in found if rows.y[fit].any() and out.any()]


def _is_better(
    rows: Dataset, tests: list[Test], ours: Recipe, theirs: Recipe, *, seed: int, tries: int
) -> bool:
    """Whether the log loss is lower by more than the best of so many tries is by `LUCK`."""
    if ours == theirs:
        return False
    margins = [_margins(rows, tests, recipe, seed) for recipe in (ours, theirs)]
    known = ~np.isnan(margins[0])
    sign = np.where(rows.y[known], -1.0, 1.0)
    our_loss, their_loss = (np.logaddexp(0.0, sign * margin[known]) for margin in margins)
    _, account = np.unique(rows.accounts[known], return_inverse=True)
    gain = np.bincount(account, weights=rows.counts[known] * (their_loss - our_loss))
    errors = NormalDist().inv_cdf(1 - LUCK / tries)
    return bool(gain.sum() > errors * np.sqrt(len(gain)) * gain.std())


def _loss(rows: Dataset, tests: list[Test], recipe: Recipe, seed: int) -> float:
    """The log loss over all tests, after the round that is best."""
    curves = [_curve(rows.where(fit), rows.where(out), recipe, seed) for fit, out in tests]
    return float(np.sum(curves, axis=0)[MIN_ROUNDS - 1 :].min())


def _margins(rows: Dataset, tests: list[Test], recipe: Recipe, seed: int) -> Floats:
    """The margins of the rows left out, after the round that is best over all tests; NaN for others."""
    curves = [_curve(rows.where(fit), rows.where(out), recipe, seed) for fit, out in tests]
    rounds = MIN_ROUNDS + int(np.argmin(np.sum(curves, axis=0)[MIN_ROUNDS - 1 :]))
    found = np.full(len(rows), np.nan)
    for fit, out in tests:
        booster = train(rows.where(fit), recipe, rounds, seed=seed)
        found[out] = np.asarray(booster.predict(rows.x[out], raw_score=True))
    return found


def _found(
    rows: Dataset,
    tests: list[Test],
    usual: Recipe,
    *,
    seed: int,
    tries: int,
    say: Callable[[str], None],
) -> Recipe:
    """The recipe with the lowest log loss of those that were tried; the usual one is the first."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=tries // 3, multivariate=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=tries // 4, n_warmup_steps=1),
    )
    study.enqueue_trial({name: getattr(usual, name) for name in usual.__struct_fields__ if name != "rounds"})

    def loss(trial: optuna.Trial) -> float:
        say(f"choosing the recipe: {trial.number + 1} of {tries}")
        recipe = _suggested(trial)
        total = np.zeros(MAX_ROUNDS)
        for step, (fit, out) in enumerate(tests):
            total += _curve(rows.where(fit), rows.where(out), recipe, seed)
            trial.report(float(total[MIN_ROUNDS - 1 :].min()) / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(total[MIN_ROUNDS - 1 :].min())

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


def _curve(fit: Dataset, left: Dataset, recipe: Recipe, seed: int) -> Floats:
    """The log loss of the rows left out, after each round, summed by their weights."""
    way_in = gate(fit)
    data, settings = prepared(fit, recipe, way_in, seed=seed)
    left = behind(left, way_in)
    if not len(left):
        return np.zeros(MAX_ROUNDS)
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
    return np.array(found["left out"]["binary_logloss"]) * float(left.counts.sum())


def _drawn(fit: Dataset, seed: int) -> Dataset:
    """The rows, of some of the accounts where there are many."""
    if len(fit) <= LARGE:
        return fit
    accounts = np.unique(fit.accounts)
    share = LARGE / len(fit)
    kept = accounts[np.random.default_rng(seed).random(len(accounts)) < share]
    return fit.where(np.isin(fit.accounts, kept))
