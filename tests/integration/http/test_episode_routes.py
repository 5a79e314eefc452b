"""Episodes and the ledger as people read them: in order, page by page, and only what is theirs to see."""

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stemtide.access import GET_EPISODE, GET_TIMELINE, LIST_EPISODES, LIST_LEDGER, Route
from stemtide.clock import ModelClock
from stemtide.config import load_config
from stemtide.dunning.ledger import Entry, Kind
from stemtide.mail.ports import Note
from stemtide.profile import Profile
from stemtide.store.contacts import Contacts
from stemtide.store.episode_ledger import DAYS
from stemtide.store.episodes import EpisodeTable
from stemtide.store.records import Records

from tests.dunning_episodes import FIRST, HOUR, NOW, a_life, charge, episode
from tests.http_api import ARRIVAL_MS, claims_of, get
from tests.integration.http.conftest import Cloud, Reply

DAY = 24 * HOUR
JANUARY = {"from": "2026-01-01", "to": "2026-01-31"}


@pytest.fixture
def episodes(cloud: Cloud) -> EpisodeTable:
    return EpisodeTable(cloud.table["episodes"])


def read(cloud: Cloud, route: Route, account: str = "acme", role: str = "viewer", **query: str) -> Reply:
    return cloud.call(get(route, claims=claims_of(f"[{role}]"), account=account, query=query))


def ledger(cloud: Cloud, role: str = "viewer", **query: str) -> list[dict[str, Any]]:
    """All pages of January."""
    entries: list[dict[str, Any]] = []
    query = JANUARY | query
    while True:
        reply = read(cloud, LIST_LEDGER, role=role, **query)
        assert reply.status == 200, reply.body
        entries += reply.body["entries"]
        if reply.body["cursor"] is None:
            return entries
        query["cursor"] = reply.body["cursor"]


def test_an_accounts_episodes_come_newest_first(cloud: Cloud, episodes: EpisodeTable) -> None:
    old = a_life(episodes, episode("in_1"))
    new = episode("in_2", opened_ms=NOW + DAY)
    episodes.open(new, FIRST)
    found = episodes.read(new.id)
    assert found is not None
    episodes.append(msgspec.structs.replace(found[0], next_reason="retry", next_ms=NOW + 2 * DAY), [])

    first, second = read(cloud, LIST_EPISODES).body["episodes"]

    assert (first["id"], first["state"], first["ending"]) == (new.id, "running", None)
    assert (first["next_action"], first["next_at"]) == ("retry", "2026-01-07T09:00:00.000Z")
    assert (second["id"], second["state"], second["ending"]) == (old.id, "ended", "recovered")
    assert (second["ended"], second["next_at"]) == ("2026-01-05T13:00:00.000Z", None)


def test_an_account_without_episodes_has_none_and_an_unknown_one_is_404(cloud: Cloud) -> None:
    unknown = read(cloud, LIST_EPISODES)
    cloud.put_usage("acme", "2024-01-03", {"page": 1})

    assert unknown.status == 404
    assert read(cloud, LIST_EPISODES).body == {"account": "acme", "episodes": []}


def test_an_episode_tells_its_attempts_its_mails_and_its_whole_ledger(
    cloud: Cloud, episodes: EpisodeTable
) -> None:
    one = a_life(episodes, episode())

    body = read(cloud, GET_EPISODE, one.id).body

    [attempt] = body["attempts"]
    assert (attempt["amount"], attempt["currency"], attempt["outcome"]) == (4_900, "JPY", "declined")
    assert (attempt["at"], attempt["provider_id"]) == ("2026-01-05T10:00:00.000Z", "ch_1")
    assert [(mail["step"], mail["sent"]) for mail in body["mails"]] == [("first", False), ("second", True)]
    assert [entry["number"] for entry in body["ledger"]] == [1, 2, 3, 4, 5, 6]
    assert (body["gaps"], body["offers"]) == ([], [])
    assert "fp_1" not in str(body)


def test_a_try_without_a_result_is_of_unknown_outcome(cloud: Cloud, episodes: EpisodeTable) -> None:
    one = episode()
    episodes.open(one, FIRST)
    found = episodes.read(one.id)
    assert found is not None
    episodes.append(found[0], [charge(2, Kind.CHARGE_CLAIMED)])

    [attempt] = read(cloud, GET_EPISODE, one.id).body["attempts"]

    assert (attempt["outcome"], attempt["provider_id"]) == ("claimed", None)


def test_an_episode_with_a_gap_is_shown_and_says_so(cloud: Cloud, episodes: EpisodeTable) -> None:
    one = a_life(episodes, episode(), gap=4)

    assert read(cloud, GET_EPISODE, one.id).body["gaps"] == ["missing: 4 of 6"]


@pytest.mark.parametrize(("episode_id", "status"), [("0" * 24, 404), ("0" * 23, 400), ("0" * 23 + "G", 400)])
def test_what_is_no_episode_is_refused(cloud: Cloud, episode_id: str, status: int) -> None:
    assert read(cloud, GET_EPISODE, episode_id).status == status


