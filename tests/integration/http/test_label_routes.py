"""Labels as people read them: by the day on which they became known, page by page, only what is theirs."""

from typing import Any

import msgspec
import pytest
from stemtide.access import LIST_LABELS
from stemtide.calls import DAY_MS
from stemtide.http.label_bodies import PlayLabel
from stemtide.plays.labels import Label
from stemtide.plays.play import Outcome
from stemtide.plays.rates import rates
from stemtide.scoring.assessment import Tier
from stemtide.store.label_pages import LOOKED, cursor_of
from stemtide.store.plays import PlayTable

from tests.http_api import claims_of, get
from tests.integration.http.conftest import Cloud, Reply
from tests.integration.http.test_episode_routes import own_accounts
from tests.played import HOUR, NOW, label_of, over, retention, win_back

__all__ = ["own_accounts"]
DAYS = {"from": "2026-01-01", "to": "2026-12-31"}


@pytest.fixture
def plays(cloud: Cloud) -> PlayTable:
    return PlayTable(cloud.table["episodes"])


def read(cloud: Cloud, role: str = "viewer", **query: str) -> Reply:
    return cloud.call(get(LIST_LABELS, claims=claims_of(f"[{role}]"), query=query))


def all_pages(cloud: Cloud, role: str = "viewer", **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query = DAYS | query
    while True:
        reply = read(cloud, role, **query)
        assert reply.status == 200, reply.body
        found += reply.body["labels"]
        if reply.body["cursor"] is None:
            return found
        query["cursor"] = reply.body["cursor"]


def test_a_label_says_what_came_when_it_was_known_and_what_was_done(cloud: Cloud, plays: PlayTable) -> None:
    play = win_back()
    offer = {"percent": 20, "months": 3, "redeemed": True, "cost": 29_400, "currency": "EUR"}
    label = label_of(play, Outcome.REACTIVATED, NOW + DAY_MS, NOW + 2 * DAY_MS, treatments=2, **offer)
    over(plays, play, label)

    [body] = all_pages(cloud)

    assert body == {
        "account": "acme",
        "journey": "win_back",
        "episode": play.id,
        "outcome": "reactivated",
        "reason": "subscribed",
        "at": "2026-01-06T09:00:00.000Z",
        "known_at": "2026-01-07T09:00:00.000Z",
        "policy": "unpaid",
        "cause": "unpaid",
        "tier": None,
        "entry_tier": None,
        "began": "2026-01-05T09:00:00.000Z",
        "held_out": False,
        "offer_held_out": False,
        "treated": {"from": "2026-01-05T10:00:00.000Z", "to": "2026-01-06T09:00:00.000Z"},
        "treatments": 2,
        "halt_reason": None,
        "offer": {"percent": 20, "months": 3, "redeemed": True},
        "cost": 29_400,
        "currency": "EUR",
    }


@pytest.mark.parametrize(
    ("more", "treated"),
    [
        ({"held_out": True}, None),
        ({"halted_ms": NOW + 3 * HOUR, "halt_reason": "opted_out"}, None),
        (
            {"treatments": 1, "halted_ms": NOW + 3 * HOUR, "halt_reason": "opted_out"},
            "2026-01-05T12:00:00.000Z",
        ),
        ({"treatments": 1, "halted_ms": NOW + 90 * DAY_MS}, "2026-03-06T09:00:00.000Z"),
    ],
)
def test_an_account_was_treated_until_the_halt_or_the_outcome_if_anything_was_done(
    cloud: Cloud, plays: PlayTable, more: dict[str, Any], treated: str | None
) -> None:
    play = win_back()
    over(plays, play, label_of(play, Outcome.LOST, play.until_ms, **more))

    [body] = all_pages(cloud)

    assert (body["treated"] or {"to": None})["to"] == treated


def some(plays: PlayTable, *, known: list[int], account: str | None = None) -> list[Label]:
    """Plays of which the outcome became known so many hours after `NOW`."""
    found = []
    for number, hours in enumerate(known):
        play = win_back(f"a{number:03}" if account is None else account, began_ms=NOW - number * DAY_MS)
        label = label_of(play, Outcome.LOST, NOW, NOW + hours * HOUR, held_out=number % 3 == 0)
        over(plays, msgspec.structs.replace(play, again_ms=0), label)
        found.append(label)
    return found


@pytest.mark.parametrize("limit", [1, 2, 5, 7])
def test_every_label_comes_once_in_the_order_in_which_it_became_known_whatever_the_page(
    cloud: Cloud, plays: PlayTable, limit: int
) -> None:
    hours = [0, 26 * 24, 1, 27 * 24, 70 * 24, 200 * 24, 1]
    kept = some(plays, known=hours)

    found = all_pages(cloud, limit=str(limit))

    places = [(one["known_at"], one["episode"]) for one in found]
    assert places == sorted(set(places))
    assert {one["episode"] for one in found} == {one.play for one in kept}


def test_the_days_are_those_on_which_labels_became_known_both_included(
    cloud: Cloud, plays: PlayTable
) -> None:
    some(plays, known=[-10, -9, 14, 15, 27 * 24])

    found = all_pages(cloud, **{"from": "2026-01-05", "to": "2026-01-05"})

    assert [one["account"] for one in found] == ["a001", "a002"]


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "x"},
        {"cursor": cursor_of(f"2026-02-30T00:00:00.000Z#{'0' * 24}")},
        {"limit": "501"},
        {"from": "soon"},
        {"account": "acme"},
    ],
)
def test_a_wrong_parameter_is_refused_by_name(cloud: Cloud, query: dict[str, str]) -> None:
    reply = read(cloud, **query)

    assert (reply.status, reply.body["parameter"]) == (400, next(iter(query)))


def test_a_csm_finds_own_accounts_only_behind_more_than_a_page_of_others(
    own_accounts: Cloud, plays: PlayTable
) -> None:
    table = own_accounts.table["episodes"]
    with table.batch_writer() as writer:
        for number in range(LOOKED + 5):
            label = label_of(win_back("beta", began_ms=NOW - number), Outcome.LOST, NOW)
            place = f"2026-01-05T08:00:00.000Z#{label.play}"
            item = {"pk": "labels#2026-01", "sk": place, "label": msgspec.json.encode(label).decode()}
            writer.put_item(Item=item)
    play = win_back("acme")
    over(plays, play, label_of(play, Outcome.LOST, NOW))

    first = read(own_accounts, "csm", **DAYS).body

    assert (first["labels"], first["cursor"] is None) == ([], False)
    assert [one["account"] for one in all_pages(own_accounts, "csm")] == ["acme"]
    assert {one["account"] for one in all_pages(own_accounts, "admin", limit="500")} == {"acme", "beta"}


def test_rates_follow_from_what_the_route_tells(cloud: Cloud, plays: PlayTable) -> None:
    kept = some(plays, known=[1, 2, 3, 4])
    saved = retention("saved")
    kept.append(label_of(saved, Outcome.SAVED, NOW, entry_tier=Tier.HIGH))
    over(plays, saved, kept[-1])

    told = [msgspec.convert(one, PlayLabel) for one in all_pages(cloud, limit="2")]

    assert rates(told) == rates(kept)
    assert [(one.journey, one.treated.n, one.held_out.n) for one in rates(told)] == [
        ("retention", 1, 0),
        ("win_back", 2, 2),
    ]
