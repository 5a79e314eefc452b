"""From features to events and back."""

from dataclasses import replace
from enum import IntEnum
from math import isnan
from typing import Any

import pytest
from stemtide import facts
from stemtide.calls import DAY_MS
from stemtide.config_schema import Events, Plan, Signal
from stemtide.facts import fact_of, standing_at
from stemtide.features.history import Counter, Meanings
from stemtide.features.profile_columns import Basis, facts_of
from stemtide.features.registry import BY_NAME, FEATURES, Feature
from stemtide.features.view import Distinct, Fact
from stemtide.lineage import Input, feeds, inputs_of, reads_of

EVENTS = Events()
NAMES = ("Report Created", "API Call", "Signed In", "Invite Sent", "Comment Added", "page", "group", "x",
         "Subscription Started", "Support Ticket Created", "NPS Submitted")  # fmt: skip


def inputs(name: str) -> dict[str, Input]:
    return {one.name: one for one in inputs_of(BY_NAME[name], EVENTS)}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_feature_has_inputs_and_it_is_known_what_feeds_them(feature: Feature) -> None:
    found = inputs_of(feature, EVENTS)

    assert found
    assert all(one.exact for one in found)
    assert all(one.patterns for one in found)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_features_of_the_profile_read_facts_and_those_of_usage_none(feature: Feature) -> None:
    kinds = {one.kind for one in inputs_of(feature, EVENTS)}

    assert ("fact" in kinds) == (feature.source in ("profile", "both"))
    assert (kinds == {"fact"}) == (feature.source == "profile")


def test_a_feature_leads_to_its_signal_and_the_configured_patterns() -> None:
    found = inputs("core_action_share")

    assert list(found) == ["core_actions", "events"]
    assert found["core_actions"].signal is Signal.CORE_ACTION
    assert found["core_actions"].patterns == EVENTS.core_actions
    assert found["core_actions"].matching(["page", "Report Created", "x"], EVENTS) == ["Report Created"]
    assert found["events"].matching(NAMES, EVENTS) == list(NAMES)
    assert [read.numbers for read in found["events"].reads] == [(30,)]


def test_a_feature_of_both_sources_names_both() -> None:
    found = inputs("seat_utilization")

    assert {one.kind for one in found.values()} == {"distinct", "fact"}
    assert found["seats"].matching(NAMES, EVENTS) == ["group", "Subscription Started"]


def test_features_in_use_leave_out_logins_page_views_and_facts() -> None:
    found = inputs("features_adopted")["types_30"]

    assert found.matching(NAMES, EVENTS) == [
        "Report Created",
        "API Call",
        "Invite Sent",
        "Comment Added",
        "x",
    ]


def test_a_feature_that_only_asks_since_when_it_is_known_reads_the_history() -> None:
    assert list(inputs("history_days")) == ["history"]


@pytest.mark.parametrize("counter", Counter)
def test_what_feeds_a_counter_is_what_histories_count(counter: Counter) -> None:
    counted = Meanings.of(NAMES, EVENTS).signals.get(counter)
    expected = list(NAMES) if counted is None else [n for n, flag in zip(NAMES, counted, strict=True) if flag]

    [found] = inputs_of(_asking(lambda view: view.total(counter, 7)), EVENTS)

    assert found.exact
    assert found.matching(NAMES, EVENTS) == expected


@pytest.mark.parametrize(
    "which", [*Distinct, *Fact], ids=lambda which: f"{type(which).__name__}.{which.name}"
)
def test_it_is_known_what_feeds_every_distinct_count_and_every_fact(which: Distinct | Fact) -> None:
    [found] = inputs_of(
        _asking(lambda view: view.fact(which) if isinstance(which, Fact) else view.distinct(which)), EVENTS
    )

    assert found.exact
    assert found.matching(NAMES, EVENTS)


def said(number: int, event: str | None = None, **bag: Any) -> facts.Fact:
    """A fact of a group call's traits or, with an event, of its properties."""
    about = {"type": "group", "traits": bag} if event is None else {"type": "track", "event": event}
    at_ms = (20_000 + number) * DAY_MS
    found = fact_of({"messageId": str(number), "properties": bag, **about}, known_ms=at_ms, at_ms=at_ms)
    assert found is not None
    return found


SAID = {
    "group": [
        said(0, name="Acme", plan="pro", seats=9, mrr=900, currency="EUR", created_at="2024-01-01T00:00:00Z",
             renewal_date="2030-01-01")
    ],
    "Subscription *": [
        said(1, "Subscription Started", plan="basic", mrr=100, quantity=5, units="seats", term_months=12),
        said(2, "Subscription Changed", plan="pro", mrr=200, quantity=5, units="seats", term_months=12),
    ],
    "Support Ticket *": [said(3, "Support Ticket Created", ticket_id="t", priority="high", csat=5)],
    "NPS Submitted": [said(4, "NPS Submitted", score=9)],
}  # fmt: skip
PLANS = (Plan(name="basic", rank=1), Plan(name="pro", rank=2))


@pytest.mark.parametrize("which", Fact, ids=lambda which: which.name)
def test_a_column_of_the_profile_is_said_by_exactly_the_calls_that_make_it_known(which: Fact) -> None:
    day = 20_010
    tells = [
        pattern
        for pattern, heard in SAID.items()
        if not isnan(facts_of(standing_at(heard, day * DAY_MS), day, Basis(plans=PLANS))[which])
    ]

    [found] = inputs_of(_asking(lambda view: view.fact(which)), EVENTS)

    assert list(found.patterns) == tells


class Unheard(IntEnum):
    THINGS = 0


def test_what_nobody_knows_of_is_said_to_come_from_any_event() -> None:
    assert [read.method for read in reads_of(lambda view: view.history + view.known(30))] == [
        "history",
        "known",
    ]
    [found] = inputs_of(_asking(lambda view: view.batch and view.distinct(Unheard.THINGS)), EVENTS)
    assert (found.kind, found.exact, found.patterns) == ("unheard", False, ("*",))


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

    assert by_name == {"logins_7d", "login_trend", "logins_against_usual", "days_since_last_login"}
    assert nps == ["nps_score"]


def _asking(formula: Any) -> Feature:
    return replace(FEATURES[0], formula=formula)
