"""Accounts by risk, the customer record and its scores over real tables."""

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from stemtide.access import GET_ACCOUNT, LIST_ACCOUNTS, LIST_SCORES, Route
from stemtide.as_of import parse_as_of
from stemtide.config import load_config
from stemtide.config_sources import Source
from stemtide.facts import Fact, Problem, fold_to_store
from stemtide.features.registry import registry
from stemtide.features.vectors import Vector
from stemtide.profile import UNKNOWN, Profile, Term
from stemtide.scoring.assessment import (
    Assessment,
    Basis,
    Confidence,
    Driver,
    Interval,
    KnownSource,
    Trigger,
    tier_of,
)
from stemtide.store.challenger_scores import ChallengerScores
from stemtide.store.records import Records

from tests.http_api import claims_of, get
from tests.integration.http.conftest import Cloud, Reply

DAY_MS = 86_400_000
JAN_28 = parse_as_of("2024-01-28")
DRIVER = Driver(
    feature="events_28d",
    label="Events",
    value=4.0,
    unit="events",
    baseline=40.0,
    contribution=0.7,
    text="4 events in 28 days, 40 is usual",
)


def read(cloud: Cloud, route: Route, account: str = "acme", *, role: str = "viewer", **query: str) -> Reply:
    return cloud.call(get(route, claims=claims_of(f"[{role}]"), query=query, account=account))


def listed(cloud: Cloud, **query: str) -> list[str]:
    reply = read(cloud, LIST_ACCOUNTS, **query)
    assert reply.status == 200, reply.body
    return [account["account"] for account in reply.body["accounts"]]


def assessment(score: int) -> Assessment:
    return Assessment(
        basis=Basis.MODEL,
        completeness=0.9,
        score=score,
        tier=tier_of(score),
        probability=score / 1000,
        horizon_days=30,
        interval=Interval(low=0.05, high=0.1, accounts=420),
        confidence=Confidence.MEDIUM,
        confidence_lowered_by=("stale:billing",),
        drivers=(DRIVER,),
        model_version="v1",
        sources=(KnownSource(source=Source.BILLING, completeness=0.5, fresh=False),),
    )


def score(
    cloud: Cloud, account: str, value: int, *, as_of_ms: int = JAN_28, trigger: str = "schedule"
) -> None:
    Records(cloud.table["accounts"]).write_score(
        account,
        assessment(value),
        as_of_ms=as_of_ms,
        scored_at=as_of_ms + 7_200_000,
        trigger=trigger,
        vector=b"",
    )


def profile(cloud: Cloud, account: str, said: Profile, **more: Any) -> None:
    given = {"facts": 1, "as_of_ms": JAN_28 - DAY_MS, **more}
    Records(cloud.table["accounts"]).write_profile(account, said, **given)


