"""What is said of a customer, and the profile as of an instant."""

from typing import Any

import pytest
from stemtide.as_of import parse_as_of
from stemtide.calls import timestamp_ms
from stemtide.facts import (
    UnusableFactError,
    fact_of,
    fold_facts,
    problems_of,
)
from stemtide.profile import Profile

from tests.customer_facts import FOREVER, at, subscription, traits


def test_the_traits_of_a_group_call_are_the_profile() -> None:
    said = {
        "name": "Acme",
        "plan": "pro",
        "seats": 12,
        "limits": {"seats": 20, "api_calls": None},
        "mrr": 49_000,
        "currency": "eur",
        "renewal_date": "2026-12-31",
        "csm": "Carla@acme.example",
        "time_zone": "Europe/Berlin",
        "employees": 120,
        "created_at": "2024-05-01T12:00:00+02:00",
        "stripe_customer_id": "cus_1",
        "zendesk_organization_id": "77",
        "do_not_contact": True,
        "favourite_colour": "blue",
    }

    profile = at("2026-01-01", traits("m-1", "2026-01-01T00:00:00Z", **said))

    assert profile == Profile(
        name="Acme",
        plan="pro",
        seats=12,
        limits={"seats": 20},
        mrr=49_000,
        currency="EUR",
        renewal_date="2026-12-31",
        csm="Carla@acme.example",
        time_zone="Europe/Berlin",
        employees=120,
        created_at="2024-05-01T10:00:00.000Z",
        stripe_customer_id="cus_1",
        zendesk_organization_id="77",
        do_not_contact=True,
        subscribed=True,
        since_ms=timestamp_ms("2024-05-01T10:00:00Z"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seats", "many"),
        ("seats", True),
        ("seats", -1),
        ("seats", 3.0),
        ("mrr", 12.5),
        ("mrr", 2**53 + 1),
        ("limits", {"Seats": 1}),
        ("limits", {"seats": "5"}),
        ("limits", [1]),
        ("csm", "carla"),
        ("csm", "a@b\n@c"),
        ("csm", "x" * 300 + "@b.c"),
        ("csm", "\u202ea@b.c"),
        ("csm", {"$ne": 1}),
        ("name", ""),
        ("name", "a\x00b"),
        ("currency", "euro"),
        ("renewal_date", "soon"),
        ("renewal_date", 20261231),
        ("created_at", 1_700_000_000),
        ("time_zone", "../../etc/passwd"),
        ("do_not_contact", "yes"),
        ("employees", 1e400),
    ],
)
def test_an_unusable_trait_is_left_out_named_and_costs_no_other(name: str, value: Any) -> None:
    fact = traits("m-1", "2026-01-01T00:00:00Z", **{"plan": "pro", name: value})

    profile = at("2026-01-01", fact)

    assert getattr(profile, name) == getattr(Profile(), name)
    assert profile.plan == "pro"
    (problem,) = problems_of([fact], FOREVER)
    assert problem.name == name
    assert problem.detail.startswith(f"{name} is ")
    assert "send" in problem.detail


def test_a_problem_is_over_once_the_trait_was_said_correctly() -> None:
    bad = traits("m-1", "2026-01-01T00:00:00Z", seats="many", mrr=1.5)
    good = traits("m-2", "2026-01-02T00:00:00Z", seats=7)

    assert [p.name for p in problems_of([good, bad], parse_as_of("2026-01-01"))] == ["mrr", "seats"]
    assert [p.name for p in problems_of([good, bad], FOREVER)] == ["mrr"]


def test_null_takes_a_trait_back_and_what_is_not_said_stays() -> None:
    first = traits("m-1", "2026-01-01T00:00:00Z", plan="pro", name="Acme", csm="a@b.c")
    second = traits("m-2", "2026-01-02T00:00:00Z", plan=None, csm=None)

    profile = at("2026-02-01", first, second)

    assert (profile.plan, profile.name, profile.csm, profile.subscribed) == (None, "Acme", None, False)


def test_what_happened_last_counts_and_not_what_came_last() -> None:
    late = traits("m-1", "2026-01-01T00:00:00Z", known="2026-01-09T00:00:00Z", plan="old", seats=3)
    early = traits("m-2", "2026-01-05T00:00:00Z", plan="new")

    assert at("2026-01-31", late, early).plan == "new"
    assert at("2026-01-31", late, early).seats == 3


@pytest.mark.parametrize("ids", [("m-1", "m-2"), ("m-2", "m-1"), ("a", "z"), ("z", "a")])
def test_of_what_happened_in_the_same_millisecond_what_came_last_counts(ids: tuple[str, str]) -> None:
    instant, later = "2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z"
    first = traits(ids[0], instant, plan="old", seats=3)
    second = traits(ids[1], instant, known=later, plan="new")

    for facts in ((first, second), (second, first)):
        assert (at("2026-01-31", *facts).plan, at("2026-01-31", *facts).seats) == ("new", 3)
        assert fold_facts(facts, first.known_ms).plan == "old"


def test_nothing_that_became_known_later_is_in_the_profile_of_an_instant() -> None:
    first = subscription("Started", "m-1", "2026-01-01T00:00:00Z", mrr=100)
    ended = subscription("Ended", "m-2", "2026-01-15T00:00:00Z", known="2026-02-01T00:00:00Z")

    assert at("2026-01-31", first, ended).subscribed is True
    assert at("2026-02-01", first, ended).subscribed is False
    assert fold_facts([first, ended], first.known_ms - 1) == Profile()


def test_a_fact_that_came_twice_counts_as_it_came_first() -> None:
    first = traits("m-1", "2026-01-01T00:00:00Z", plan="pro")
    again = traits("m-1", "2026-01-03T00:00:00Z", plan="basic")

    assert at("2026-01-31", again, first) == at("2026-01-31", first)


@pytest.mark.parametrize("properties", [None, {}, {"plan": 5}, {"plan": ""}, {"plan": None, "mrr": 5}])
def test_a_subscription_without_a_plan_is_refused_with_what_to_send(properties: Any) -> None:
    call = {
        "type": "track",
        "event": "Subscription Started",
        "messageId": "m-1",
        "properties": properties,
    }

    with pytest.raises(UnusableFactError, match=r"properties\.plan is .*: send"):
        fact_of(call, known_ms=0, at_ms=0)


@pytest.mark.parametrize(
    "call",
    [
        {"type": "group", "messageId": "m-1"},
        {"type": "group", "messageId": "m-1", "traits": {"colour": "blue"}},
        {"type": "track", "event": "Subscription Paused", "messageId": "m-1"},
        {"type": "track", "event": "Report Viewed", "messageId": "m-1"},
        {"type": "identify", "messageId": "m-1", "traits": {"plan": "pro"}},
    ],
)
def test_a_call_that_says_nothing_of_the_profile_is_no_fact(call: dict[str, Any]) -> None:
    assert fact_of(call, known_ms=0, at_ms=0) is None
