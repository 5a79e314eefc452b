"""Facts of customers as the tests say them."""

from typing import Any

from stemtide.as_of import parse_as_of
from stemtide.calls import timestamp_ms
from stemtide.facts import (
    Fact,
    fact_of,
    fold_facts,
)
from stemtide.profile import Profile

FOREVER = timestamp_ms("2100-01-01T00:00:00Z")


def traits(message_id: str, at: str, known: str | None = None, **said: Any) -> Fact:
    call = {"type": "group", "messageId": message_id, "traits": said}
    fact = fact_of(call, known_ms=timestamp_ms(known or at), at_ms=timestamp_ms(at))
    assert fact is not None
    return fact


def subscription(what: str, message_id: str, at: str, known: str | None = None, **said: Any) -> Fact:
    call = {
        "type": "track",
        "event": f"Subscription {what}",
        "messageId": message_id,
        "properties": {"plan": "pro", **said},
    }
    fact = fact_of(call, known_ms=timestamp_ms(known or at), at_ms=timestamp_ms(at))
    assert fact is not None
    return fact


def at(text: str, *facts: Fact) -> Profile:
    return fold_facts(facts, parse_as_of(text))
