"""What an account's episodes have done, newest first, reading no more ledgers than are asked for."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stemtide.dunning.episode import Episode
from stemtide.dunning.ledger import Entry
from stemtide.dunning.telling import Told, told
from stemtide.plays.timeline import told as told_of_play
from stemtide.store.episode_rows import AllEpisodes, AnyRow, episode_key


class OfEpisode(NamedTuple):
    """Something that an episode did; by `at_ms` and `row` they are in order."""

    at_ms: int
    row: str
    episode: str
    told: Told


def newest_first(table: AllEpisodes, account: str, *, until_ms: int | None) -> Iterator[OfEpisode]:
    """What was done up to an instant (None: all).

    Nothing follows an episode's end: so a ledger is read when its end is reached, not before.

    Raises:
        UnavailableError: no answer.
    """
    waiting = sorted(table.of_account(account), key=_end)
    if until_ms is not None:
        waiting = [one for one in waiting if one.opened_ms <= until_ms]
    ready: list[OfEpisode] = []
    while waiting or ready:
        while waiting and (not ready or _end(waiting[-1]) >= ready[-1].at_ms):
            ready = sorted([*ready, *_rows(table, waiting.pop(), until_ms)], key=lambda row: row[:2])
        if ready:
            yield ready.pop()


def _rows(table: AllEpisodes, listed: AnyRow, until_ms: int | None) -> Sequence[OfEpisode]:
    found = table.read(listed.id)
    if found is None:
        return ()
    return [
        OfEpisode(one.at_ms, f"{episode_key(listed.id)}#{one.seq:06d}", listed.id, one)
        for one in _told(*found)
        if until_ms is None or one.at_ms <= until_ms
    ]


def _told(row: AnyRow, entries: Sequence[Entry]) -> Iterator[Told]:
    return told(row, entries) if isinstance(row, Episode) else told_of_play(row, entries)


def _end(episode: AnyRow) -> float:
    return float("inf") if episode.ended_ms is None else episode.ended_ms
