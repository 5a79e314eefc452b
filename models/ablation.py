"""What each group of features is worth: the same recipe without it.

The interval of a change is drawn over accounts and over the refits' seeds at once (each draw has its own
accounts and its own sample of the refits), for both make it stray.
"""

from collections.abc import Callable

import numpy as np
from stemtide.features.view import Floats

from models import measures
from models.dataset import Dataset
from models.evidence import Ablation
from models.feature_groups import grouped
from models.refit import REFITS, Refit, hidden, mean_aucs, refitted
from models.resampling import Draws, interval, known


def ablations(
    fit: Dataset,
    test: Dataset,
    draws: Draws,
    refit: Refit,
    *,
    seed: int,
    refits: int = REFITS,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Ablation, ...]:
    """One ablation for each group, the most useful first.

    A group of which the fit rows know nothing has nothing to be left out: its figures are None, and it is
    listed last.

    Args:
        draws: of the test rows' accounts.
    """
    full = refitted(refit, fit, test, seed=seed, refits=refits)
    if not full:
        return ()
    drawn = mean_aucs(test, full, draws)
    found = []
    for group, features in grouped(fit.names).items():
        say(f"without {group}")
        found.append(_without(group, features, fit, test, full, drawn, draws, refit, seed))
    return tuple(sorted(found, key=lambda one: (one.auc_change is None, one.auc_change or 0.0)))


def _without(
    group: str,
    features: tuple[str, ...],
    fit: Dataset,
    test: Dataset,
    full: list[Floats],
    drawn: Floats,
    draws: Draws,
    refit: Refit,
    seed: int,
) -> Ablation:
    places = [fit.names.index(name) for name in features]
    scores: list[Floats] = []
    if not np.isnan(fit.x[:, places]).all():
        rows, later = hidden(fit, features), hidden(test, features)
        scores = refitted(refit, rows, later, seed=seed, refits=len(full))
    if not scores:
        return Ablation(group=group, features=features, auc_roc=None, auc_change=None, auc_change_ci=None)
    without, before = _mean_auc(test, scores), _mean_auc(test, full)
    return Ablation(
        group=group,
        features=features,
        auc_roc=known(without),
        auc_change=known(without - before),
        auc_change_ci=interval(over_refits(mean_aucs(test, scores, draws) - drawn, seed=seed)),
    )


def over_refits(changes: Floats, *, seed: int) -> Floats:
    """Of changes [refits, draws] in each draw the mean of as many refits, drawn with replacement."""
    refits, draws = changes.shape
    chosen = np.random.default_rng(seed).integers(refits, size=(refits, draws))
    return np.asarray(np.take_along_axis(changes, chosen, axis=0).mean(axis=0))


def _mean_auc(test: Dataset, scores: list[Floats]) -> float:
    return float(np.mean([measures.auc_roc(test.y, score) for score in scores]))
