"""Ranks among accounts of the same age: of the rows that are learnt from, for them and for later ones."""

from dataclasses import replace

import numpy as np
from stemtide.features.cohorts import Cohorts, cohorts_of, rank
from stemtide.features.long_features import RANKED
from stemtide.features.view import Floats

from models.dataset import Dataset

AGE = "account_age_days"
RANKS = {"avg_events_30d": "events_rank", "avg_dau_30d": "users_rank", "active_days_30d": "active_days_rank"}
"""The rank's feature by the ranked one's."""


def cohorts_in(fit: Dataset) -> Cohorts:
    """The cohorts that rows make."""
    return cohorts_of(_column(fit, AGE), {name: _column(fit, name) for name in RANKED})


def ranked(rows: Dataset, cohorts: Cohorts) -> Dataset:
    """The rows with their ranks among cohorts, as the kernel gives them where these are known."""
    x = rows.x.copy()
    for name, own in RANKS.items():
        x[:, rows.names.index(own)] = rank(cohorts, name, _column(rows, AGE), _column(rows, name))
    return replace(rows, x=x)


def _column(rows: Dataset, name: str) -> Floats:
    column: Floats = np.ascontiguousarray(rows.x[:, rows.names.index(name)])
    return column
