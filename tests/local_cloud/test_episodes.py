"""Episodes under parallel writers, on the local cloud: its transactions are all or nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import msgspec
import pytest
from stemtide import tables
from stemtide.dunning.ledger import whole
from stemtide.ports import ConflictError, ThrottledError
from stemtide.store.episode_ledger import read_page
from stemtide.store.episode_rows import LEDGER_ROWS
from stemtide.store.episodes import EpisodeTable

from tests.domain_tables import create
from tests.dunning_episodes import FIRST, NOW, entry, episode
from tests.local_cloud.emulator_process import Emulator


@pytest.fixture(scope="module")
def episodes(emulator: Emulator) -> EpisodeTable:
    """The episodes table on the emulator."""
    resource: Any = emulator.dynamodb()
    create(resource.meta.client, tables.EPISODES)
    return EpisodeTable(resource.Table(tables.EPISODES.role))


def test_a_hundred_parallel_starts_open_one_episode(episodes: EpisodeTable) -> None:
    def start(_: int) -> bool:
        try:
            return episodes.open(episode("in_par", "cus_par"), FIRST)
        except ThrottledError:  # a transaction met another: the caller comes again
            return False

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(start, range(100)))

    assert found.count(True) == 1


def test_many_that_move_on_at_once_leave_a_ledger_without_a_gap(episodes: EpisodeTable) -> None:
    held = episode("in_many", "cus_many")
    assert episodes.open(held, FIRST)

    def move(_: int) -> bool:
        found = episodes.read(held.id)
        assert found is not None
        try:
            episodes.append(found[0], [entry(found[0].seq + 1)])
        except (ConflictError, ThrottledError):
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        moved = list(threads.map(move, range(60)))

    found = episodes.read(held.id)
    assert found is not None
    assert moved.count(True) > 0
    assert len(whole(found[1])) == 1 + moved.count(True)
    assert found[0].seq == len(found[1])


def test_the_ledger_is_read_in_pages_of_one_request_and_each_episode_is_found(episodes: EpisodeTable) -> None:
    opened_ms = NOW + 40 * 86_400_000
    for n in range(2):
        one = episode(f"in_page{n}", f"cus_page{n}", "paged", opened_ms=opened_ms)
        assert episodes.open(one, msgspec.structs.replace(FIRST, at_ms=opened_ms))
        found = episodes.read(one.id)
        assert found is not None
        held = found[0]
        for start in range(2, LEDGER_ROWS, 50):
            held = episodes.append(held, [entry(seq, at_ms=opened_ms) for seq in range(start, start + 50)])
    day, places, after = date(2026, 2, 14), [], None

    while True:
        rows, after = read_page(episodes, day, day, limit=150, after=after, wanted=lambda _: True)
        places += [(row.episode, row.entry.seq) for row in rows]
        if after is None:
            break

    assert len(places) == 2 * 201
    assert places == sorted(set(places))
    assert {one for one, _ in places} <= set(episodes.ids())
