"""An episode: one run of dunning about one customer, from the first failed payment to its end, forever one.

Its row is the truth; the state machine's execution only moves it along.
"""

from hashlib import blake2b
from typing import Final

import msgspec

from stemtide.config_billing import CollectionOwner
from stemtide.dunning.decide import Ending

JOURNEY: Final = "dunning"
ID_BYTES: Final = 12


class Episode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The row. Times in epoch ms of model time.

    `anchor` is the invoice that it was opened for, `started_ms` when that one's payment first failed, `seq`
    the number of its last ledger entry. `run` counts the executions that have moved it along: a name is used
    once. `next_reason` and `next_ms` tell what it waits for and until when, `token` wakes it, `busy_ms` is
    until when one step alone may act (see `steps`). `version` grows with every write.
    """

    id: str
    account: str
    customer: str
    anchor: str
    policy: str
    owner: CollectionOwner
    started_ms: int
    opened_ms: int
    seq: int = 0
    run: int = 1
    version: int = 0
    next_reason: str | None = None
    next_ms: int | None = None
    token: str | None = None
    busy_ms: int = 0
    ended_ms: int | None = None
    ending: Ending | None = None
    ending_reason: str | None = None

    @property
    def execution(self) -> str:
        """The name of the execution that moves it along."""
        return f"{self.id}-{self.run}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more is done about it."""
        return self.ended_ms is not None


def episode_id(customer: str, invoice: str) -> str:
    """24 hex digits that follow from the customer and the invoice that it is opened for."""
    parts = msgspec.json.encode([JOURNEY, customer, invoice])
    return blake2b(parts, digest_size=ID_BYTES).hexdigest()
