"""The renewal gate: who cannot leave within the horizon, because no term ends in it, is no lesson in leaving.

Where subscriptions run for a term, an account leaves when a term is not renewed. Whether one ends within the
horizon is known beforehand and outweighs all else: without it a model spends its few positives on learning
the calendar. So the first tree of the booster is one split at the horizon with the two observed rates (log
odds) as its leaves, and the others are grown on the accounts whose term ends within, or of whom nobody knows.
"""

from dataclasses import dataclass
from typing import Final

import lightgbm as lgb
import numpy as np
from stemtide.features.view import Flags, Floats

RENEWAL: Final = "days_to_renewal"
MIN_SHARE: Final = 0.05
"""Of the rows, on either side: else there is nothing to tell apart."""
MIN_KNOWN: Final = 0.5
"""Of the rows: renewals must be known of most."""
RATE_RATIO: Final = 4.0
"""How much rarer the target must be outside than within; else it does not hang on renewals."""
MADE_ROWS: Final = 10_000
_TINY: Final = {
    "objective": "binary",
    "num_leaves": 2,
    "min_data_in_leaf": 1,
    "min_sum_hessian_in_leaf": 0.0,
    "learning_rate": 1.0,
    "boost_from_average": False,
    "min_data_in_bin": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Log odds of rows with and without a renewal within the horizon."""

    place: int
    """Of `RENEWAL` among the features."""
    horizon_days: int
    within: float
    outside: float
    share: float
    """Of the fit rows, that is within."""

    def open(self, x: Floats) -> Flags:
        """The rows that may leave: a term ends within the horizon, or it is not known when."""
        return ~(x[:, self.place] > self.horizon_days + 0.5)

    def margins(self, x: Floats) -> Floats:
        """What the gate says of rows."""
        return np.where(self.open(x), self.within, self.outside)


def gate_of(
    x: Floats, y: Flags, names: tuple[str, ...], horizon_days: int, *, weight: Floats | None = None
) -> Gate | None:
    """The gate of fit rows; None where the target does not hang on renewals, or few of them are known.

    Rates are smoothed by half a positive and half a negative row (Jeffreys): none seen is not never. But
    where it never happened within, nothing can be learnt behind a gate, and smoothing alone may tell the
    rates apart.

    Args:
        weight: what each row counts; None: all alike.
    """
    if RENEWAL not in names:
        return None
    place = names.index(RENEWAL)
    shut = x[:, place] > horizon_days + 0.5
    counts = np.ones(len(y)) if weight is None else weight
    known, away = (float(np.average(rows, weights=counts)) for rows in (~np.isnan(x[:, place]), shut))
    if known < MIN_KNOWN or not MIN_SHARE <= away <= 1 - MIN_SHARE or not y[~shut].any():
        return None
    within, outside = _rate(y[~shut], counts[~shut]), _rate(y[shut], counts[shut])
    if within < RATE_RATIO * outside:
        return None
    return Gate(
        place=place,
        horizon_days=horizon_days,
        within=_logit(within),
        outside=_logit(outside),
        share=1 - away,
    )


def gate_booster(gate: Gate, names: tuple[str, ...]) -> lgb.Booster:
    """A booster of the gate's one tree, to go on from; a missing value takes the open side.

    It is grown on made-up rows, as many on either side as the fit rows have, since explanations weigh a
    tree's leaves by their rows; the leaves then get the observed log odds. The rows know three values only,
    the missing one and the two next to the split: so it lies between these, whatever the horizon and share.
    """
    within = round(MADE_ROWS * gate.share)
    x = np.zeros((MADE_ROWS, len(names)))
    x[:within:2, gate.place] = gate.horizon_days
    x[1:within:2, gate.place] = np.nan
    x[within:, gate.place] = gate.horizon_days + 1
    y = (np.arange(MADE_ROWS) < within).astype(np.float64)
    data = lgb.Dataset(x, label=y, feature_name=list(names), params=_TINY)
    booster = lgb.train(_TINY, data, num_boost_round=1)
    ends = np.zeros((2, len(names)))
    ends[:, gate.place] = (gate.horizon_days, gate.horizon_days + 1)
    open_leaf, shut_leaf = np.asarray(booster.predict(ends, pred_leaf=True), dtype=np.int64).reshape(2)
    booster.set_leaf_output(0, int(open_leaf), gate.within)
    booster.set_leaf_output(0, int(shut_leaf), gate.outside)
    return booster


def _rate(y: Flags, counts: Floats) -> float:
    return (float(counts[y].sum()) + 0.5) / (float(counts.sum()) + 1)


def _logit(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))