def test_the_customer_record_says_who_how_likely_and_why(cloud: Cloud) -> None:
    start_ms = parse_as_of("2024-01-01T00:00:00Z")
    term = Term(plan="pro", start_ms=start_ms, months=12, mrr=4900, quantity=7.0, units="seats")
    said = Profile(
        name="Acme",
        plan="pro",
        seats=7,
        mrr=4900,
        csm="c@a.b",
        subscribed=True,
        since_ms=start_ms,
        terms=(term,),
    )
    profile(cloud, "acme", said, problems=[Problem(name="employees", detail="employees is 'x'", at_ms=0)])
    score(cloud, "acme", 70)
    Records(cloud.table["accounts"]).touch("acme", "2024-01-27")

    body = read(cloud, GET_ACCOUNT).body

    order = ["account", "profile", "profile_problems", "last_active_day", "churn_risk_score"]
    assert list(body)[:5] == order
    assert list(body)[-3:] == ["moved", "trend", "expansion"]
    assert body["account"] == "acme"
    assert body["profile"] | {"terms": None} == {
        **dict.fromkeys(("currency", "renewal_date", "time_zone", "employees", "created_at")),
        **dict.fromkeys(("stripe_customer_id", "zendesk_organization_id", "terms")),
        "name": "Acme",
        "plan": "pro",
        "seats": 7,
        "limits": {},
        "mrr": 4900,
        "csm": "c@a.b",
        "do_not_contact": False,
        "subscribed": True,
        "since": "2024-01-01T00:00:00.000Z",
    }
    (shown,) = body["profile"]["terms"]
    assert (shown["plan"], shown["end"], shown["mrr"]) == ("pro", "2025-01-01T00:00:00.000Z", 4900)
    assert body["profile_problems"] == [
        {"name": "employees", "detail": "employees is 'x'", "at": "1970-01-01T00:00:00.000Z"}
    ]
    expected = {
        "churn_risk_score": 70,
        "churn_risk_tier": "high",
        "churn_probability": 0.07,
        "horizon_days": 30,
        "interval": {"low": 0.05, "high": 0.1, "accounts": 420},
        "confidence": "medium",
        "confidence_lowered_by": ["stale:billing"],
        "completeness": 0.9,
        "sources": [{"source": "billing", "completeness": 0.5, "fresh": False}],
        "basis": "model",
        "model_version": "v1",
        "at_risk": True,
        "as_of": "2024-01-28T23:59:59.999Z",
        "scored_at": "2024-01-29T01:59:59.999Z",
        "trigger": "schedule",
        "last_active_day": "2024-01-27",
        "rules": [],
        "moved": None,
        "trend": [{"date": "2024-01-28", "score": 70, "tier": "high"}],
        "expansion": None,
    }
    assert {name: body[name] for name in expected} == expected
    assert [driver["feature"] for driver in body["drivers"]] == ["events_28d"]


def test_an_account_of_which_only_usage_is_known_has_no_score_yet(cloud: Cloud) -> None:
    cloud.put_usage("acme", "2024-01-03", {"page": 1})

    body = read(cloud, GET_ACCOUNT).body

    unknown = (
        "churn_risk_score",
        "churn_risk_tier",
        "basis",
        "as_of",
        "trigger",
        "last_active_day",
        "at_risk",
    )
    assert [body[name] for name in unknown] == [None] * len(unknown)
    assert (body["drivers"], body["trend"], body["profile"]["subscribed"]) == ([], [], None)


def test_the_customer_record_says_what_moved_since_the_last_score(cloud: Cloud) -> None:
    score(cloud, "acme", 20, as_of_ms=JAN_28 - DAY_MS)
    score(cloud, "acme", 70)

    alone, [listed] = read(cloud, GET_ACCOUNT).body, read(cloud, LIST_ACCOUNTS).body["accounts"]

    assert alone["moved"] == {
        "since": "2024-01-27T23:59:59.999Z",
        "score_then": 20,
        "score_now": 70,
        "tier_then": "low",
        "tier_now": "high",
        "features": [],
        "note": "the features are others than then",
    }
    assert listed["moved"] == alone["moved"]


def test_the_trend_has_the_last_score_of_each_of_thirty_days(cloud: Cloud) -> None:
    for days_back in range(35):
        score(cloud, "acme", days_back, as_of_ms=JAN_28 - days_back * DAY_MS)
    score(cloud, "acme", 90, as_of_ms=JAN_28 - DAY_MS - 3_600_000, trigger="usage_drop")

    trend = read(cloud, GET_ACCOUNT).body["trend"]

    assert len(trend) == 30
    assert (trend[0]["date"], trend[0]["score"]) == ("2023-12-30", 29)
    assert [(point["date"], point["score"]) for point in trend[-3:]] == [
        ("2024-01-26", 2),
        ("2024-01-27", 1),
        ("2024-01-28", 0),
    ]


def test_terms_that_ran_out_or_began_by_the_last_score_are_shown_so(cloud: Cloud) -> None:
    began = parse_as_of("2023-12-20T00:00:00Z")
    month = Fact(
        id="1",
        known_ms=began,
        at_ms=began,
        kind="started",
        data={"plan": "pro", "mrr": 100, "term_months": 1},
    )
    next_month = {**month.data, "mrr": 120, "term_start": "2024-01-20T00:00:00.000Z"}
    renewal = Fact(id="2", known_ms=began, at_ms=began + 1, kind="started", data=next_month)
    for account, facts in (("acme", [month]), ("bee", [month, renewal])):
        profile(cloud, account, fold_to_store(facts, began), as_of_ms=began)
    before = read(cloud, GET_ACCOUNT).body["profile"]

    for account in ("acme", "bee"):
        score(cloud, account, 70)

    over, renewed = (read(cloud, GET_ACCOUNT, account).body["profile"] for account in ("acme", "bee"))
    assert (before["subscribed"], before["plan"], before["mrr"]) == (True, "pro", 100)
    assert (over["subscribed"], over["plan"], over["mrr"]) == (False, None, None)
    assert (renewed["subscribed"], renewed["plan"], renewed["mrr"]) == (True, "pro", 120)


