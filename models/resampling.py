"""Intervals by drawing accounts with replacement: all rows of an account together, for its outcomes are not
independent of each other (the cluster bootstrap: Davison and Hinkley, 1997, section 3.8).

All contenders are measured on the same draws, so that the interval of a difference is that of pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from stemtide.features.view import Floats

from models.evidence import Interval
from models.measures import Labels

RESAMPLES: Final = 1000
CHUNK: Final = 50
"""Draws that are weighed at once: few enough for the rows of a chunk to stay near the processor."""
LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """How often each account was drawn [draws, accounts], and each row's account."""

    weights: npt.NDArray[np.uint16]
    account: npt.NDArray[np.int64]

    def of_rows(self, rows: npt.NDArray[np.int64]) -> Iterator[Floats]:
        """Weights [some draws, rows] of the given rows, chunk by chunk."""
        places = self.account[rows]
        for start in range(0, len(self.weights), CHUNK):
            yield self.weights[start : start + CHUNK, places].astype(np.float64)

    def among(self, mask: Labels) -> "Draws":
        """The same draws of a part of the rows."""
        return Draws(self.weights, self.account[mask])


def draws_of(accounts: npt.NDArray[np.str_], *, seed: int, draws: int = RESAMPLES) -> Draws:
    """Draws of as many accounts as there are."""
    names, account = np.unique(accounts, return_inverse=True)
    rng, count = np.random.default_rng(seed), len(names)
    weights = np.zeros((draws, count), dtype=np.uint16)
    for draw in weights if count else ():
        draw[:] = np.bincount(rng.integers(count, size=count), minlength=count)
    return Draws(weights, account.astype(np.int64))


def auc_rocs(y: Labels, score: Floats, draws: Draws) -> Floats:
    """The area under the ROC curve in each draw, ties count half; NaN where a draw lacks a class."""
    order, starts = _ties(score)
    if not len(order):
        return np.full(len(draws.weights), np.nan)
    found = []
    for weight in draws.of_rows(order):
        above = np.add.reduceat(weight * y[order], starts, axis=1)
        below = np.add.reduceat(weight * ~y[order], starts, axis=1)
        pairs = above.sum(axis=1) * below.sum(axis=1)
        won = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
        found.append(_divided(won, pairs))
    return np.concatenate(found)


def auc_prs(y: Labels, score: Floats, draws: Draws) -> Floats:
    """The average precision in each draw; NaN in one without positives."""
    order, starts = _ties(-score)
    if not len(order):
        return np.full(len(draws.weights), np.nan)
    found = []
    for weight in draws.of_rows(order):
        hits = np.add.reduceat(weight * y[order], starts, axis=1)
        rows = np.cumsum(np.add.reduceat(weight, starts, axis=1), axis=1)
        precision = np.cumsum(hits, axis=1) / np.maximum(rows, 1)
        found.append(_divided((hits * precision).sum(axis=1), hits.sum(axis=1)))
    return np.concatenate(found)


def interval(values: Floats, level: float = LEVEL) -> Interval:
    """The central interval of the draws that could be measured (percentile bootstrap); None without any."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def known(value: float) -> float | None:
    """None for NaN: what could not be measured."""
    return None if np.isnan(value) else float(value)


def _ties(score: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows by rising score, and where the next score begins."""
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    is_first: np.ndarray[Any, np.dtype[np.bool_]] = np.append(True, ranked[1:] != ranked[:-1])
    return order, np.flatnonzero(is_first[: len(order)])


def _divided(above: Floats, below: Floats) -> Floats:
    found: Floats = np.full(len(above), np.nan)
    np.divide(above, below, out=found, where=below > 0)
    return found
