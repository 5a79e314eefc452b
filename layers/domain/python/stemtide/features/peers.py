"""Ranks among peers, who are the customers of the same age on the same day, and percentiles among all.

The kernel sees one account; who its peers are is known only when all customers of a day have been looked at.
So their vectors are made first, the table of the day is made of these, and the ranks are filled in. Training
does the same for each snapshot: of all who are customers on that day, whoever the target looks at
(`models.cohort_ranks`). What is scored between two nights is ranked by the last night's table, which the
kernel is given (`Basis.cohorts`): the same arithmetic, the same bits. A place is a share of a table's rounded
quantiles, not a count of accounts; see `cohorts.RANK_ERROR`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from stemtide.features.cohorts import Cohorts, Floats, age_among_peers, cohorts_of, percentile, rank

AGE: Final = "account_age_days"
KNOWN_DAYS: Final = "history_days"
"""Stands in for an unknown age: who was first seen at the same time is a peer as well."""
RANKED: Final[Mapping[str, str]] = {
    "events_rank": "avg_events_30d",
    "users_rank": "avg_dau_30d",
    "active_days_rank": "active_days_30d",
    "active_days_ew14_rank": "active_days_ew14",
    "active_days_ew30_rank": "active_days_ew30",
}
"""By rank the feature of which it is the rank."""
PLACED: Final[Mapping[str, str]] = {
    "events_percentile": "avg_events_30d",
    "active_days_percentile": "active_days_30d",
    "active_days_ew14_percentile": "active_days_ew14",
    "active_days_ew30_percentile": "active_days_ew30",
    "activity_ew14_percentile": "activity_ew14",
    "longest_gap_percentile": "longest_gap_30d",
    "recency_percentile": "days_since_last_event",
}
"""By percentile the feature of which it is the place among all active customers."""
OF_NOTHING: Final[Mapping[str, float]] = {"longest_gap_30d": 1.0, "days_since_last_event": 1.0}
"""The places of who has never been used, where that is not 0: level with who is worst off of all active."""
SILENCE: Final = "days_since_last_event"
USED_DAYS: Final = "active_days_30d"
"""Tells apart who was used lately from who became known lately, of whom systems told and who never came."""
ACTIVE_DAYS: Final = 30
"""Places are among customers with an event in so many days: those of a course that has ended, or of a
campaign that has failed, would else lift all others for as long as they are customers."""
FILLED_IN: Final = (*RANKED, *PLACED)
"""The features that only a table can tell."""
COLUMNS: Final = tuple(dict.fromkeys((AGE, KNOWN_DAYS, *RANKED.values(), *PLACED.values())))
"""All that a table is made of."""


def table_of(x: Floats, names: Sequence[str]) -> Cohorts:
    """The table of a day, of the vectors [accounts, features] of its customers."""
    active = x[(_column(x, names, SILENCE) < ACTIVE_DAYS) & (_column(x, names, USED_DAYS) > 0)]
    return cohorts_of(
        _ages(x, names),
        {of: _column(x, names, of) for of in RANKED.values()},
        {of: _column(active, names, of) for of in PLACED.values()},
    )


def columns_of(x: Floats, names: Sequence[str]) -> Floats:
    """What a table needs of vectors [accounts, features], in the order of `COLUMNS`."""
    return x[:, [names.index(name) for name in COLUMNS]]


def with_ranks(x: Floats, names: Sequence[str], table: Cohorts | None) -> Floats:
    """The vectors [accounts, features] with their places in a table; None: nobody knows the peers."""
    found = x.copy()
    age = _ages(x, names)
    for name, of in RANKED.items():
        found[:, names.index(name)] = rank(table, of, age, _column(x, names, of))
    known_days = _column(x, names, KNOWN_DAYS)
    for name, of in PLACED.items():
        values, nothing = _column(x, names, of), OF_NOTHING.get(of, 0.0)
        found[:, names.index(name)] = percentile(table, of, values, known_days, of_nothing=nothing)
    return found


def _ages(x: Floats, names: Sequence[str]) -> Floats:
    return age_among_peers(_column(x, names, AGE), _column(x, names, KNOWN_DAYS))


def _column(x: Floats, names: Sequence[str], name: str) -> Floats:
    return np.ascontiguousarray(x[:, names.index(name)])