@pytest.mark.parametrize("limit", [1, 2, 5, 13])
def test_the_ledger_holds_every_entry_once_in_order_whatever_the_page(
    cloud: Cloud, episodes: EpisodeTable, limit: int
) -> None:
    for n, account in enumerate(["acme", "beta", "acme"]):
        a_life(episodes, episode(f"in_{n}", f"cus_{n}", account, opened_ms=NOW + n * 13 * HOUR))

    entries = ledger(cloud, limit=str(limit))

    assert len(entries) == 18
    places = [(entry["at"], entry["episode"], entry["number"]) for entry in entries]
    assert places == sorted(set(places))
    assert {entry["account"] for entry in entries} == {"acme", "beta"}


def test_the_ledgers_days_are_both_included_and_no_others(cloud: Cloud, episodes: EpisodeTable) -> None:
    for n, opened_ms in enumerate([NOW - 10 * HOUR, NOW - 9 * HOUR, NOW + 15 * HOUR - 1, NOW + 15 * HOUR]):
        one = episode(f"in_{n}", f"cus_{n}", f"a{n}", opened_ms=opened_ms)
        assert episodes.open(one, msgspec.structs.replace(FIRST, at_ms=opened_ms))

    entries = ledger(cloud, **{"from": "2026-01-05", "to": "2026-01-05"})

    assert [entry["account"] for entry in entries] == ["a1", "a2"]


def test_the_ledgers_today_is_the_model_clocks(
    cloud: Cloud, episodes: EpisodeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = cloud.functions["api"]
    hurried = dataclasses.replace(
        api.api(), clock=ModelClock(real_ms=ARRIVAL_MS, model_ms=NOW + DAY, scale=60.0)
    )
    monkeypatch.setattr(api, "api", lambda: hurried)
    a_life(episodes, episode())

    body = read(cloud, LIST_LEDGER).body

    assert (body["to"], len(body["entries"])) == ("2026-01-06", 6)


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "x"},
        {"cursor": "MjAyNi0wMS0zMiA"},  # the 32nd of January
        {"limit": "501"},
        {"from": "soon"},
        {"csm": "carla@acme.example"},
    ],
)
def test_a_wrong_parameter_of_the_ledger_is_refused_by_name(cloud: Cloud, query: dict[str, str]) -> None:
    reply = read(cloud, LIST_LEDGER, **query)

    assert (reply.status, reply.body["parameter"]) == (400, next(iter(query)))


def test_a_page_of_many_empty_days_leads_on(cloud: Cloud, episodes: EpisodeTable) -> None:
    a_life(episodes, episode())
    days = {"from": "2025-01-01", "to": "2026-01-31"}

    first = read(cloud, LIST_LEDGER, **days).body

    assert (first["entries"], first["cursor"] is None) == ([], False)
    assert len(ledger(cloud, **days)) == 6
    assert DAYS < 370


