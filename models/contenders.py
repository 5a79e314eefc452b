"""Models of other sorts, fitted to the fit rows and measured on the test rows beside the one that is served.

Whatever is fitted - medians, scales, penalties, the number of epochs - comes of fit rows alone, and is chosen
on accounts left out of the fit. The class prior is never touched: `class_weight='balanced'` would make
probabilities of nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neural_network import MLPClassifier
from stemtide.features.view import Floats

from models import measures
from models.dataset import Dataset
from models.evaluate import best_feature
from models.evidence import Contender
from models.resampling import Draws, auc_prs, auc_rocs, interval, known

PENALTIES: Final = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
"""C of the logistic regression, from the strongest penalty: about a hundred columns meet few positives."""
FOLDS: Final = 4
CHOICE_ROWS: Final = 6000
"""Rows that a penalty is chosen on: whole accounts are left out beyond them, the fit itself takes all."""
FARTHEST: Final = 5.0
"""Standard deviations at which values are cut off: one account a thousand times larger than the rest would
else decide a linear model."""
HIDDEN: Final = 16
WEIGHT_DECAY: Final = 1.0
EPOCHS: Final = 60
PATIENCE: Final = 6
"""Epochs without a lower log loss on the held-out accounts after which a net stops."""
NETS: Final = 5
"""Nets whose probabilities are averaged: one alone is a matter of its first weights."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows for models that know no missing values: standardised, medians filled in, flags of the missing."""

    medians: Floats
    mean: Floats
    scale: Floats
    flagged: npt.NDArray[np.int64]
    used: npt.NDArray[np.int64]

    @classmethod
    def of(cls, x: Floats) -> "Prepared":
        """As the fit rows have it; columns without two known values are left out."""
        missing = np.isnan(x)
        used = np.flatnonzero([len(np.unique(column[~np.isnan(column)])) > 1 for column in x.T])
        medians = np.zeros(x.shape[1])
        medians[used] = np.nanmedian(x[:, used], axis=0) if len(used) else 0.0
        filled = np.where(missing, medians, x)[:, used]
        scale = filled.std(axis=0)
        flagged = used[missing[:, used].any(axis=0)]
        return cls(medians, filled.mean(axis=0), np.where(scale > 0, scale, 1.0), flagged, used)

    def rows(self, x: Floats) -> Floats:
        """[rows, used columns and flags]."""
        missing = np.isnan(x)
        filled = np.where(missing, self.medians, x)[:, self.used]
        values = np.clip((filled - self.mean) / self.scale, -FARTHEST, FARTHEST)
        return np.hstack([values, missing[:, self.flagged].astype(np.float64)])


def contenders(
    fit: Dataset, test: Dataset, served: Floats, draws: Draws, *, seed: int
) -> tuple[Contender, ...]:
    """The served model and the others, all on the same draws of the test rows' accounts.

    Args:
        served: the served model's probabilities of the test rows.
        draws: of the test rows' accounts.
    """
    prepared = Prepared.of(fit.x)
    own = auc_rocs(test.y, served, draws)
    measured = _Measure(test, draws, served, own)
    found = [measured.of("gradient boosting (served)", "calibrated LightGBM", served, is_served=True)]
    if prepared.used.size and 1 < fit.positives < len(fit):
        c, linear = logistic(fit, prepared, seed=seed)
        note = f"standardised, medians filled in, flags of the missing, C = {c:g} by left-out accounts"
        found.append(measured.of("logistic regression", note, linear(test.x)))
        nets = neural_nets(fit, prepared, seed=seed)
        note = f"{NETS} nets of {HIDDEN} hidden units, stopped on left-out accounts, averaged"
        found.append(measured.of("neural net", note, nets(test.x)))
    name, ranking = best_feature(fit, test)
    found.append(measured.of("best single feature", name, ranking, is_probability=False))
    return tuple(found)


def logistic(fit: Dataset, prepared: Prepared, *, seed: int) -> tuple[float, Callable[[Floats], Floats]]:
    """A ridge logistic regression; its penalty has the lowest log loss on accounts left out."""
    chosen_on = fit.where(_some_accounts(fit, seed))
    losses = np.zeros(len(PENALTIES))
    x, y = prepared.rows(chosen_on.x), chosen_on.y
    for inside, outside in _folds(chosen_on, seed):
        for place, c in enumerate(PENALTIES):
            losses[place] += _log_loss(y[outside], _ridge(x[inside], y[inside], c)(x[outside]))
    c = PENALTIES[int(np.argmin(losses))]
    model = _ridge(prepared.rows(fit.x), fit.y, c)
    return c, lambda rows: model(prepared.rows(rows))


