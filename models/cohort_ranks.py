"""Ranks among the peers of a snapshot: what a nightly run does for its customers, for each day of rows."""

from collections.abc import Sequence

import numpy as np
from stemtide.features import peers
from stemtide.features.view import Floats

from models.targets import Ints


def with_ranks_by_day(x: Floats, names: Sequence[str], day: Ints) -> Floats:
    """The rows with their ranks among those of the same snapshot. No row of another day has a part in it."""
    found = x.copy()
    for one in np.unique(day):
        places = np.flatnonzero(day == one)
        own = x[places]
        found[places] = peers.with_ranks(own, names, peers.table_of(own, names))
    return found
