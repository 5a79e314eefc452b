"""Feature vectors at snapshots, with ranks among the peers of the day: what a night makes of its customers.

A night ranks among all customers of its day, whoever a target looks at. So does this: everybody who is a
customer on the day makes the table, by the night's own functions, and the rows that are asked for are ranked.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from stemtide.as_of import end_of_day_ms
from stemtide.extraction import peer_part, peer_table
from stemtide.features import peers
from stemtide.features.kernel import no_history
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import registry
from stemtide.features.usage_at import last_active_day
from stemtide.features.view import Floats
from stemtide.profile import is_customer

from models.histories import feature_matrix
from models.material import Material
from models.targets import Ints


def matrix_of_snapshots(material: Material, accounts: npt.NDArray[np.str_], day: Ints) -> Floats:
    """Feature values [rows, features] of accounts, each at the end of its day.

    Days are worked off one after the other: no more vectors than a day has customers are held besides.
    """
    found = np.empty((len(day), len(registry(Basis.of(material.config).shape).features)))
    for one in np.unique(day).tolist():
        places = np.flatnonzero(day == one)
        found[places] = _of_day(material, accounts[places].tolist(), one)
    return found


def customers_at(material: Material, day: int) -> list[str]:
    """Whom a night as of the end of a day scores, in the order of their names."""
    as_of_ms, nobody = end_of_day_ms(day), no_history(Basis.of(material.config).shape)
    return [
        account
        for account in sorted({*material.histories, *material.facts})
        if is_customer(
            material.standing_at(account, as_of_ms).profile,
            last_active_day=last_active_day(material.histories.get(account, nobody), day),
            as_of_ms=as_of_ms,
        )
    ]


def _of_day(material: Material, wanted: Sequence[str], day: int) -> Floats:
    basis, as_of_ms = Basis.of(material.config), end_of_day_ms(day)
    names = registry(basis.shape).names
    customers = customers_at(material, day)
    place_of = {account: place for place, account in enumerate(dict.fromkeys([*customers, *wanted]))}
    pairs = [(account, as_of_ms) for account in place_of]
    x = feature_matrix(material.histories, material.standing_at, pairs, basis=basis)
    table = peer_table([peer_part(x[: len(customers)], names)])
    return peers.with_ranks(x[[place_of[account] for account in wanted]], names, table)
