"""Plays in the routes about episodes: what they did, what they wait for, what came of them."""

from typing import Any, get_args

import msgspec
import pytest
from stemtide.access import GET_EPISODE, LIST_EPISODES, LIST_LEDGER, Route
from stemtide.calls import DAY_MS
from stemtide.dunning.decide import Ending
from stemtide.dunning.ledger import Entry, Kind
from stemtide.http.play_bodies import CameOf, Ends
from stemtide.plays.play import Outcome
from stemtide.store.episodes import EpisodeTable
from stemtide.store.plays import PlayTable

from tests.dunning_episodes import a_life, episode
from tests.http_api import claims_of, get
from tests.integration.http.conftest import Cloud
from tests.played import HOUR, NOW, label_of, mailed, offered, opened, over, retention, win_back

JANUARY = {"from": "2026-01-01", "to": "2026-01-31"}


@pytest.fixture
def plays(cloud: Cloud) -> PlayTable:
    return PlayTable(cloud.table["episodes"])


def read(cloud: Cloud, route: Route, account: str = "acme", **query: str) -> Any:
    reply = cloud.call(get(route, claims=claims_of("[viewer]"), account=account, query=query))
    assert reply.status == 200, reply.body
    return reply.body


def test_a_play_that_brought_a_customer_back_tells_offer_outcome_and_cost(
    cloud: Cloud, plays: PlayTable
) -> None:
    play, back_ms = win_back(), NOW + 12 * DAY_MS
    label = label_of(play, Outcome.REACTIVATED, back_ms, cost=29_400, currency="EUR", treatments=1)
    told = (*offered(2, NOW + 10 * DAY_MS), mailed(4, NOW + 10 * DAY_MS, "offer"))
    over(plays, play, label, *told)

    body = read(cloud, GET_EPISODE, play.id)

    assert (body["journey"], body["policy"], body["cause"], body["held_out"]) == (
        "win_back",
        "unpaid",
        "unpaid",
        False,
    )
    assert (body["state"], body["ending"], body["ending_reason"]) == ("ended", "reactivated", "subscribed")
    assert (body["outcome"], body["outcome_at"]) == ("reactivated", "2026-01-17T09:00:00.000Z")
    assert (body["cost"], body["currency"], body["next_action"]) == (29_400, "EUR", None)
    [offer] = body["offers"]
    assert (offer["state"], offer["percent"], offer["months"], offer["cost"]) == ("made", 20, 3, 29_400)
    assert (offer["code"], offer["expires"]) == ("BACK-ABC", "2026-01-29T09:00:00.000Z")
    assert [(mail["step"], mail["sent"]) for mail in body["mails"]] == [("offer", True)]
    assert (body["gaps"], body["attempts"], body["invoice"], body["owner"]) == ([], [], None, None)


def test_a_play_that_was_halted_has_ended_and_waits_for_its_outcome(cloud: Cloud, plays: PlayTable) -> None:
    held = opened(plays, win_back(next_reason="offer", next_ms=NOW + DAY_MS))
    halt = Entry(seq=2, at_ms=NOW + HOUR, kind=Kind.HALTED, reason="opted_out")
    plays.append(msgspec.structs.replace(held, halted_ms=NOW + HOUR, halt_reason="opted_out"), [halt])

    [body] = read(cloud, LIST_EPISODES)["episodes"]

    assert (body["state"], body["ending"], body["ending_reason"]) == ("ended", "halted", "opted_out")
    assert body["ended"] == "2026-01-05T10:00:00.000Z"
    assert (body["next_action"], body["next_at"]) == ("outcome", "2026-03-06T09:00:00.000Z")
    assert (body["outcome"], body["cost"], body["currency"]) == (None, None, None)


def test_a_halt_stays_the_ending_when_the_outcome_is_known(cloud: Cloud, plays: PlayTable) -> None:
    play, end_ms = win_back(), NOW + 60 * DAY_MS
    label = label_of(play, Outcome.LOST, end_ms, halted_ms=NOW + DAY_MS, halt_reason="opted_out")
    over(plays, play, label, Entry(seq=2, at_ms=NOW + DAY_MS, kind=Kind.HALTED, reason="opted_out"))

    body = read(cloud, GET_EPISODE, play.id)

    assert (body["ending"], body["ending_reason"]) == ("halted", "opted_out")
    assert (body["outcome"], body["outcome_reason"], body["cost"]) == ("lost", "time_is_up", 0)
    assert (body["next_action"], body["gaps"]) == (None, [])


