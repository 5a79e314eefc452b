"""Every role against every route: only what it may. Generated from the table of routes."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from stemtide.access import BY_KEY, GET_EPISODE, GET_USAGE, POST_EVENTS, POST_STRIPE, ROUTES, Role, Route
from stemtide.config import load_config
from stemtide.profile import Profile
from stemtide.store.episodes import EpisodeTable
from stemtide.store.records import Records

from tests.dunning_episodes import FIRST, episode
from tests.http_api import claims_of, get, post, track
from tests.integration.http.conftest import Cloud

CALLERS: dict[str, dict[str, Any] | None] = {
    "nobody": None,
    "no group": claims_of(None),
    "unknown group": claims_of("[superuser]"),
    "viewer": claims_of("[viewer]"),
    "csm": claims_of("[csm]"),
    "admin": claims_of("[admin]"),
    "csm and viewer": claims_of("[viewer csm]"),
}
EPISODE = episode()
ROLE_OF = {"viewer": Role.VIEWER, "csm": Role.CSM, "admin": Role.ADMIN, "csm and viewer": Role.CSM}


def expected(route: Route, who: str) -> int:
    if route.access == "public":
        return 404 if "{token}" in route.path else 200  # nobody has signed the link
    if route.access == "signed":
        return 400
    if route.access == "write_key" or who == "nobody":
        return 401
    return 200 if ROLE_OF.get(who) in route.access else 403


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_caller_gets_what_the_table_of_routes_says(cloud: Cloud, route: Route, who: str) -> None:
    cloud.put_usage("acme", "2024-01-03", {"page": 1})
    EpisodeTable(cloud.table["episodes"]).open(EPISODE, FIRST)
    event = get(route, claims=CALLERS[who], account=EPISODE.id if route is GET_EPISODE else "acme")
    event["body"] = post(track())["body"] if route in (POST_EVENTS, POST_STRIPE) else None

    assert cloud.call(event).status == expected(route, who)
    assert cloud.stream_records() == []


@pytest.mark.parametrize("route", [r for r in ROUTES if r.needs_token], ids=lambda route: route.operation)
def test_a_write_key_reads_nothing(cloud: Cloud, route: Route) -> None:
    event = get(route)
    event["headers"]["authorization"] = post(track())["headers"]["authorization"]

    assert cloud.call(event).status == 401


def test_every_route_is_served_by_the_function_that_it_names(cloud: Cloud) -> None:
    served = {
        "ingest": {BY_KEY["POST /v1/events"].operation},
        "api": set(cloud.functions["api"].api().operations()),
        "score": set(cloud.functions["score"].operations()),
        "preferences": set(cloud.functions["preferences"].edge().operations()),
        "webhooks": {BY_KEY["POST /v1/webhooks/stripe"].operation},
    }

    for route in ROUTES:
        assert route.operation in served[route.function]
    assert sum(map(len, served.values())) == len(ROUTES)


@pytest.fixture
def own_accounts(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    """A csm sees own accounts only: carla has one, otto another, a third has no profile."""
    path = tmp_path / "stemtide.toml"
    company = '[company]\nname = "A"\ntime_zone = "UTC"\ncurrency = "USD"\n'
    path.write_text(company + '[access]\ncsm_scope = "own"\n')
    api = cloud.functions["api"].api()
    held = dataclasses.replace(api, config=load_config(path))
    monkeypatch.setattr(cloud.functions["api"], "api", lambda: held)
    for account in ("carlas", "ottos", "nobodys"):
        cloud.put_usage(account, "2024-01-03", {"page": 1})
    for account, csm in (("carlas", "Carla@acme.example"), ("ottos", "otto@acme.example")):
        Records(cloud.table["accounts"]).write_profile(account, Profile(csm=csm), facts=1, as_of_ms=0)
    return cloud


@pytest.mark.parametrize(
    ("who", "account", "status"),
    [
        ("csm", "carlas", 200),
        ("csm", "ottos", 404),
        ("csm", "nobodys", 404),
        ("csm", "never-was", 404),
        ("csm and viewer", "ottos", 404),
        ("viewer", "ottos", 200),
        ("admin", "nobodys", 200),
    ],
)
def test_a_csm_sees_own_accounts_only(own_accounts: Cloud, who: str, account: str, status: int) -> None:
    reply = own_accounts.call(get(GET_USAGE, claims=CALLERS[who], account=account))

    assert reply.status == status


def test_a_foreign_account_looks_like_one_that_never_was(own_accounts: Cloud) -> None:
    foreign, unknown = (
        own_accounts.call(get(GET_USAGE, claims=CALLERS["csm"], account=account)).body
        for account in ("ottos", "never-was")
    )

    assert foreign == unknown


def test_an_address_that_nobody_verified_opens_no_account(own_accounts: Cloud) -> None:
    claims = claims_of("[csm]", email_verified="false")

    assert own_accounts.call(get(GET_USAGE, claims=claims, account="carlas")).status == 404
