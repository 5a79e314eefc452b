"""The model's quality in parts of the rows: does it serve the young, the small and the new as well?"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from stemtide.features.cohorts import AGE_EDGES
from stemtide.features.view import Floats

from models import measures
from models.dataset import Dataset
from models.evidence import Subgroup
from models.resampling import Draws, auc_rocs, interval, known

TERCILES: Final = (1 / 3, 2 / 3)
UNKNOWN: Final = "unknown"
Plans: TypeAlias = tuple[list[str], npt.NDArray[np.str_]]
"""The plans' names in order, and each row's."""
Labelled: TypeAlias = tuple[str, list[str], npt.NDArray[np.str_]]
"""What the rows are divided by, the parts' names in order, and each row's."""


def subgroups(
    fit: Dataset,
    test: Dataset,
    p: Floats,
    draws: Draws,
    *,
    plans: Plans | None = None,
    same_accounts: bool = True,
) -> tuple[Subgroup, ...]:
    """Each division of the test rows by something that more than one part of them has.

    Args:
        p: the probabilities of the test rows.
        draws: of the test rows' accounts.
        plans: each test row's plan; None without subscriptions.
        same_accounts: whether a name means the same account in both.
    """
    found = []
    for by, names, label in _divisions(fit, test, plans, same_accounts=same_accounts):
        present = [name for name in names if (label == name).any()]
        if len(present) > 1:
            found += [_part(by, name, test, p, draws, label == name) for name in present]
    return tuple(found)


def _divisions(
    fit: Dataset, test: Dataset, plans: Plans | None, *, same_accounts: bool
) -> Iterator[Labelled]:
    yield _banded("tenure, days", list(AGE_EDGES), _tenure(test))
    yield _banded("MRR", terciles(_column(fit, "mrr")), _column(test, "mrr"))
    if plans is not None:
        yield "plan", *plans
    if same_accounts:
        seen = np.isin(test.accounts, np.unique(fit.accounts))
        yield "account", ["fitted on", "new"], np.where(seen, "fitted on", "new")
    known_share = 100 * (~np.isnan(test.x)).mean(axis=1)
    yield _banded("features known, %", terciles(100 * (~np.isnan(fit.x)).mean(axis=1)), known_share)


def terciles(values: Floats) -> list[float]:
    """The values that divide the known ones into thirds; fewer where they are equal."""
    known_ones = values[~np.isnan(values)]
    if not len(known_ones):
        return []
    cuts = np.unique(np.quantile(known_ones, TERCILES, method="higher"))
    return [float(cut) for cut in cuts if cut > known_ones.min()]


def _banded(by: str, edges: Sequence[float], values: Floats) -> Labelled:
    """Bands that begin at the edges, with the unknown last."""
    shown = [f"{edge:,.6g}" if edge == round(edge) else f"{edge:,.3g}" for edge in edges]
    names = ["all"]
    if edges:
        between = [f"{low} to {high}" for low, high in pairwise(shown)]
        names = [f"under {shown[0]}", *between, f"{shown[-1]} and more"]
    places = np.searchsorted(np.asarray(edges, dtype=np.float64), values, side="right")
    label = np.where(np.isnan(values), UNKNOWN, np.array([*names, UNKNOWN])[np.minimum(places, len(edges))])
    return by, [*names, UNKNOWN], label


def _tenure(rows: Dataset) -> Floats:
    """Since when it is a customer, else since when it exists."""
    tenure = _column(rows, "tenure_days")
    return np.where(np.isnan(tenure), _column(rows, "account_age_days"), tenure)


def _column(rows: Dataset, name: str) -> Floats:
    return rows.x[:, rows.names.index(name)]


def _part(by: str, name: str, test: Dataset, p: Floats, draws: Draws, mask: measures.Labels) -> Subgroup:
    y, own = test.y[mask], p[mask]
    return Subgroup(
        by=by,
        name=name,
        rows=len(y),
        positives=int(y.sum()),
        auc_roc=known(measures.auc_roc(y, own)),
        auc_roc_ci=interval(auc_rocs(y, own, draws.among(mask))),
        predicted=float(own.mean()),
        observed=float(y.mean()),
    )