def test_scores_are_those_of_the_days_asked_for(cloud: Cloud) -> None:
    for days_back in (0, 1, 40):
        score(cloud, "acme", 50 + days_back, as_of_ms=JAN_28 - days_back * DAY_MS)

    usual = read(cloud, LIST_SCORES).body
    one = read(cloud, LIST_SCORES, **{"from": "2024-01-27", "to": "2024-01-27"}).body

    assert [entry["churn_risk_score"] for entry in usual["scores"]] == [51, 50]
    assert [entry["as_of"] for entry in one["scores"]] == ["2024-01-27T23:59:59.999Z"]
    assert one["scores"][0]["drivers"][0]["text"] == DRIVER.text


def test_what_a_challenger_said_is_read_by_its_role_and_is_no_part_of_the_rest(cloud: Cloud) -> None:
    score(cloud, "acme", 50)
    known = registry()
    vector = Vector(
        account="acme",
        as_of_ms=JAN_28,
        values=np.zeros(len(known.features)),
        features=known.features,
        profile=UNKNOWN,
        last_active_day=None,
        first_day=None,
        completeness=1.0,
    )
    ChallengerScores(cloud.table["accounts"]).write(vector, assessment(90), Trigger.SCHEDULE)

    own = read(cloud, LIST_SCORES).body
    beside = get(LIST_SCORES, claims=claims_of("[viewer]"), query={"role": "challenger"}, account="acme")
    wrong = get(LIST_SCORES, claims=claims_of("[viewer]"), query={"role": "admin"}, account="acme")

    assert (own["role"], [one["churn_risk_score"] for one in own["scores"]]) == ("champion", [50])
    found = cloud.call(beside).body
    assert (found["role"], [one["churn_risk_score"] for one in found["scores"]]) == ("challenger", [90])
    assert cloud.call(wrong).status == 400
    record = read(cloud, GET_ACCOUNT).body
    assert record["churn_risk_score"] == 50
    assert [point["score"] for point in record["trend"]] == [50]


def test_a_score_says_what_did_not_act_on_it(cloud: Cloud) -> None:
    Records(cloud.table["accounts"]).write_score(
        "acme",
        msgspec.structs.replace(assessment(80), shadow=("churn_alerts", "model")),
        as_of_ms=JAN_28,
        scored_at=JAN_28 + 1,
        trigger="schedule",
        vector=b"",
    )

    assert read(cloud, GET_ACCOUNT).body["shadow"] == ["churn_alerts", "model"]
    assert read(cloud, LIST_SCORES).body["scores"][0]["shadow"] == ["churn_alerts", "model"]


def test_the_list_is_by_risk_and_filtered(cloud: Cloud) -> None:
    for account, value in (("a", 10), ("b", 80), ("c", 60), ("d", 99)):
        score(cloud, account, value)
        csm = ("carla" if account in "ab" else "otto") + "@acme.example"
        profile(cloud, account, Profile(csm=csm))
    profile(cloud, "e", Profile(csm="otto@acme.example"))

    assert listed(cloud) == listed(cloud, sort="-score") == ["d", "b", "c", "a", "e"]
    assert listed(cloud, sort="-churn_risk_score") == ["d", "b", "c", "a", "e"]
    assert listed(cloud, sort="score") == listed(cloud, sort="churn_risk_score") == ["a", "c", "b", "d", "e"]
    assert listed(cloud, tier="critical") == ["d", "b"]
    assert listed(cloud, tier="none") == ["e"]
    assert listed(cloud, csm="Carla@acme.example") == ["b", "a"]
    assert listed(cloud, csm="otto@acme.example", tier="high") == ["c"]
    assert read(cloud, LIST_ACCOUNTS).body["accounts"][0]["trend"] is None


