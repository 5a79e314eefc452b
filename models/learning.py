"""How a booster is grown: on which rows, behind which gate, with how many rounds.

Every feature meets missing values in training, so that the exported graph treats a live one as training did.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from stemtide.features.cohorts import age_among_peers
from stemtide.features.peers import AGE, KNOWN_DAYS
from stemtide.features.view import Floats
from stemtide.limits import FEATURE_DAYS
from stemtide_cli.errors import CliError

from models.dataset import Dataset
from models.gate import Gate, gate_booster, gate_of
from models.recipes import (
    COURSES,
    MAX_ROUNDS,
    MIN_ROUNDS,
    RENEWALS,
    SILENCES,
    UPGRADES,
    Recipe,
    offered,
    parameters,
)
from models.targets import Ints

MIN_POSITIVES: Final = 10
FOLDS: Final = 5
MIN_ACCOUNTS: Final = FOLDS
"""That have the target: one in each fold, so that what is calibrated on is of accounts not seen."""
COPIES: Final = 0.1
"""Share of the rows that is added once more with values masked …"""
MASKED: Final = 0.25
"""… and the share of values that is masked in them."""
SAME_AGE: Final = 0.1
"""Spread of ages within a snapshot, by that of the days of all rows, below which all began together …"""
OF_AGE: Final = 20
"""… where a snapshot has so many accounts, as a cohort of peers …"""
TOLD: Final = 0.9
"""… and the age of so many of them is known."""
LONGER: Final = "train on a longer log; until then the documented rules score (`basis: rules`)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grown:
    """A booster, and for each of its training rows a margin by boosters that never saw the row's account."""

    booster: lgb.Booster
    recipe: Recipe
    """With the rounds that were grown."""
    margins: Floats


def require_positives(fit: Dataset) -> None:
    """Raise the CliError of a target that happened, or did not happen, too rarely to be learnt."""
    if min(fit.positives, len(fit) - fit.positives) < MIN_POSITIVES:
        raise CliError(
            f"the target happened in {fit.positives} of {len(fit)} rows before the training's end:"
            f" at least {MIN_POSITIVES} are needed, and as many in which it did not",
            hint=LONGER,
        )


def require_accounts(fit: Dataset) -> None:
    """Raise the CliError of a target that so few accounts had that nothing could be calibrated on others."""
    accounts = len(np.unique(fit.accounts[fit.y]))
    if accounts < MIN_ACCOUNTS:
        raise CliError(
            f"the target happened to {accounts} of the accounts before the training's end: at least"
            f" {MIN_ACCOUNTS} are needed, or a model would learn them by heart",
            hint=LONGER,
        )


def usual_recipes(fit: Dataset) -> tuple[Recipe, ...]:
    """What has done well on many logs for a target of this sort, the likeliest first. Of products that are
    sold by the term some are left for want of what they do, and some because nobody comes any more."""
    if not fit.loss:
        return (UPGRADES,)
    if fit.of_terms or gate(fit) is not None:
        return RENEWALS, SILENCES
    return (COURSES,) if began_together(fit) else (SILENCES,)


def began_together(fit: Dataset) -> bool:
    """Whether the accounts of a snapshot are of one age: then age tells the time, and so does all that grows
    with it. By the spread of ages within snapshots (the median of their quartiles' distance) against that of
    the days of all rows, by which ages would grow; and they do grow: those of different snapshots are at
    least twice as far apart as those of one.

    Known days of use end at `FEATURE_DAYS`: who has as many may be of any age, else all of a log of years
    would seem to be of one. A snapshot with more than a few of these tells nothing.
    """
    tenure, known_days = (fit.x[:, fit.names.index(name)] for name in (AGE, KNOWN_DAYS))
    told = ~np.isnan(tenure) | (known_days < FEATURE_DAYS)
    age = age_among_peers(tenure, known_days)
    snapshots = [fit.day == day for day in np.unique(fit.day)]
    within = [
        _spread(age[rows & told]) for rows in snapshots if rows.sum() >= OF_AGE and told[rows].mean() >= TOLD
    ]
    typical = float(np.median(within)) if within else np.inf
    return typical < SAME_AGE * _spread(fit.day) and 2 * typical < _spread(age[told])


def grow(fit: Dataset, recipe: Recipe, *, seed: int) -> Grown:
    """Train on all rows, with as many rounds as generalised best to accounts left out.

    The folds are of whole accounts: overlapping horizons, which tell the same outcome again, belong to one
    account, so none of them lies on both sides of a fold.

    Raises:
        CliError: too few positives.
    """
    require_positives(fit)
    fold_of = folds(fit, seed)
    most = recipe.rounds or MAX_ROUNDS
    traces = np.full((most, len(fit)), np.nan)
    for fold in range(FOLDS):
        out = fold_of == fold
        if out.any() and fit.y[~out].any():
            others = fit.where(~out)
            booster = train(others, recipe, most, seed=seed)
            traces[:, out] = _staged(booster, fit.x[out], most, gated=gate(others) is not None)
    covered = ~np.isnan(traces[0])
    rounds = recipe.rounds or _best_round(traces[:, covered], fit.where(covered))
    booster = train(fit, recipe, rounds, seed=seed)
    return Grown(
        booster=booster,
        recipe=_with_rounds(recipe, rounds),
        margins=traces[rounds - 1],
    )


