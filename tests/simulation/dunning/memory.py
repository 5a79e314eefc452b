"""Episodes in memory, as the table keeps them (contract: tests/integration/dunning)."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
from stemtide.dunning.episode import Episode
from stemtide.dunning.ledger import Entry
from stemtide.ports import ConflictError


class MemoryEpisodes:
    """`dunning.keeping.Kept`; `step` is called before and after each call with its name."""

    def __init__(self, step: Callable[[str, str], None] = lambda _, __: None) -> None:
        self._rows: dict[str, Episode] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._running: dict[str, str] = {}
        self._step = step

    def read(self, episode_id: str, /) -> tuple[Episode, list[Entry]] | None:
        self._step("read_episode", "before")
        found = self._rows.get(episode_id)
        return None if found is None else (found, list(self._entries[episode_id]))

    def open(self, episode: Episode, first: Entry, /) -> bool:
        self._step("open_episode", "before")
        if episode.id in self._rows or episode.customer in self._running:
            return False
        self._rows[episode.id] = msgspec.structs.replace(episode, seq=first.seq, version=1)
        self._entries[episode.id] = [first]
        self._running[episode.customer] = episode.id
        self._step("open_episode", "after")
        return True

    def append(self, episode: Episode, entries: Sequence[Entry], /) -> Episode:
        self._step("append", "before")
        if self._rows[episode.id].version != episode.version:
            raise ConflictError("another write was first")
        seq = max((entry.seq for entry in entries), default=episode.seq)
        kept = msgspec.structs.replace(episode, seq=seq, version=episode.version + 1)
        self._rows[episode.id] = kept
        self._entries[episode.id] += entries
        if kept.is_over:
            self._running.pop(episode.customer, None)
        self._step("append", "after")
        return kept

    def running_of(self, customer: str, /) -> str | None:
        return self._running.get(customer)

    def running(self) -> Iterator[Episode]:
        return iter([one for one in self._rows.values() if not one.is_over])

    def keep(self, episode: Episode, first: Entry) -> None:
        """Keep an episode whatever there is (a broken design)."""
        self._rows[episode.id] = msgspec.structs.replace(episode, seq=first.seq, version=1)
        self._entries[episode.id] = [first]

    def all(self) -> list[tuple[Episode, list[Entry]]]:
        """Every episode with its ledger."""
        return [(row, self._entries[row.id]) for row in self._rows.values()]