@pytest.fixture
def own_accounts(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    """Carla has the account `acme`, Otto `beta`."""
    path = tmp_path / "stemtide.toml"
    text = (Path(__file__).parents[3] / "stemtide.toml").read_text()
    path.write_text(text.replace('csm_scope = "all"', 'csm_scope = "own"'))
    api = cloud.functions["api"]
    held = dataclasses.replace(api.api(), config=load_config(path))
    monkeypatch.setattr(api, "api", lambda: held)
    for account, csm in (("acme", "Carla@acme.example"), ("beta", "otto@acme.example")):
        Records(cloud.table["accounts"]).write_profile(account, Profile(csm=csm), facts=1, as_of_ms=0)
    return cloud


def test_a_csm_finds_own_accounts_only_in_every_route(own_accounts: Cloud, episodes: EpisodeTable) -> None:
    own = a_life(episodes, episode("in_1", "cus_1", "acme"))
    foreign = a_life(episodes, episode("in_2", "cus_2", "beta"))

    found = {
        one.id: (
            read(own_accounts, LIST_EPISODES, one.account, "csm").status,
            read(own_accounts, GET_EPISODE, one.id, "csm").status,
        )
        for one in (own, foreign)
    }
    unknown = read(own_accounts, GET_EPISODE, "0" * 24, "csm")

    assert found == {own.id: (200, 200), foreign.id: (404, 404)}
    assert read(own_accounts, GET_EPISODE, foreign.id, "csm").body["detail"] == unknown.body["detail"]
    assert {entry["account"] for entry in ledger(own_accounts, "csm", limit="1")} == {"acme"}
    assert {entry["account"] for entry in ledger(own_accounts, "admin")} == {"acme", "beta"}


def test_a_csm_reaches_an_own_entry_behind_more_than_a_page_of_others(
    own_accounts: Cloud, episodes: EpisodeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemtide.store.episode_ledger.LOOKED", 20)
    one = episode("in_2", "cus_2", "beta")
    episodes.open(one, FIRST)
    found = episodes.read(one.id)
    assert found is not None
    episodes.append(found[0], [Entry(seq=n, at_ms=NOW, kind=Kind.MAIL) for n in range(2, 30)])
    a_life(episodes, episode("in_1", "cus_1", "acme", opened_ms=NOW + 1))

    first = read(own_accounts, LIST_LEDGER, role="csm", **JANUARY).body

    assert (first["entries"], first["cursor"] is None) == ([], False)
    assert len(ledger(own_accounts, "csm")) == 6


def timeline(cloud: Cloud, **query: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    while True:
        body = read(cloud, GET_TIMELINE, **query).body
        entries += body["entries"]
        if body["cursor"] is None:
            return entries
        query["cursor"] = body["cursor"]


def note(cloud: Cloud, kind: str, at_ms: int, about: str, **more: Any) -> None:
    contacts = Contacts(cloud.table["contacts"], accounts_table="accounts")
    contacts.note(Note(account="acme", at_ms=at_ms, kind=kind, about=about, **more))


def test_the_timeline_tells_an_episode_and_each_mail_once(cloud: Cloud, episodes: EpisodeTable) -> None:
    one = a_life(episodes, episode())
    note(cloud, "mail_sent", NOW + 3 * HOUR, "m", facts={"journey": "dunning", "step": "second"})

    found = timeline(cloud)

    assert [(entry["kind"], entry["reason"]) for entry in found] == [
        ("episode_ended", "paid"),
        ("mail_sent", None),
        ("mail_skipped", "passed"),
        ("charge", None),
        ("episode_started", None),
    ]
    assert found[3]["about"] == one.id
    assert found[3]["facts"] == {
        "journey": "dunning",
        "invoice": "in_1",
        "amount": 4_900,
        "currency": "JPY",
        "outcome": "declined",
        "code": "insufficient_funds",
    }


def test_a_mail_that_had_no_address_is_told_once_whoever_found_out(
    cloud: Cloud, episodes: EpisodeTable
) -> None:
    one = episode()
    episodes.open(one, FIRST)
    found = episodes.read(one.id)
    assert found is not None
    skipped = Entry(seq=2, at_ms=NOW + 1, kind=Kind.MAIL_SKIPPED, step="s", key="", reason="no_address")
    refused = Entry(seq=3, at_ms=NOW + 3, kind=Kind.MAIL_SKIPPED, step="t", key="m", reason="held")
    episodes.append(found[0], [skipped, refused])
    note(cloud, "mail_refused", NOW, "", reason="no_address", facts={"journey": "dunning", "step": "s"})
    note(cloud, "mail_refused", NOW + 2, "m", reason="held", facts={"journey": "dunning", "step": "t"})
    note(cloud, "mail_refused", NOW + 5, "", reason="no_address", facts={"journey": "upsell", "step": "s"})

    assert [(entry["kind"], entry["reason"]) for entry in timeline(cloud)] == [
        ("mail_refused", "no_address"),
        ("mail_refused", "held"),
        ("mail_skipped", "no_address"),
        ("episode_started", None),
    ]


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_overlapping_episodes_stand_in_one_order_whatever_the_page(
    cloud: Cloud, episodes: EpisodeTable, limit: int
) -> None:
    for n, hours in enumerate([0, 2, 3, 40]):
        a_life(episodes, episode(f"in_{n}", f"cus_{n}", opened_ms=NOW + hours * HOUR))
    episodes.open(episode("in_9", "cus_9"), FIRST)

    whole = timeline(cloud, limit="200")

    assert len(whole) == 4 * 4 + 1
    assert [entry["at"] for entry in whole] == sorted((entry["at"] for entry in whole), reverse=True)
    assert timeline(cloud, limit=str(limit)) == whole


def test_what_was_taken_back_is_told_as_skipped_and_what_nobody_knows_as_claimed(
    cloud: Cloud, episodes: EpisodeTable
) -> None:
    one = episode()
    episodes.open(one, FIRST)
    found = episodes.read(one.id)
    assert found is not None
    kinds = (Kind.CANCEL_CLAIMED, Kind.CANCEL_WITHDRAWN, Kind.CANCEL_CLAIMED, Kind.CANCELED)
    episodes.append(
        found[0],
        [
            charge(2, Kind.CHARGE_CLAIMED, at_ms=NOW + 1, key="a"),
            charge(3, Kind.CHARGE, at_ms=NOW + 2, key="a", outcome="withdrawn", reason="no longer due"),
            charge(4, Kind.CHARGE_CLAIMED, at_ms=NOW + 3, key="b"),
            *(Entry(seq=5 + n, at_ms=NOW + 4 + n, kind=kind) for n, kind in enumerate(kinds)),
        ],
    )

    found_entries = [(entry["kind"], entry["facts"].get("outcome")) for entry in timeline(cloud)]

    assert found_entries == [
        ("subscription_canceled", None),
        ("cancellation_skipped", None),
        ("charge", "claimed"),
        ("charge_skipped", "withdrawn"),
        ("episode_started", None),
    ]
