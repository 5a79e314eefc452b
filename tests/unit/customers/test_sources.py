"""Who told what, and whether they are still heard of."""

import re
from pathlib import Path

import pytest
from stemtide.config_schema import Source, Sources
from stemtide.config_sources import FreshMinutes
from stemtide.features.registry import FEATURES, NAMES, Feature
from stemtide.ports import Checkpoint, LedgerRow
from stemtide.sources import (
    Freshness,
    freshness,
    known_shares,
    limits_of,
    newest_heard,
    source_of,
    stream_seen,
)

from tests.customer_facts import subscription, traits

AT = 1_800_000_000_000
LIMITS = limits_of(Sources())


def of(source: Source, *, connected: tuple[Source, ...] = (), **seen: int | None) -> Freshness:
    last_seen = {Source(name): at_ms for name, at_ms in seen.items()}
    [found] = [one for one in freshness(last_seen, AT, LIMITS, connected=connected) if one.source is source]
    return found


def test_the_limits_are_the_configured_ones() -> None:
    assert {source.value: limit for source, limit in LIMITS.items()} == {
        "stream": 7200,
        "tickets": 900,
        "crm": 1800,
        "billing": 3600,
        "nps": 86_400,
    }
    assert limits_of(Sources(fresh_minutes=FreshMinutes(nps=1)))[Source.NPS] == 60


@pytest.mark.parametrize(("ago_ms", "fresh"), [(0, True), (900_000, True), (900_001, False)])
def test_a_source_is_fresh_up_to_its_limit(ago_ms: int, fresh: bool) -> None:
    found = of(Source.TICKETS, tickets=AT - ago_ms)

    assert (found.connected, found.last_seen_ms, found.fresh) == (True, AT - ago_ms, fresh)


def test_who_was_never_connected_is_neither_fresh_nor_stale() -> None:
    found = of(Source.NPS, tickets=AT)

    assert (found.connected, found.last_seen_ms, found.fresh) == (False, None, None)


def test_who_is_configured_and_was_never_heard_of_is_stale() -> None:
    found = of(Source.CRM, connected=(Source.CRM,))

    assert (found.connected, found.last_seen_ms, found.fresh) == (True, None, False)


@pytest.mark.parametrize("later", [None, AT + 1])
def test_what_was_heard_of_later_says_nothing_of_an_earlier_instant(later: int | None) -> None:
    found = of(Source.CRM, connected=(Source.CRM,), crm=later)

    assert (found.connected, found.last_seen_ms, found.fresh) == (True, None, None)


def test_facts_are_heard_from_who_tells_them() -> None:
    facts = [
        traits("m-1", "2026-03-01T00:00:00Z", "2026-03-05T00:00:00Z", plan="pro"),
        traits("m-2", "2026-03-02T00:00:00Z", plan="pro"),
        subscription("Ended", "m-3", "2026-03-03T00:00:00Z"),
    ]

    assert newest_heard(facts) == {Source.CRM: facts[0].known_ms, Source.BILLING: facts[2].known_ms}


def test_the_stream_is_seen_where_any_lane_was() -> None:
    minute = AT // 60_000
    rows = [
        LedgerRow(lane="a", mark=9, mark_arrival=AT + 5, checkpoints=(Checkpoint(minute - 3, 2, 1),)),
        LedgerRow(lane="b", mark=4, mark_arrival=AT - 240_000),
        LedgerRow(lane="c"),
    ]

    assert stream_seen(rows, AT + 5) == {Source.STREAM: AT + 5}
    assert stream_seen(rows, AT) == {Source.STREAM: (minute - 3) * 60_000}
    assert stream_seen(rows, 0) == {Source.STREAM: None}
    assert stream_seen(rows[2:], AT) == {}


@pytest.mark.parametrize("feature", FEATURES, ids=NAMES)
def test_every_feature_hangs_on_a_source(feature: Feature) -> None:
    name, declared = feature.name, feature.source

    assert (source_of(name, declared) is Source.STREAM) == (declared != "profile")


def test_each_source_has_features() -> None:
    assert {source_of(feature.name, feature.source) for feature in FEATURES} == set(Source)


def test_shares_are_of_the_sources_own_features() -> None:
    known = [(Source.CRM, True), (Source.CRM, False), (Source.NPS, True), (Source.BILLING, False)]

    assert known_shares(known) == {Source.CRM: 0.5, Source.NPS: 1.0, Source.BILLING: 0.0}


@pytest.mark.parametrize("source", [source for source in Source if source is not Source.STREAM])
def test_the_docs_name_the_features_of_each_source(source: Source) -> None:
    docs = (Path(__file__).parents[3] / "docs/features.md").read_text()

    [row] = [line for line in docs.splitlines() if line.startswith(f"| `{source.value}` | ")]

    named = re.findall(r"`(\w+)`", row.split("|")[4])
    assert set(named) == {f.name for f in FEATURES if source_of(f.name, f.source) is source}