def train(fit: Dataset, recipe: Recipe, rounds: int, *, seed: int) -> lgb.Booster:
    """A booster of so many rounds, behind the renewal gate where the target hangs on renewals."""
    way_in = gate(fit)
    data, settings = prepared(fit, recipe, way_in, seed=seed)
    first = None if way_in is None else gate_booster(way_in, fit.names)
    return lgb.train(settings, data, num_boost_round=rounds, init_model=first)


def prepared(
    fit: Dataset, recipe: Recipe, way_in: Gate | None, *, seed: int
) -> tuple[lgb.Dataset, dict[str, Any]]:
    """What LightGBM is given: the rows behind the gate with the recipe's features, and its parameters.

    A feature that is not offered is unknown in every row: no tree can use it, and the graph's inputs stay
    those of the registry.
    """
    rows = behind(fit, way_in)
    settings = parameters(recipe, fit.names, rows=len(rows), loss=fit.loss, seed=seed)
    rows = masked(rows, seed)
    x = np.full(rows.x.shape, np.nan)
    places = offered(recipe, fit.names)
    x[:, places] = rows.x[:, places]
    data = lgb.Dataset(
        x,
        label=rows.y.astype(np.float64),
        weight=rows.weight,
        feature_name=list(fit.names),
        params={key: settings[key] for key in ("max_bin", "min_data_in_leaf", "verbose", "force_row_wise")},
        free_raw_data=False,
    )
    return data, settings


def behind(fit: Dataset, way_in: Gate | None) -> Dataset:
    """The rows that trees are grown on."""
    return fit if way_in is None else fit.where(way_in.open(fit.x))


def masked(fit: Dataset, seed: int) -> Dataset:
    """The rows, and a share of them once more with values missing, in every feature at least one."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(fit), size=max(1, int(COPIES * len(fit))), replace=False))
    copies = fit.x[chosen].copy()
    hidden = rng.random(copies.shape) < MASKED
    hidden[rng.integers(len(copies), size=copies.shape[1]), np.arange(copies.shape[1])] = True
    copies[hidden] = np.nan
    more = fit.where(np.concatenate([np.arange(len(fit)), chosen]))
    return replace(more, x=np.concatenate([fit.x, copies]))


def folds(fit: Dataset, seed: int) -> Ints:
    """A fold for every row: accounts are dealt out, those with the target first: each fold has some."""
    accounts, inverse = np.unique(fit.accounts, return_inverse=True)
    happened = np.zeros(len(accounts))
    np.maximum.at(happened, inverse, fit.y)
    order = np.lexsort((np.random.default_rng(seed).random(len(accounts)), -happened))
    fold = np.empty(len(accounts), dtype=np.int64)
    fold[order] = np.arange(len(accounts)) % FOLDS
    return fold[inverse]


def gate(fit: Dataset) -> Gate | None:
    """The renewal gate of a loss, where it hangs on renewals."""
    if not fit.loss:
        return None
    return gate_of(fit.x, fit.y, fit.names, fit.horizon_days, weight=fit.weight)


def _spread(values: Floats | Ints) -> float:
    low, high = np.quantile(values, (0.25, 0.75))
    return float(high - low)


def _with_rounds(recipe: Recipe, rounds: int) -> Recipe:
    return Recipe(**{name: getattr(recipe, name) for name in recipe.__struct_fields__} | {"rounds": rounds})


def _staged(booster: lgb.Booster, x: Floats, rounds: int, *, gated: bool) -> Floats:
    """Margins [rounds, rows] after each round; a gate's tree is no round, and one in which nothing could be
    split has no tree: the last margins stay."""
    leaves = np.asarray(booster.predict(x, pred_leaf=True), dtype=np.int64).reshape(len(x), -1)
    margins = np.zeros((leaves.shape[1] + 1, len(x)))
    for tree, own in enumerate(leaves.T):
        outputs = np.array([booster.get_leaf_output(tree, leaf) for leaf in range(own.max() + 1)])
        margins[tree + 1] = margins[tree] + outputs[own]
    after = np.minimum(np.arange(1, rounds + 1) + gated, len(margins) - 1)
    return margins[after]


def _best_round(traces: Floats, rows: Dataset) -> int:
    """The round with the lowest log loss over all rows, at least MIN_ROUNDS."""
    signs = np.where(rows.y, 1.0, -1.0)
    losses = np.average(np.logaddexp(0.0, -signs * traces), axis=1, weights=rows.weight)
    return max(MIN_ROUNDS, int(np.argmin(losses)) + 1)
