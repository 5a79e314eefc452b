"""Fitting a recipe again to other rows, for what is asked of it apart from the model that is served."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
from stemtide.features.view import Floats
from stemtide_cli.errors import CliError

from models import learning
from models.dataset import Dataset
from models.resampling import Draws, auc_rocs
from models.train import Trained

Score: TypeAlias = Callable[[Floats], Floats]
"""From feature rows to what ranks them."""
Refit: TypeAlias = Callable[[Dataset, int], Score]
"""(rows whose cohort ranks are filled in, seed) -> what the recipe learnt of them. It must not rank the rows
itself, or the ranks could not be left out.

Raises CliError where there are too few positives."""
REFITS: Final = 5
"""Seeds that are averaged over: with some 80 positives the AUC of one recipe moves by 0.02 from seed to seed,
more than most groups of features are worth."""


def same_rounds(trained: Trained) -> Refit:
    """The recipe with as many rounds as the trained model has: choosing them anew costs six times as much,
    and another number would be taken for an effect of what was left out."""

    def refit(fit: Dataset, seed: int) -> Score:
        learning.require_positives(fit)
        booster = learning.train(fit, trained.recipe, trained.rounds, seed=seed)
        return lambda x: np.asarray(booster.predict(x, raw_score=True), dtype=np.float64)

    return refit


def hidden(rows: Dataset, features: tuple[str, ...]) -> Dataset:
    """The rows with these features unknown."""
    x = rows.x.copy()
    x[:, [rows.names.index(name) for name in features]] = np.nan
    return replace(rows, x=x)


def refitted(refit: Refit, fit: Dataset, test: Dataset, *, seed: int, refits: int = REFITS) -> list[Floats]:
    """The test rows' scores by the recipe fitted with each of some seeds; none where it cannot be fitted."""
    try:
        return [refit(fit, seed + number)(test.x) for number in range(refits)]
    except CliError:
        return []


def mean_aucs(test: Dataset, scores: list[Floats], draws: Draws) -> Floats:
    """The area under the ROC curve [refits, draws]."""
    return np.array([auc_rocs(test.y, score, draws) for score in scores])
