"""An account's timeline: rows of both tables in one order, page by page, for those who may see it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from stemtide.access import GET_TIMELINE
from stemtide.as_of import as_of_text
from stemtide.calls import DAY_MS
from stemtide.config import load_config
from stemtide.config_shadow import Capability
from stemtide.drops import Drop
from stemtide.mail.ports import Note
from stemtide.profile import Profile
from stemtide.scoring.assessment import Assessment, Basis, tier_of
from stemtide.shadow import Withheld
from stemtide.store.contacts import Contacts
from stemtide.store.records import Records
from stemtide.store.withheld import WithheldRows

from tests.http_api import claims_of, get
from tests.integration.http.conftest import Cloud, Reply

DAY = 19_750
NOON = DAY * DAY_MS + DAY_MS // 2


def read(cloud: Cloud, *, claims: dict[str, Any] | None = None, **query: str) -> Reply:
    return cloud.call(get(GET_TIMELINE, claims=claims or claims_of("[viewer]"), query=query))


def entries(cloud: Cloud, **query: str) -> list[tuple[str, str]]:
    reply = read(cloud, **query)
    assert reply.status == 200, reply.body
    return [(entry["at"], entry["kind"]) for entry in reply.body["entries"]]


def put_score(cloud: Cloud, at_ms: int) -> None:
    assessed = Assessment(basis=Basis.RULES, completeness=1.0, score=40, tier=tier_of(40))
    Records(cloud.table["accounts"]).write_score(
        "acme", assessed, as_of_ms=at_ms, scored_at=at_ms, trigger="schedule", vector=b"\x01"
    )


def put_note(cloud: Cloud, at_ms: int, kind: str = "mail_sent", about: str = "k", **more: Any) -> None:
    contacts = Contacts(cloud.table["contacts"], accounts_table="accounts")
    contacts.note(Note(account="acme", at_ms=at_ms, kind=kind, about=about, **more))


@pytest.fixture
def story(cloud: Cloud) -> list[tuple[str, str]]:
    """Something of everything, some at one instant; what must be read."""
    records = Records(cloud.table["accounts"])
    withheld = WithheldRows(cloud.table["accounts"])
    told: list[tuple[int, str]] = []
    for n in range(4):
        at_ms = NOON - n * DAY_MS
        put_score(cloud, at_ms)
        put_note(cloud, at_ms)
        put_note(cloud, at_ms + 7, kind="mail_deferred", reason="budget")
        records.put_drop(Drop(account="acme", rule="a_rule", as_of_ms=at_ms + 9, figures={"before": 4}))
        records.put_drop(Drop(account="acme", rule="b_rule", as_of_ms=at_ms + 3, figures={}))
        fact = Withheld(
            id=f"f{n}",
            account="acme",
            as_of=as_of_text(at_ms + 5),
            event="RiskTierChanged",
            capabilities=(Capability.CHURN_ALERTS,),
            reason="shadow",
            because="capability",
            detail={},
        )
        withheld.put(fact)
        told += [
            *((at_ms, "score"), (at_ms, "mail_sent"), (at_ms + 7, "mail_deferred")),
            *((at_ms + 9, "usage_drop"), (at_ms + 3, "usage_drop"), (at_ms + 5, "withheld")),
        ]
    put_note(cloud, NOON, about="other")
    return [(as_of_text(at), kind) for at, kind in [*told, (NOON, "mail_sent")]]


def test_everything_is_told_once_newest_first(cloud: Cloud, story: list[tuple[str, str]]) -> None:
    found = entries(cloud)

    assert sorted(found) == sorted(story)
    assert [at for at, _ in found] == sorted((at for at, _ in story), reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 5, 25])
def test_pages_hold_the_same_as_one_look(cloud: Cloud, story: list[tuple[str, str]], limit: int) -> None:
    whole = read(cloud).body["entries"]
    pages: list[dict[str, Any]] = []
    query = {"limit": str(limit)}

    while True:
        body = read(cloud, **query).body
        assert len(body["entries"]) <= limit
        pages += body["entries"]
        if body["cursor"] is None:
            break
        query["cursor"] = body["cursor"]

    assert pages == whole


def test_an_entry_says_what_why_and_about_what(cloud: Cloud) -> None:
    put_score(cloud, NOON)
    put_note(cloud, NOON + 1, kind="mail_refused", reason="opted_out", facts={"step": "2"})

    [refused, score] = read(cloud).body["entries"]

    assert (refused["kind"], refused["about"], refused["reason"]) == ("mail_refused", "k", "opted_out")
    assert refused["facts"] == {"step": "2"}
    assert (score["facts"]["score"], score["facts"]["tier"], score["about"]) == (40, "medium", None)


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"cursor": "!"}, {"limit": "0"}, {"limit": "201"}, {"since": "now"}]
)
def test_a_wrong_parameter_is_refused_by_name(cloud: Cloud, query: dict[str, str]) -> None:
    put_score(cloud, NOON)

    reply = read(cloud, **query)

    assert (reply.status, reply.body["parameter"]) == (400, next(iter(query)))


def test_an_account_of_which_only_a_mail_is_known_has_a_timeline(cloud: Cloud) -> None:
    unknown = read(cloud)
    put_note(cloud, NOON)

    assert unknown.status == 404
    assert [kind for _, kind in entries(cloud)] == ["mail_sent"]


def test_an_unknown_account_and_somebody_elses_look_the_same(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "stemtide.toml"
    text = (Path(__file__).parents[3] / "stemtide.toml").read_text()
    path.write_text(text.replace('csm_scope = "all"', 'csm_scope = "own"'))
    own = load_config(path)
    api = cloud.functions["api"]
    held = dataclasses.replace(api.api(), config=own)
    monkeypatch.setattr(api, "api", lambda: held)
    put_note(cloud, NOON)
    unknown = read(cloud, claims=claims_of("[csm]"))
    records = Records(cloud.table["accounts"])
    records.write_profile("acme", Profile(csm="otto@acme.example"), facts=1, as_of_ms=NOON)

    foreign = read(cloud, claims=claims_of("[csm]"))

    assert (unknown.status, foreign.status) == (404, 404)
    assert unknown.body["detail"] == foreign.body["detail"]
    records.write_profile("acme", Profile(csm="carla@acme.example"), facts=2, as_of_ms=NOON)
    assert read(cloud, claims=claims_of("[csm]")).status == 200
