"""Opening dunning episodes: when the payment of an invoice has failed.

The row decides (see `stemtide.runs`):

    event                     the same event again, or a payment of another invoice that failed
    opens the row
                              opens the row -> refused: it is there, or the customer has one
    starts run 1
                              starts run 1 -> it runs already, which is as good
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from stemtide.config_billing import CollectionOwner
from stemtide.dunning.episode import Episode, episode_id
from stemtide.dunning.ledger import Actor, Entry, Kind
from stemtide.dunning.ports import Episodes
from stemtide.ports import ConflictError
from stemtide.runs import Rows, RunKeeper


class Kept(Episodes, Rows[Episode], Protocol):
    """Where episodes are kept, by customer and all that run."""

    def running_of(self, customer: str, /) -> str | None:
        """The id of the episode that runs about a customer."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of an invoice that has failed: whose, which, when (epoch ms, model time)."""

    account: str
    customer: str
    invoice: str
    failed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper(RunKeeper[Episode]):
    """Opens, wakes and restarts; `policy_name` answers which policy an account has."""

    episodes: Kept
    owner: CollectionOwner
    policy_name: Callable[[str], str]

    def payment_failed(self, failed: Failed) -> str | None:
        """Open an episode and start it, or wake the one that runs about the customer; its id, None: there was
        one about this invoice, and it is over.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        while True:
            running = self.episodes.running_of(failed.customer)
            if running is not None and self._noted(running):
                self.look(running)
                return running
            if running is None:
                episode, first = self._opened(failed), _opening(failed, self.now_ms())
                if self.episodes.open(episode, first):
                    self.runs.start(episode)
                    return episode.id
                found = self.episodes.read(episode.id)
                if found is not None and found[0].is_over:
                    return None

    def _noted(self, row_id: str) -> bool:
        """Whether the row runs, and whoever is about to end it must look again: its version is another now.

        the episode's step                     another invoice's payment
        reads: all is paid
                                               fails
        ends the row -> refused: looks again   writes the row
        """
        while (found := self.episodes.read(row_id)) is not None and not found[0].is_over:
            try:
                self.episodes.append(found[0], [])
            except ConflictError:
                continue
            return True
        return False

    def happened(self, customer: str) -> bool:
        """Something has happened to a customer: its episode looks at once; False: none runs.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        running = self.episodes.running_of(customer)
        return running is not None and self.look(running)

    def _opened(self, failed: Failed) -> Episode:
        return Episode(
            id=episode_id(failed.customer, failed.invoice),
            account=failed.account,
            customer=failed.customer,
            anchor=failed.invoice,
            policy=self.policy_name(failed.account),
            owner=self.owner,
            started_ms=failed.failed_ms,
            opened_ms=self.now_ms(),
        )


def _opening(failed: Failed, at_ms: int) -> Entry:
    return Entry(
        seq=1,
        at_ms=at_ms,
        kind=Kind.OPENED,
        actor=Actor.PROVIDER,
        invoice=failed.invoice,
        reason="payment_failed",
    )