def test_a_retention_play_tells_its_tasks_and_the_offer_that_was_withheld(
    cloud: Cloud, plays: PlayTable
) -> None:
    held = opened(plays, retention())
    entries = [
        Entry(seq=2, at_ms=NOW, kind=Kind.TASK, step="urgent_task", template="csm_task", key="m2"),
        Entry(seq=3, at_ms=NOW, kind=Kind.TASK, step="task", template="csm_task", reason="no_csm"),
        Entry(seq=4, at_ms=NOW, kind=Kind.OFFER_WITHHELD, step="offer", reason="no_customer"),
    ]
    plays.append(msgspec.structs.replace(held, next_reason="check_in", next_ms=NOW + DAY_MS), entries)

    body = read(cloud, GET_EPISODE, held.id)

    assert (body["tier"], body["cause"], body["customer"], body["failed"]) == ("high", None, None, None)
    assert [(task["step"], task["reason"]) for task in body["tasks"]] == [
        ("urgent_task", None),
        ("task", "no_csm"),
    ]
    [offer] = body["offers"]
    assert (offer["state"], offer["reason"], offer["percent"], offer["code"]) == (
        "withheld",
        "no_customer",
        None,
        None,
    )
    assert (body["state"], body["next_action"], body["mails"]) == ("running", "check_in", [])


@pytest.mark.parametrize(("withheld", "state"), [(False, "claimed"), (True, "withheld")])
def test_an_offer_that_was_claimed_is_one_until_the_provider_has_answered_or_it_is_withheld(
    cloud: Cloud, plays: PlayTable, withheld: bool, state: str
) -> None:
    held = opened(plays, win_back())
    claim, _ = offered(2, NOW)
    more = [Entry(seq=3, at_ms=NOW, kind=Kind.OFFER_WITHHELD, reason="no longer due")] if withheld else []
    plays.append(held, [claim, *more])

    [offer] = read(cloud, GET_EPISODE, held.id)["offers"]

    assert (offer["state"], offer["step"], offer["percent"], offer["code"]) == (state, "offer", 20, None)


def test_a_gap_in_the_ledger_of_a_play_is_told(cloud: Cloud, plays: PlayTable) -> None:
    held = opened(plays, win_back())
    plays.append(held, [mailed(3, NOW)])

    assert read(cloud, GET_EPISODE, held.id)["gaps"] == ["missing: 2 of 3"]


def test_an_accounts_episodes_and_the_ledger_hold_runs_of_every_journey(
    cloud: Cloud, plays: PlayTable
) -> None:
    dunned = a_life(EpisodeTable(cloud.table["episodes"]), episode())
    play = win_back(began_ms=NOW + 10 * DAY_MS)
    label = label_of(play, Outcome.REACTIVATED, NOW + 20 * DAY_MS)
    over(plays, play, label, *offered(2, NOW + 19 * DAY_MS))

    listed = read(cloud, LIST_EPISODES)["episodes"]
    entries = read(cloud, LIST_LEDGER, **JANUARY)["entries"]

    assert [(one["id"], one["journey"]) for one in listed] == [(play.id, "win_back"), (dunned.id, "dunning")]
    assert [entry["kind"] for entry in entries[6:]] == ["opened", "offer_claimed", "offer", "ended"]
    assert (entries[8]["percent"], entries[8]["months"], entries[8]["code"]) == (20, 3, "BACK-ABC")
    assert entries[8]["expires"] == "2026-02-07T09:00:00.000Z"
    assert (entries[0]["percent"], entries[0]["expires"]) == (None, None)


def test_bodies_know_every_ending_and_every_outcome() -> None:
    assert {*map(str, Ends)} == {*map(str, Ending), *map(str, Outcome), "halted"}
    assert {*get_args(CameOf)} == {*map(str, Outcome)}
