"""Opening episodes, waking them when something has happened, and starting again what has stopped.

The row decides: it is written before an execution is started, so a start that is repeated, lost or doubled
leaves one episode; an hourly look starts what has no execution.

    event                     the same event again, or a payment of another invoice that failed
    opens the row
                              opens the row -> refused: it is there, or the customer has one
    starts run 1
                              starts run 1 -> it runs already, which is as good
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from stemtide.config_billing import CollectionOwner
from stemtide.dunning.declines import HOUR_MS
from stemtide.dunning.episode import Episode, episode_id
from stemtide.dunning.ledger import Actor, Entry, Kind
from stemtide.dunning.ports import Episodes
from stemtide.ports import ConflictError

OVERDUE_MS: Final = HOUR_MS
"""So long after the instant that an episode waited for, somebody must have looked at it."""


class Runs(Protocol):
    """The executions of the state machine."""

    def start(self, episode: Episode, /) -> None:
        """Start the episode's run; one of the same name is left as it is."""

    def runs(self, episode: Episode, /) -> bool:
        """Whether the episode's run is under way."""

    def wake(self, token: str, /) -> None:
        """End a wait; one that is over already is left as it is."""


class Kept(Episodes, Protocol):
    """Where episodes are kept, by customer and all that run."""

    def running_of(self, customer: str, /) -> str | None:
        """The id of the episode that runs about a customer."""

    def running(self) -> Iterator[Episode]:
        """The episodes that run."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of an invoice that has failed: whose, which, when (epoch ms, model time)."""

    account: str
    customer: str
    invoice: str
    failed_ms: int


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What an hourly look has found: episodes that run, executions started again, waits ended."""

    running: int = 0
    restarted: int = 0
    woken: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Opens, wakes and restarts; `policy_name` answers which policy an account has, `now_ms` reads the model
    clock."""

    episodes: Kept
    runs: Runs
    owner: CollectionOwner
    policy_name: Callable[[str], str]
    now_ms: Callable[[], int]

    def payment_failed(self, failed: Failed) -> str | None:
        """Open an episode and start it, or wake the one that runs about the customer; its id, None: there was
        one about this invoice, and it is over.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        running = self.episodes.running_of(failed.customer)
        if running is None:
            episode = self._opened(failed)
            first = Entry(
                seq=1,
                at_ms=episode.opened_ms,
                kind=Kind.OPENED,
                actor=Actor.PROVIDER,
                invoice=failed.invoice,
                reason="payment_failed",
            )
            if self.episodes.open(episode, first):
                self.runs.start(episode)
                return episode.id
            running = self.episodes.running_of(failed.customer)
        if running is not None:
            self.happened(failed.customer)
        return running

    def happened(self, customer: str) -> bool:
        """Something has happened to a customer: its episode looks at once; False: none runs.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        running = self.episodes.running_of(customer)
        found = None if running is None else self.episodes.read(running)
        if found is None:
            return False
        episode = found[0]
        self.runs.start(episode)  # it may have died between row and start
        if episode.token is not None:
            self.runs.wake(episode.token)
        return True

    def sweep(self) -> Swept:
        """Start again what has no execution, and wake what should have looked by now.

        Raises:
            UnavailableError: outcome unknown; the same again goes on.
        """
        running = restarted = woken = 0
        for listed in self.episodes.running():
            found = self.episodes.read(listed.id)
            if found is None or found[0].is_over:
                continue
            episode = found[0]
            running += 1
            if not self.runs.runs(episode):
                restarted += self._restart(episode)
            elif self._is_overdue(episode) and episode.token is not None:
                self.runs.wake(episode.token)
                woken += 1
        return Swept(running=running, restarted=restarted, woken=woken)

    def wait(self, episode_id: str, token: str) -> None:
        """Keep the token that wakes an episode.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        while (found := self.episodes.read(episode_id)) is not None and not found[0].is_over:
            try:
                self.episodes.append(msgspec.structs.replace(found[0], token=token), [])
            except ConflictError:
                continue  # somebody else has moved on: over what he wrote
            return

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

    def _restart(self, episode: Episode) -> int:
        """Begin another run, under a name that was never used; 0 if somebody else has."""
        again = msgspec.structs.replace(episode, run=episode.run + 1, token=None)
        try:
            kept = self.episodes.append(again, [])
        except ConflictError:
            return 0
        self.runs.start(kept)
        return 1

    def _is_overdue(self, episode: Episode) -> bool:
        return episode.next_ms is not None and episode.next_ms + OVERDUE_MS < self.now_ms()
