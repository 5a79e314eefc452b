"""Runs of dunning in the episodes table; a customer has one at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from stemtide.dunning.episode import JOURNEY, Episode
from stemtide.dunning.ledger import Entry
from stemtide.store.episode_rows import NEW, EpisodeRows


class EpisodeTable(EpisodeRows[Episode]):
    """`dunning.ports.Episodes` on the episodes table."""

    types: ClassVar[Mapping[str, type[Any]]] = {JOURNEY: Episode}

    def open(self, episode: Episode, first: Entry, /) -> bool:
        """Keep a new episode with its first entry; False: it is there, or its customer has one that runs.

        Raises:
            UnavailableError: outcome unknown; the same again changes nothing.
        """
        guard = {**_guard_key(episode.customer), "episode": episode.id}
        return self._open(
            episode, first, {"TableName": self._name, "Item": guard, "ConditionExpression": NEW}
        )

    def append(self, episode: Episode, entries: Sequence[Entry], /) -> Episode:
        """See `EpisodeRows.append`; the end of an episode makes room for the customer's next."""
        free = {"Delete": {"TableName": self._name, "Key": _guard_key(episode.customer)}}
        return self._append(episode, entries, [free] if episode.is_over else [])

    def running_of(self, customer: str) -> str | None:
        """The id of the episode that runs about a customer.

        Raises:
            UnavailableError: no answer.
        """
        found = self._get(_guard_key(customer))
        return None if found is None else str(found["episode"])


def _guard_key(customer: str) -> dict[str, str]:
    return {"pk": f"customer#{customer}", "sk": JOURNEY}
