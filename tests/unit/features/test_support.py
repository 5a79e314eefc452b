"""What support tickets and NPS answers tell."""

import math
from typing import Any

import pytest
from stemtide.as_of import end_of_day_ms
from stemtide.calls import Reason
from stemtide.config_schema import Source
from stemtide.facts import Fact, UnusableFactError, fact_of, standing_at
from stemtide.features.kernel import Row, compute
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import NAMES

from tests.features_support import NOW, history

SUPPORT = ("support_tickets_30d", "urgent_tickets_30d", "avg_csat", "nps_score")


def said(event: str, ago: int, properties: dict[str, Any], *, known_ago: int | None = None) -> Fact:
    at = end_of_day_ms(NOW - ago) - 1000
    known = at if known_ago is None else end_of_day_ms(NOW - known_ago) - 1000
    call = {"type": "track", "event": event, "messageId": f"{event}-{ago}-{properties}"}
    fact = fact_of({**call, "properties": properties}, known_ms=known, at_ms=at)
    assert fact is not None
    return fact


def opened(ago: int, ticket: str, **more: Any) -> Fact:
    return said("Support Ticket Created", ago, {"ticket_id": ticket, **more})


def updated(ago: int, ticket: str, **more: Any) -> Fact:
    return said("Support Ticket Updated", ago, {"ticket_id": ticket, **more})


def support(*facts: Fact, at: int = NOW, connected: tuple[Source, ...] = ()) -> list[float | None]:
    row = Row(history(), standing_at(facts, end_of_day_ms(at)), at)
    [values] = compute([row], basis=Basis(sources=connected)).tolist()
    found = dict(zip(NAMES, values, strict=True))
    return [None if math.isnan(found[name]) else found[name] for name in SUPPORT]


def test_an_account_without_tickets_has_none_only_where_tickets_are_known_to_come() -> None:
    assert support() == [None, None, None, None]
    assert support(connected=(Source.TICKETS,)) == [0, 0, None, None]


def test_tickets_are_counted_once_by_when_they_were_first_heard_of() -> None:
    facts = [
        opened(40, "t-1", priority="urgent"),
        updated(3, "t-1", csat=1),
        opened(29, "t-2", priority="normal"),
        updated(28, "t-2", priority="HIGH"),
        opened(1, "t-3", csat=4),
        updated(0, "t-3", csat=5),
        updated(2, "t-4", priority="low", csat=2),
    ]

    assert support(*facts) == [3, 1, 3.5, None]
    assert support(*facts[::-1]) == [3, 1, 3.5, None]
    assert support(*facts, at=NOW - 29) == [2, 1, None, None]
    assert support(*facts, at=NOW + 60) == [0, 0, None, None]


@pytest.mark.parametrize(("ago", "tickets"), [(29, 1), (30, 0)])
def test_the_window_has_thirty_days(ago: int, tickets: int) -> None:
    assert support(opened(ago, "t-1"))[0] == tickets


def test_a_value_is_taken_back_by_null() -> None:
    assert support(opened(5, "t-1", csat=1, priority="high"), updated(4, "t-1", csat=None)) == [
        1,
        1,
        None,
        None,
    ]


def test_the_latest_answer_counts_as_it_was_known() -> None:
    facts = [
        said("NPS Submitted", 50, {"score": 9}),
        said("NPS Submitted", 20, {"score": 0}, known_ago=5),
    ]

    assert support(*facts)[3] == 0
    assert support(*facts, at=NOW - 6)[3] == 9
    assert support(*facts, at=NOW - 60)[3] is None


@pytest.mark.parametrize(
    ("event", "properties", "reason", "text"),
    [
        ("Support Ticket Created", {}, Reason.BAD_TICKET, "ticket_id is None: send the id"),
        ("Support Ticket Updated", {"ticket_id": ""}, Reason.BAD_TICKET, "ticket_id is '': send the id"),
        ("NPS Submitted", {"score": 11}, Reason.BAD_NPS, "score is 11: send a whole number from 0 to 10"),
        ("NPS Submitted", {"score": 7.5}, Reason.BAD_NPS, "score is 7.5"),
        ("NPS Submitted", None, Reason.BAD_NPS, "score is None"),
    ],
)
def test_an_event_that_says_nothing_usable_is_refused_with_the_remedy(
    event: str, properties: Any, reason: Reason, text: str
) -> None:
    call = {"type": "track", "event": event, "messageId": "m-1", "properties": properties}

    with pytest.raises(UnusableFactError, match=text) as refused:
        fact_of(call, known_ms=0, at_ms=0)

    assert refused.value.reason is reason


def test_a_part_that_cannot_be_is_left_out_and_named() -> None:
    fact = opened(1, "t-1", priority="extreme", csat="good", text="x" * 5000)

    assert (fact.data["ticket_id"], len(fact.data["text"])) == ("t-1", 2000)
    assert fact.dropped == {
        "priority": "priority is 'extreme': send one of low, normal, high, urgent",
        "csat": "csat is 'good': send a number, not negative",
    }
    assert support(fact) == [1, 0, None, None]


def moods(*facts: Fact) -> list[float | None]:
    row = Row(history(), standing_at(facts, end_of_day_ms(NOW)), NOW)
    [values] = compute([row]).tolist()
    found = dict(zip(NAMES, values, strict=True))
    names = ("ticket_sentiment_30d", "ticket_sentiment_trend")
    return [None if math.isnan(found[name]) else round(found[name], 9) for name in names]


def test_the_sentiment_of_a_month_is_compared_with_the_two_before() -> None:
    facts = [
        opened(200, "t-9", sentiment=1.0),
        opened(90, "t-0", sentiment=1.0),
        opened(89, "t-1", sentiment=0.5),
        opened(30, "t-2", sentiment=0.1),
        opened(29, "t-3", sentiment=-0.4),
        opened(0, "t-4", sentiment=0.0),
        opened(1, "t-5"),
    ]

    assert moods(*facts) == [-0.2, -0.5]
    assert moods(*facts[4:]) == [-0.2, None]
    assert moods(*facts[:4]) == [None, None]
    assert moods() == [None, None]