def test_the_list_goes_on_with_its_cursor(cloud: Cloud) -> None:
    for number in range(5):
        score(cloud, f"a{number}", 20 * number)
    found: list[str] = []
    query = {"limit": "2"}

    while True:
        body = read(cloud, LIST_ACCOUNTS, **query).body
        found += [account["account"] for account in body["accounts"]]
        if body["cursor"] is None:
            break
        query = {"limit": "2", "cursor": body["cursor"]}

    assert found == ["a4", "a3", "a2", "a1", "a0"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"tier": "severe"}, "tier"),
        ({"sort": "name"}, "sort"),
        ({"limit": "101"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"csm": ""}, "csm"),
        ({"csm": "carla"}, "csm"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "WzFd"}, "cursor"),
        ({"page": "2"}, "page"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_name(
    cloud: Cloud, query: dict[str, str], parameter: str
) -> None:
    reply = read(cloud, LIST_ACCOUNTS, **query)

    assert (reply.status, reply.body["parameter"]) == (400, parameter)


@pytest.mark.parametrize("route", [GET_ACCOUNT, LIST_SCORES], ids=lambda route: route.operation)
def test_an_unknown_account_is_not_found(cloud: Cloud, route: Route) -> None:
    assert read(cloud, route, account="never-was").status == 404


@pytest.fixture
def own_accounts(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    """A csm sees own accounts only; carla (the caller) has two, otto one, one is nobody's."""
    path = tmp_path / "stemtide.toml"
    company = '[company]\nname = "A"\ntime_zone = "UTC"\ncurrency = "USD"\n'
    path.write_text(company + '[access]\ncsm_scope = "own"\n')
    held = dataclasses.replace(cloud.functions["api"].api(), config=load_config(path))
    monkeypatch.setattr(cloud.functions["api"], "api", lambda: held)
    for account, csm in (("carla-1", "Carla@acme.example"), ("carla-2", "carla@ACME.example")):
        profile(cloud, account, Profile(csm=csm))
    profile(cloud, "otto-1", Profile(csm="otto@acme.example"))
    profile(cloud, "nobodys", Profile(name="N"))
    for account in ("carla-1", "otto-1", "nobodys"):
        score(cloud, account, 50)
    return cloud


def test_a_csm_under_scope_own_lists_own_accounts_whatever_is_asked_for(own_accounts: Cloud) -> None:
    def as_csm(**query: str) -> list[str]:
        body = read(own_accounts, LIST_ACCOUNTS, role="csm", **query).body
        return [account["account"] for account in body["accounts"]]

    others = read(own_accounts, LIST_ACCOUNTS, limit="1").body["cursor"]

    assert as_csm() == ["carla-1", "carla-2"]
    assert as_csm(csm="CARLA@acme.example") == ["carla-1", "carla-2"]
    assert as_csm(csm="otto@acme.example") == []
    assert as_csm(tier="high") == ["carla-1"]
    assert read(own_accounts, LIST_ACCOUNTS, role="csm", cursor=others).status == 400
    assert len(listed(own_accounts)) == 4


def test_a_csm_whose_address_nobody_verified_lists_nothing(own_accounts: Cloud) -> None:
    claims = claims_of("[csm]", email_verified="false")

    assert own_accounts.call(get(LIST_ACCOUNTS, claims=claims)).body == {"accounts": [], "cursor": None}


@pytest.mark.parametrize("route", [GET_ACCOUNT, LIST_SCORES], ids=lambda route: route.operation)
def test_a_foreign_account_looks_like_one_that_never_was(own_accounts: Cloud, route: Route) -> None:
    replies = [
        read(own_accounts, route, account, role="csm") for account in ("otto-1", "nobodys", "never-was")
    ]

    assert [reply.status for reply in replies] == [404, 404, 404]
    assert replies[0].body == replies[1].body == replies[2].body
    assert read(own_accounts, route, "carla-1", role="csm").status == 200
    assert read(own_accounts, route, "otto-1", role="viewer").status == 200
