"""Whether those who left were learnt from.

Who takes the accounts of today and looks at their past has no account that left: the survivors. Then hardly
anything, and of a churn target nothing at all, is left to learn. The honest reading of an `auc_without` of
None is that, not 'no difference'; where a few positives remain (accounts that fell silent and came back, or
upgraded and stayed) they are those that one loses nothing by.
"""

from collections.abc import Collection

import numpy as np

from models import measures
from models.dataset import Dataset
from models.evidence import Survivorship
from models.material import Material
from models.refit import REFITS, Refit, refitted
from models.resampling import known
from models.segments import left_on


def survivorship(
    fit: Dataset, test: Dataset, refit: Refit, *, left: Collection[str], seed: int, refits: int = REFITS
) -> Survivorship:
    """The check of a model fitted on `fit`.

    Args:
        left: the accounts that left by the end of the test rows' horizons; see `leavers`.
    """
    everybody = np.unique(np.concatenate([fit.accounts, test.accounts]))
    gone = np.isin(fit.accounts, sorted(leavers_in_fit(fit, test, left)))
    stayed = fit.where(~gone)
    scores = refitted(refit, stayed, test, seed=seed, refits=refits) if len(stayed) else []
    aucs = [measures.auc_roc(test.y, score) for score in scores]
    return Survivorship(
        accounts=len(everybody),
        left=int(np.isin(everybody, sorted(left)).sum()),
        left_in_fit=len(np.unique(fit.accounts[gone])),
        rows_of_left_in_fit=int(gone.sum()),
        base_rate=float(fit.y.mean()),
        base_rate_without=float(stayed.y.mean()) if len(stayed) else None,
        auc_without=known(float(np.mean(aucs))) if aucs else None,
    )


def leavers(fit: Dataset, test: Dataset, material: Material | None) -> frozenset[str]:
    """The accounts that left: with subscriptions those whose last base term ran out, else those whose story
    ends with the target, so that no later snapshot looks at them without it."""
    accounts = np.concatenate([fit.accounts, test.accounts])
    if material is not None and material.terms:
        return frozenset(one for one in np.unique(accounts).tolist() if left_on(material, one) is not None)
    day, y = np.concatenate([fit.day, test.day]), np.concatenate([fit.y, test.y])
    order = np.lexsort((day, accounts))
    names, last = np.unique(accounts[order][::-1], return_index=True)
    return frozenset(names[y[order][::-1][last]].tolist())


def leavers_in_fit(fit: Dataset, test: Dataset, left: Collection[str]) -> frozenset[str]:
    """Those of the leavers who were gone when the test began: nobody looks at them any more."""
    return frozenset(np.unique(fit.accounts).tolist()) & frozenset(left) - frozenset(
        np.unique(test.accounts).tolist()
    )
