"""Plays: one of a journey at a time, another no sooner than allowed; an outcome comes with its label."""

from typing import Any

import msgspec
import pytest
from stemtide.as_of import as_of_text
from stemtide.calls import DAY_MS
from stemtide.domain_events import event_of
from stemtide.dunning.ledger import Entry, Kind, whole
from stemtide.plays.labels import Label
from stemtide.plays.play import Journey, Outcome, Play
from stemtide.plays.told import CsmTaskRaised
from stemtide.ports import ConflictError
from stemtide.store.episodes import EpisodeTable
from stemtide.store.plays import PlayTable
from stemtide.table_stream import Change

from tests.dunning_episodes import FIRST as DUNNED
from tests.dunning_episodes import episode
from tests.plays import RETENTION, START, WIN_BACK, driver

FIRST = Entry(seq=1, at_ms=START, kind=Kind.OPENED, reason="unpaid")
LABEL = Label(
    play=WIN_BACK.id,
    account="acme",
    journey=Journey.WIN_BACK,
    policy="unpaid",
    outcome=Outcome.LOST,
    started_ms=START,
    from_ms=START,
    at_ms=START + 60 * DAY_MS,
    known_ms=START + 60 * DAY_MS,
    reason="time_is_up",
)


def another(play: Play, number: int, *, opened_ms: int) -> Play:
    """A later play of the same account and journey."""
    return msgspec.structs.replace(play, id=f"{number:024x}", opened_ms=opened_ms)


def opened(plays: PlayTable, play: Play) -> Play:
    assert plays.open(play, FIRST)
    return read(plays, play.id)[0]


def read(plays: PlayTable, play_id: str) -> tuple[Play, list[Entry]]:
    found = plays.read(play_id)
    assert found is not None
    return found


def over(play: Play, outcome: Outcome = Outcome.LOST) -> Play:
    return msgspec.structs.replace(play, ended_ms=LABEL.known_ms, outcome=outcome, outcome_ms=LABEL.at_ms)


def entry(play: Play, kind: Kind, **told: Any) -> Entry:
    return Entry(seq=play.seq + 1, at_ms=START, kind=kind, **told)


def test_a_play_is_opened_once_and_read_back_with_its_ledger(plays: PlayTable) -> None:
    held = opened(plays, WIN_BACK)

    again = plays.open(WIN_BACK, FIRST)
    held = plays.append(held, [entry(held, Kind.MAIL, step="hello")])

    assert not again
    assert read(plays, WIN_BACK.id)[0] == held
    assert [one.kind for one in whole(read(plays, WIN_BACK.id)[1])] == ["opened", "mail"]
    assert plays.running_of("acme", Journey.WIN_BACK) == WIN_BACK.id
    assert [one.id for one in plays.running()] == [WIN_BACK.id]


def test_an_account_has_one_play_of_a_journey_and_may_have_one_of_each(plays: PlayTable) -> None:
    opened(plays, WIN_BACK)

    second = plays.open(another(WIN_BACK, 2, opened_ms=START + DAY_MS), FIRST)
    other_journey = plays.open(RETENTION, FIRST)
    other_account = plays.open(
        msgspec.structs.replace(another(WIN_BACK, 3, opened_ms=START), account="initech"), FIRST
    )

    assert (second, other_journey, other_account) == (False, True, True)


def test_after_its_end_another_may_begin_but_no_sooner_than_it_says(plays: PlayTable) -> None:
    held = opened(plays, WIN_BACK)
    plays.append(over(held), [entry(held, Kind.ENDED)], label=LABEL)

    early = plays.open(another(WIN_BACK, 2, opened_ms=WIN_BACK.again_ms - 1), FIRST)
    between = plays.running_of("acme", Journey.WIN_BACK)
    on_time = plays.open(another(WIN_BACK, 3, opened_ms=WIN_BACK.again_ms), FIRST)
    once_more = plays.open(another(WIN_BACK, 4, opened_ms=WIN_BACK.again_ms), FIRST)

    assert (early, between, on_time, once_more) == (False, None, True, False)
    assert plays.running_of("acme", Journey.WIN_BACK) == f"{3:024x}"


def test_a_play_that_was_opened_too_soon_leaves_no_row(plays: PlayTable) -> None:
    opened(plays, WIN_BACK)

    assert not plays.open(another(WIN_BACK, 2, opened_ms=START + DAY_MS), FIRST)

    assert plays.read(f"{2:024x}") is None


def test_an_outcome_its_label_and_the_end_of_the_guard_come_together_or_not_at_all(plays: PlayTable) -> None:
    held = opened(plays, WIN_BACK)
    plays.append(held, [entry(held, Kind.MAIL, step="hello")])

    with pytest.raises(ConflictError):
        plays.append(over(held), [entry(held, Kind.ENDED)], label=LABEL)  # by an older version
    before = list(plays.labels_of("2026-03")), plays.running_of("acme", Journey.WIN_BACK)
    now = read(plays, WIN_BACK.id)[0]
    plays.append(over(now), [entry(now, Kind.ENDED)], label=LABEL)

    assert before == ([], WIN_BACK.id)
    [(place, label)] = plays.labels_of("2026-03")
    assert label == LABEL
    assert place == f"{as_of_text(LABEL.known_ms)}#{WIN_BACK.id}"
    assert list(plays.labels_of("2026-03", after=place)) == []
    assert list(plays.running()) == []


def test_runs_of_dunning_and_plays_lie_in_one_table_and_do_not_meet(plays: PlayTable, table: Any) -> None:
    dunning = EpisodeTable(table)
    assert dunning.open(episode(account="acme"), DUNNED)
    opened(plays, WIN_BACK)

    assert [one.id for one in plays.running()] == [WIN_BACK.id]
    assert [one.id for one in dunning.running()] == [episode().id]
    assert plays.read(episode().id) is None
    assert dunning.read(WIN_BACK.id) is None
    assert [one.id for one in plays.of_account("acme")] == [WIN_BACK.id]


def test_a_task_is_in_the_row_as_the_tables_stream_tells_it(plays: PlayTable, table: Any) -> None:
    held = opened(plays, RETENTION)
    task = entry(held, Kind.TASK, step="task", csm="carla@example.com", score=60, drivers=(driver(),))

    plays.append(held, [task])

    [row] = [item for item in table.scan()["Items"] if item["sk"] == "ledger#000002"]
    keys = {name: row[name] for name in ("pk", "sk")}
    told = event_of(Change(sequence="1", event="INSERT", keys=keys, new=row, old=None))
    assert isinstance(told, CsmTaskRaised)
    assert (told.episode, told.step, told.score, told.tier) == (RETENTION.id, "task", 60, "high")
    assert read(plays, RETENTION.id)[1][1] == task
