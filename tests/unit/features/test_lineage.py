"""From features to events and back."""

from dataclasses import replace
from functools import cache
from math import isnan
from typing import Any

import msgspec
import pytest
from stemtide import facts
from stemtide.calls import DAY_MS, is_told
from stemtide.config_schema import Events, Group, Plan, Signal
from stemtide.facts import fact_of, standing_at
from stemtide.features.formulas import Formula
from stemtide.features.history import Counter, Meanings
from stemtide.features.profile_columns import Basis, facts_of
from stemtide.features.registry import FEATURES, Feature, Shape, registry
from stemtide.features.usage_at import Distinct
from stemtide.features.view import Fact
from stemtide.lineage import TERMS, TICKETS, Input, feeds, inputs_of

EVENTS = Events()
DAY = 20_010
NAMES = ("Report Created", "API Call", "Signed In", "Invite Sent", "Comment Added", "page", "group", "x",
         "Subscription Started", "Support Ticket Created", "NPS Submitted")  # fmt: skip
USED = ["Report Created", "API Call", "Signed In", "Invite Sent", "Comment Added", "page", "x"]


@cache
def known_inputs() -> dict[str, list[Input]]:
    return {one.name: read for one, read in zip(FEATURES, inputs_of(FEATURES, EVENTS), strict=True)}


def inputs(name: str) -> dict[str, Input]:
    return {one.name: one for one in known_inputs()[name]}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_feature_has_inputs_and_it_is_known_what_feeds_them(feature: Feature) -> None:
    found = known_inputs()[feature.name]

    assert found
    assert all(one.exact for one in found)
    assert all(one.patterns for one in found)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_features_of_the_profile_read_facts_and_those_of_usage_none(feature: Feature) -> None:
    kinds = {one.kind for one in known_inputs()[feature.name]}

    assert ("fact" in kinds) == (feature.source in ("profile", "both"))
    assert (kinds == {"fact"}) == (feature.source == "profile")


def test_a_feature_leads_to_its_signal_and_the_configured_patterns() -> None:
    found = inputs("core_action_share")

    assert set(found) == {"core_actions", "events"}
    assert found["core_actions"].signal is Signal.CORE_ACTION
    assert found["core_actions"].patterns == EVENTS.core_actions
    assert found["core_actions"].matching(["page", "Report Created", "x"]) == ["Report Created"]
    assert found["events"].matching(NAMES) == USED


def test_a_feature_of_both_sources_names_both() -> None:
    found = inputs("seat_utilization")

    assert {one.kind for one in found.values()} == {"distinct", "fact"}
    assert found["seats"].matching(NAMES) == ["group", "Subscription Started"]


def test_features_in_use_leave_out_logins_page_views_and_facts() -> None:
    found = inputs("features_adopted")["types_30"]

    assert found.matching(NAMES) == [
        "Report Created",
        "API Call",
        "Invite Sent",
        "Comment Added",
        "x",
    ]


def test_a_feature_that_only_asks_since_when_it_is_known_reads_the_history() -> None:
    assert list(inputs("history_days")) == ["history"]


@pytest.mark.parametrize("counter", Counter, ids=lambda counter: counter.name)
def test_what_feeds_a_counter_is_what_histories_count(counter: Counter) -> None:
    column = Meanings.of(NAMES, EVENTS).columns[counter]
    counted = {
        Counter.USERS: list(NAMES),
        Counter.ACTIVE: [name for name in NAMES if not is_told(name)],
    }.get(counter, [name for name, flag in zip(NAMES, column, strict=True) if flag])

    [found] = asking(lambda view: view.total(counter, 7))

    assert found.exact
    assert found.matching(NAMES) == counted


@pytest.mark.parametrize("which", Distinct, ids=lambda which: which.name)
def test_it_is_known_what_feeds_every_distinct_count(which: Distinct) -> None:
    [found] = asking(lambda view: view.distinct(which))

    assert found.name == which.name.lower()
    assert found.exact
    assert found.matching(NAMES)


def test_comments_feed_those_who_comment() -> None:
    assert inputs("users_commenting")["commenters_30"].matching(NAMES) == ["Comment Added"]