def neural_nets(fit: Dataset, prepared: Prepared, *, seed: int) -> Callable[[Floats], Floats]:
    """The mean of NETS small nets, each stopped on another part of the accounts."""
    x = prepared.rows(fit.x)
    folds = _folds(fit, seed)
    nets = (
        [_net(x, fit.y, *folds[number % len(folds)], seed=seed * NETS + number) for number in range(NETS)]
        if folds
        else []
    )

    def probabilities(rows: Floats) -> Floats:
        ready = prepared.rows(rows)
        found: Floats = np.mean([net(ready) for net in nets] or [np.full(len(rows), fit.y.mean())], axis=0)
        return found

    return probabilities


@dataclass(frozen=True, slots=True)
class _Measure:
    test: Dataset
    draws: Draws
    served: Floats
    served_aucs: Floats

    def of(
        self, name: str, note: str, score: Floats, *, is_served: bool = False, is_probability: bool = True
    ) -> Contender:
        """The figures of one ranking."""
        y = self.test.y
        aucs = self.served_aucs if is_served else auc_rocs(y, score, self.draws)
        gap = measures.auc_roc(y, self.served) - measures.auc_roc(y, score)
        return Contender(
            name=name,
            note=note,
            auc_roc=known(measures.auc_roc(y, score)),
            auc_roc_ci=interval(aucs),
            auc_pr=known(measures.auc_pr(y, score)),
            auc_pr_ci=interval(auc_prs(y, score, self.draws)),
            precision_at_80_recall=known(measures.precision_at_recall(y, score)),
            ece=known(measures.calibration_error(y, score)) if is_probability else None,
            auc_gap=None if is_served else known(gap),
            auc_gap_ci=None if is_served else interval(self.served_aucs - aucs),
            served=is_served,
        )


def _ridge(x: Floats, y: measures.Labels, c: float) -> Callable[[Floats], Floats]:
    model: Any = LogisticRegression(C=c, max_iter=200, tol=1e-4).fit(x, y)
    return lambda rows: np.asarray(model.predict_proba(rows)[:, 1])


def _net(
    x: Floats, y: measures.Labels, inside: npt.NDArray[np.int64], outside: npt.NDArray[np.int64], *, seed: int
) -> Callable[[Floats], Floats]:
    """One net with the weights of its best epoch (scikit-learn's own early stopping holds out rows, not
    accounts)."""
    net: Any = MLPClassifier(
        hidden_layer_sizes=(HIDDEN,), alpha=WEIGHT_DECAY, batch_size=min(256, len(inside)), random_state=seed
    )
    best, lowest, since = None, np.inf, 0
    for _ in range(EPOCHS):
        net.partial_fit(x[inside], y[inside], classes=[False, True])
        loss = _log_loss(y[outside], net.predict_proba(x[outside])[:, 1]) / len(outside)
        if loss < lowest:
            best = [array.copy() for array in (*net.coefs_, *net.intercepts_)]
            lowest, since = loss, 0
            continue
        since += 1
        if since == PATIENCE:
            break
    assert best is not None
    net.coefs_, net.intercepts_ = best[:2], best[2:]
    return lambda rows: np.asarray(net.predict_proba(rows)[:, 1])


def _folds(fit: Dataset, seed: int) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """(inside, outside) rows of folds of whole accounts that have both classes inside."""
    if len(np.unique(fit.accounts)) < FOLDS or fit.positives < FOLDS:
        return []
    folds: Any = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    parts = list(folds.split(fit.x, fit.y, fit.accounts))
    return [(i, o) for i, o in parts if 0 < fit.y[i].sum() < len(i) and len(o)]


def _some_accounts(fit: Dataset, seed: int) -> measures.Labels:
    """About CHOICE_ROWS rows of whole accounts."""
    names, account = np.unique(fit.accounts, return_inverse=True)
    share = CHOICE_ROWS / len(fit)
    return np.asarray((np.random.default_rng(seed).random(len(names)) < share)[account])


def _log_loss(y: measures.Labels, p: Floats) -> float:
    inside = np.clip(p, 1e-9, 1 - 1e-9)
    return float(-np.log(np.where(y, inside, 1 - inside)).sum())
