"""The facts on the bus: what they look like, when they are told, and that their shape only grows."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stemtide.domain_events import EVENTS, RiskTierChanged, UsageDropDetected, event_of
from stemtide.drops import Drop
from stemtide.scoring.assessment import Assessment, Basis, Tier, tier_of
from stemtide.store import record_keys
from stemtide.table_stream import Change

ROOT = Path(__file__).parents[3]
DOCS = (ROOT / "docs" / "events.md").read_text()
SNAPSHOT = ROOT / "tests" / "golden" / "domain_events.json"
AS_OF = "2026-03-15T08:12:45.000Z"


def change(event: str, item: str, new: dict[str, Any] | None, old: dict[str, Any] | None = None) -> Change:
    keys = {"account": "acme", "item": item}
    return Change(
        sequence="1",
        event=event,
        keys=keys,
        new=None if new is None else {**keys, **new},
        old=None if old is None else {**keys, **old},
    )


def scored(score: int | None, *, version: str | None = None) -> dict[str, Any]:
    assessment = Assessment(
        basis=Basis.NOT_ENOUGH_DATA if score is None else Basis.MODEL if version else Basis.RULES,
        completeness=1.0,
        score=score,
        tier=None if score is None else tier_of(score),
        model_version=version,
    )
    return {
        "assessment": msgspec.json.encode(assessment).decode(),
        "as_of": AS_OF,
        "trigger": "schedule",
        "tier": "none",
    }


def put_drop(event: str = "INSERT") -> Change:
    figures = {"measure": "events", "before": 40, "now": 4, "change": -0.9}
    drop = Drop(account="acme", rule="events_down", as_of_ms=1_773_562_365_000, figures=figures)
    return change(event, record_keys.drop_key(drop), {"drop": msgspec.json.encode(drop).decode()})


def schema(event: type) -> dict[str, str]:
    return {field.name: repr(field.type) for field in msgspec.structs.fields(event)}


def test_a_new_drop_is_told_once() -> None:
    told = event_of(put_drop())

    assert isinstance(told, UsageDropDetected)
    assert (told.account, told.rule, told.day, told.as_of) == ("acme", "events_down", "2026-03-15", AS_OF)
    assert (told.measure, told.before, told.now, told.change) == ("events", 40, 4, -0.9)
    assert told == event_of(put_drop())
    assert re.fullmatch("[0-9a-f]{24}", told.id)
    assert event_of(put_drop("MODIFY")) is None


def test_a_first_score_and_a_change_of_tier_are_told() -> None:
    first = event_of(change("INSERT", "record", scored(30)))
    higher = event_of(change("MODIFY", "record", scored(80, version="v2"), scored(30)))

    assert isinstance(first, RiskTierChanged)
    assert isinstance(higher, RiskTierChanged)
    assert (first.tier, first.previous, first.previous_score) == (Tier.MEDIUM, None, None)
    assert (higher.tier, higher.previous, higher.score, higher.previous_score) == (
        "critical",
        "medium",
        80,
        30,
    )
    assert (higher.basis, higher.model_version) == (Basis.MODEL, "v2")
    assert first.id != higher.id


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (scored(31), scored(30)),
        (scored(None), None),
        (scored(None), scored(30)),
        ({"last_day": "2026-03-15"}, None),
        ({**scored(30), "last_day": "2026-03-15"}, scored(30)),
    ],
    ids=["same tier", "no data", "no data any more", "touched", "scored and touched"],
)
def test_what_changes_no_tier_is_not_told(new: dict[str, Any], old: dict[str, Any] | None) -> None:
    assert event_of(change("MODIFY", "record", new, old)) is None


@pytest.mark.parametrize("item", ["fact#x", "score#x"])
def test_other_items_and_removals_are_not_told(item: str) -> None:
    assert event_of(change("INSERT", item, {})) is None
    assert event_of(change("REMOVE", "record", None, scored(30))) is None


@pytest.mark.parametrize("event", EVENTS)
def test_an_events_fields_are_documented_in_their_order(event: type) -> None:
    part = DOCS.partition(f"## `{event.__name__}`")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `([a-z_]+)` \|", part, flags=re.M) == list(schema(event))
    [example] = re.findall(r"```json\n(.*?)```", part, flags=re.S)
    assert list(json.loads(example)) == list(schema(event))
    assert msgspec.convert(json.loads(example), event)


@pytest.mark.parametrize("event", EVENTS)
def test_an_events_shape_may_only_grow(event: type) -> None:
    snapshot = json.loads(SNAPSHOT.read_text())[event.__name__]

    now = schema(event)
    assert {name: now.get(name) for name in snapshot} == snapshot