def test_configured_parts_and_meters_are_inputs_by_their_names() -> None:
    events = Events(
        features=(Group(name="reports", events=("Report *",)),),
        meters=(Group(name="exports", events=("* Exported",)),),
    )
    known = registry(Shape.of(events)).by_name
    names = ["Report Created", "Report Exported", "page"]
    asked = ("reports_share_30d", "features_adopted", "exports_limit_use")

    share, adopted, used = inputs_of([known[name] for name in asked], events)

    assert {one.name: one.matching(names) for one in share} == {"events": names, "reports": names[:2]}
    assert [one.matching(names) for one in adopted] == [names[:2]]
    assert {one.name: (one.kind, one.matching([*names, "group"])) for one in used} == {
        "exports": ("meter", ["Report Exported"]),
        "exports_limit": ("fact", ["group"]),
    }


def said(number: int, event: str | None = None, **bag: Any) -> facts.Fact:
    """A fact of a group call's traits or, with an event, of its properties."""
    about = {"type": "group", "traits": bag} if event is None else {"type": "track", "event": event}
    at_ms = (20_000 + number) * DAY_MS
    found = fact_of({"messageId": str(number), "properties": bag, **about}, known_ms=at_ms, at_ms=at_ms)
    assert found is not None
    return found


SAID = {
    ("group",): [
        said(0, name="Acme", plan="pro", seats=9, mrr=900, currency="EUR", created_at="2024-01-01T00:00:00Z",
             renewal_date="2030-01-01")
    ],
    TERMS: [
        said(1, "Subscription Started", plan="basic", mrr=100, quantity=5, units="seats", term_months=12),
        said(2, "Subscription Changed", plan="pro", mrr=200, quantity=5, units="seats", term_months=12),
    ],
    TICKETS: [
        said(number, "Support Ticket Created", ticket_id=f"t-{number}", priority="high", csat=5)
        for number in (-40, 3)
    ],
    ("NPS Submitted",): [said(4, "NPS Submitted", score=9)],
}  # fmt: skip
PLANS = (
    Plan(name="basic", rank=1),
    Plan(name="pro", rank=2, mrr=1_000, limits={"seats": 9, "api_calls": 900}),
)
BASIS = Basis(plans=PLANS, currency="EUR")


@cache
def profile_columns(events: tuple[str, ...]) -> list[float]:
    """The columns of a profile of which only these calls are known; tickets have been read for sentiment."""
    standing = standing_at(SAID[events], DAY * DAY_MS)
    tickets = tuple(msgspec.structs.replace(ticket, sentiment=0.5) for ticket in standing.tickets)
    return facts_of(msgspec.structs.replace(standing, tickets=tickets), DAY, BASIS)


@pytest.mark.parametrize("which", Fact, ids=lambda which: which.name)
def test_a_column_of_the_profile_is_said_by_exactly_the_calls_that_make_it_known(which: Fact) -> None:
    tells = [name for events in SAID if not isnan(profile_columns(events)[which]) for name in events]

    [found] = asking(lambda view: view.fact(which))

    assert found.exact
    assert list(found.patterns) == tells


@pytest.mark.parametrize("name", ["Subscription Paused", "Support Ticket Solved", "NPS Dismissed"])
def test_a_reserved_event_that_says_nothing_feeds_no_column_of_the_profile(name: str) -> None:
    assert fact_of({"type": "track", "event": name, "messageId": "m"}, known_ms=0, at_ms=0) is None

    fed = [one for inputs in known_inputs().values() for one in inputs if one.matches(name)]

    assert "users" in {one.name for one in fed}
    assert [one for one in fed if one.kind == "fact"] == []


def test_what_a_formula_only_looks_at_is_no_input() -> None:
    [found] = asking(lambda view: view.total(Counter.LOGINS, 7) + 0 * view.total(Counter.EVENTS, 7))

    assert found.name == "logins"


def test_an_event_type_feeds_what_asks_for_its_like() -> None:
    by_name = {
        feature.name
        for feature, through in feeds("Signed In", FEATURES, EVENTS)
        if any(one.signal is Signal.LOGIN for one in through)
    }
    nps = [
        feature.name
        for feature, through in feeds("NPS Submitted", FEATURES, EVENTS)
        if any(one.kind == "fact" for one in through)
    ]

    assert by_name == {
        *("logins_7d", "login_trend", "logins_against_usual", "days_since_last_login", "total_logins")
    }
    assert nps == ["nps_score"]


def asking(formula: Formula) -> list[Input]:
    """What a feature with this formula would read."""
    [found] = inputs_of([replace(FEATURES[0], formula=formula)], EVENTS)
    return found
