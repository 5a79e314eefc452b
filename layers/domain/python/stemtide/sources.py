"""Who told what is known of accounts, how lately each was heard of, and how much each adds.

Fresh is a property of the deployment: an account may well have no ticket for months, but when nobody's
tickets arrive any more, something is broken.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from stemtide.calls import MINUTE_MS
from stemtide.config_sources import Source, Sources
from stemtide.facts import NPS_KIND, TICKET_KIND, TRAITS_KIND, Fact
from stemtide.ports import LedgerRow
from stemtide.usual_lag import is_stale

_OF_KIND: Final = {TRAITS_KIND: Source.CRM, TICKET_KIND: Source.TICKETS, NPS_KIND: Source.NPS}
"""Other facts are of subscriptions."""
_OF_FEATURE: Final = {
    Source.CRM: ("account_age_days", "tenure_days"),
    Source.BILLING: (
        *("mrr", "days_to_renewal", "term_months", "past_upgrades", "past_downgrades", "plans_above"),
        *(
            "downgraded_last_period",
            "upgraded_last_period",
            "mrr_change_last_period",
            "terms_so_far",
            "discount",
        ),
    ),
    Source.TICKETS: (
        *("support_tickets_30d", "urgent_tickets_30d", "avg_csat"),
        *("ticket_sentiment_30d", "ticket_sentiment_trend"),
    ),
    Source.NPS: ("nps_score",),
}
"""Who tells most of what each feature of facts is made of."""
_SOURCE_OF: Final = {name: source for source, names in _OF_FEATURE.items() for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """A source as of an instant.

    `last_seen_ms` is when the newest was heard of by then (epoch ms), None: nothing by then. `fresh` is None
    when it was never connected, or was heard of only later. `usual_s` is the lag, in seconds, that is usual
    for it at that hour; None where nobody knows, or where the limit was not exceeded and nobody asked.
    """

    source: Source
    connected: bool
    last_seen_ms: int | None
    limit_s: int
    fresh: bool | None
    usual_s: int | None = None


def source_of(feature: str, declared: str) -> Source:
    """The source that a feature hangs on.

    Args:
        feature: its name.
        declared: `Feature.source`; what is made of usage, with or without the profile, hangs on the stream.

    Raises:
        KeyError: a feature of the profile that is named nowhere here.
    """
    return _SOURCE_OF[feature] if declared == "profile" else Source.STREAM


def source_of_fact(fact: Fact) -> Source:
    """Who told a fact."""
    return _OF_KIND.get(fact.kind, Source.BILLING)


def newest_heard(facts: Iterable[Fact]) -> dict[Source, int]:
    """When the newest fact of each source became known (epoch ms)."""
    return newest({source_of_fact(fact): fact.known_ms} for fact in facts)


def newest(heard: Iterable[Mapping[Source, int]]) -> dict[Source, int]:
    """The latest instant of each source."""
    found: dict[Source, int] = {}
    for one in heard:
        for source, at_ms in one.items():
            found[source] = max(at_ms, found.get(source, at_ms))
    return found


def stream_seen(rows: Iterable[LedgerRow], as_of_ms: int) -> Mapping[Source, int | None]:
    """When the aggregates' newest record by an instant arrived, by what their ledgers remember.

    That is each lane's newest and the last 32 minutes in which one began.
    """
    arrived = [row.mark_arrival for row in rows if row.mark >= 0]
    arrived += [point.minute * MINUTE_MS for row in rows for point in row.checkpoints]
    if not arrived:
        return {}
    return {Source.STREAM: max((at_ms for at_ms in arrived if at_ms <= as_of_ms), default=None)}


def limits_of(sources: Sources) -> dict[Source, int]:
    """The configured limits, in seconds."""
    minutes = msgspec.structs.asdict(sources.fresh_minutes)
    return {source: minutes[source.value] * 60 for source in Source}


def freshness(
    last_seen: Mapping[Source, int | None],
    as_of_ms: int,
    limits: Mapping[Source, int],
    *,
    connected: Collection[Source] = (),
    usual: Mapping[Source, int | None] = MappingProxyType({}),
) -> list[Freshness]:
    """Each source as of an instant, in the order of `Source`; see `usual_lag` for which is stale.

    Args:
        last_seen: when each was heard of last (epoch ms). A source that was heard of, but not by the instant,
            has None or a later one; one that never was is not in it.
        as_of_ms: the instant, epoch ms.
        limits: seconds, by source.
        connected: the configured ones.
        usual: ms, by source; see `usual_lag.usual_lag`.
    """
    return [
        _one(source, last_seen, as_of_ms, limits[source], source in connected, usual.get(source))
        for source in Source
    ]


def _one(
    source: Source,
    last_seen: Mapping[Source, int | None],
    as_of_ms: int,
    limit_s: int,
    configured: bool,
    usual_ms: int | None,
) -> Freshness:
    heard = source in last_seen
    at_ms = last_seen.get(source)
    seen = at_ms if at_ms is not None and at_ms <= as_of_ms else None
    fresh: bool | None = None
    if seen is not None:
        fresh = not is_stale(as_of_ms - seen, limit_ms=limit_s * 1000, usual_ms=usual_ms)
    elif configured and not heard:
        fresh = False
    return Freshness(
        source=source,
        connected=configured or heard,
        last_seen_ms=seen,
        limit_s=limit_s,
        fresh=fresh,
        usual_s=None if usual_ms is None else usual_ms // 1000,
    )


def known_shares(known: Iterable[tuple[Source, bool]]) -> dict[Source, float]:
    """The share of each source's features that are known."""
    flags: dict[Source, list[bool]] = {}
    for source, is_known in known:
        flags.setdefault(source, []).append(is_known)
    return {source: sum(found) / len(found) for source, found in flags.items()}
