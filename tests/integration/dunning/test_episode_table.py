"""Episodes: opened once, moved along under the version that was read, a ledger without a gap."""

import msgspec
import pytest
from stemtide.dunning.decide import Ending
from stemtide.dunning.episode import Episode, episode_id
from stemtide.dunning.ledger import Kind, whole
from stemtide.ports import ConflictError
from stemtide.store.episodes import EpisodeTable

from tests.dunning_episodes import FIRST, NOW, entry, episode


def opened(episodes: EpisodeTable, one: Episode) -> Episode:
    assert episodes.open(one, FIRST)
    found = episodes.read(one.id)
    assert found is not None
    return found[0]


def test_an_episode_is_read_back_with_its_ledger(episodes: EpisodeTable) -> None:
    held = opened(episodes, episode())

    held = episodes.append(held, [entry(2), entry(3)])

    assert episodes.read(held.id) == (held, [FIRST, entry(2), entry(3)])
    assert (held.seq, held.version) == (3, 2)


def test_an_unknown_episode_is_none(episodes: EpisodeTable) -> None:
    assert episodes.read("0" * 24) is None


def test_a_second_start_opens_nothing(episodes: EpisodeTable) -> None:
    opened(episodes, episode())

    assert not episodes.open(episode(), FIRST)


def test_the_same_invoice_never_opens_another_episode_not_even_after_its_end(episodes: EpisodeTable) -> None:
    held = opened(episodes, episode())
    over = msgspec.structs.replace(held, ended_ms=NOW, ending=Ending.RECOVERED)
    episodes.append(over, [entry(2, Kind.ENDED)])

    assert not episodes.open(episode(opened_ms=NOW + 91 * 86_400_000), FIRST)


def test_a_customer_has_one_episode_at_a_time_and_another_after_its_end(episodes: EpisodeTable) -> None:
    held = opened(episodes, episode("in_1"))

    while_running = episodes.open(episode("in_2"), FIRST)
    over = msgspec.structs.replace(held, ended_ms=NOW, ending=Ending.RECOVERED)
    episodes.append(over, [entry(2, Kind.ENDED)])
    afterwards = episodes.open(episode("in_2"), FIRST)

    assert (while_running, afterwards) == (False, True)
    assert episodes.running_of("cus_1") == episode_id("cus_1", "in_2")


def test_who_read_an_older_version_writes_nothing(episodes: EpisodeTable) -> None:
    held = opened(episodes, episode())
    episodes.append(held, [entry(2)])

    with pytest.raises(ConflictError):
        episodes.append(held, [entry(2, Kind.CHARGE_CLAIMED)])

    found = episodes.read(held.id)
    assert found is not None
    assert [one.kind for one in whole(found[1])] == [Kind.OPENED, Kind.MAIL]


def test_those_that_run_are_listed_and_those_of_an_account(episodes: EpisodeTable) -> None:
    first = opened(episodes, episode("in_1", "cus_1"))
    second = opened(episodes, episode("in_2", "cus_2", opened_ms=NOW + 1))
    episodes.append(msgspec.structs.replace(first, ended_ms=NOW, ending=Ending.HELD), [entry(2, Kind.ENDED)])

    assert [one.id for one in episodes.running()] == [second.id]
    assert [one.id for one in episodes.of_account("acme")] == [second.id, first.id]


def test_the_ledger_of_a_day_comes_in_order_over_all_episodes(episodes: EpisodeTable) -> None:
    first = opened(episodes, episode("in_1", "cus_1", "acme"))
    second = opened(episodes, episode("in_2", "cus_2", "beta"))
    episodes.append(second, [entry(2, at_ms=NOW + 2)])
    episodes.append(first, [entry(2, at_ms=NOW + 1), entry(3, at_ms=NOW + 86_400_000)])

    found = [(account, one.seq) for account, _, one in episodes.ledger_of("2026-01-05")]

    assert found[2:] == [("acme", 2), ("beta", 2)]
    assert sorted(found[:2]) == [("acme", 1), ("beta", 1)]
    assert [one.seq for _, _, one in episodes.ledger_of("2026-01-06")] == [3]


def test_a_token_is_kept_with_what_the_episode_waits_for(episodes: EpisodeTable) -> None:
    held = opened(episodes, episode())

    waiting = episodes.append(
        msgspec.structs.replace(held, token="t", next_ms=NOW + 5, next_reason="retry"), []
    )

    assert episodes.read(held.id) == (waiting, [FIRST])
