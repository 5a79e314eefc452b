"""When each source was heard of, in the ingest table: a small row per source and minute with news.

A row per minute instead of one that moves, so that a past instant can be asked for, too. Rows are only ever
added; the newest is the last.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from boto3.dynamodb.conditions import Attr, Key

from stemtide.as_of import as_of_text
from stemtide.calls import MINUTE_MS, timestamp_ms
from stemtide.config_sources import Source, Sources
from stemtide.ports import ConflictError, LedgerRow, SideBySide
from stemtide.sources import Freshness, freshness, limits_of, stream_seen
from stemtide.store.errors import translated
from stemtide.store.event_days import read_event_days
from stemtide.store.ledger import AGGREGATE, read_lanes
from stemtide.usual_lag import day_before, usual_lag, weeks_before

T = TypeVar("T")
R = TypeVar("R")

KEPT_S: Final = 400 * 86_400
"""As long as scores are."""
SPAN_MINUTES: Final = 60
"""Rows that one query brings where several instants are asked for."""


class SourceNotes:
    """Notes who was heard of (`table`: boto3 Table resource of the ingest table).

    A process writes at most one row a delivery, source and minute, and none older than its last: a replay of
    years costs no more than its deliveries.
    """

    def __init__(self, table: Any) -> None:
        self._table = table
        self._noted: dict[Source, int] = {}

    def note(self, heard: Mapping[Source, int]) -> None:
        """Note when the newest of each source was heard of (epoch ms).

        Raises:
            UnavailableError: outcome unknown; the same again does no harm.
        """
        for source, at_ms in heard.items():
            minute = at_ms // MINUTE_MS
            if minute > self._noted.get(source, -1):
                self._put(source, minute, at_ms)
                self._noted[source] = minute

    def _put(self, source: Source, minute: int, at_ms: int) -> None:
        """Put the row unless another process, or a lost reply's first try, has put one of the minute."""
        item = {
            "pk": _pk(source),
            "sk": as_of_text(minute * MINUTE_MS),
            "at": as_of_text(at_ms),
            "expires_at": int(time.time()) + KEPT_S,
        }
        try:
            with translated():
                self._table.put_item(Item=item, ConditionExpression=Attr("pk").not_exists())
        except ConflictError:
            return


def read_freshness(table: Any, as_of_ms: int, sources: Sources) -> list[Freshness]:
    """Every source as of an instant; see `read_freshness_at`."""
    return read_freshness_at(table, [as_of_ms], sources)[as_of_ms]


def one_by_one(step: Callable[[T], R], items: Iterable[T], /) -> list[R]:
    """`ports.SideBySide` for those who are in no hurry."""
    return [step(item) for item in items]


def read_freshness_at(
    table: Any, instants: Collection[int], sources: Sources, *, side_by_side: SideBySide = one_by_one
) -> dict[int, list[Freshness]]:
    """Every source as of each instant; a source takes a query of a few rows, of the past two, and another for
    each `SPAN_MINUTES` with news that lie between the instants. One that exceeds its limit is asked for the
    same hour of the weeks before, too: a query where it tells seldom, else up to four.

    Args:
        table: boto3 Table resource of the ingest table.
        instants: epoch ms.
        sources: what is configured.
        side_by_side: asks for the sources; threads share only the table's client.

    Raises:
        UnavailableError: no answer.
    """
    limits, lanes = limits_of(sources), list[LedgerRow]()

    def last_seen(source: Source) -> dict[int, int | None]:
        if source is not Source.STREAM:
            return _last_seen(table, source, instants)
        lanes.extend(read_lanes(table, AGGREGATE))
        return {}

    seen = dict(zip(Source, side_by_side(last_seen, Source), strict=True))
    heard_at: dict[int, dict[Source, int | None]] = {}
    for as_of_ms in instants:
        heard = dict(stream_seen(lanes, as_of_ms))
        heard |= {source: at[as_of_ms] for source, at in seen.items() if as_of_ms in at}
        heard_at[as_of_ms] = heard

    def states(usual: Mapping[int, Mapping[Source, int | None]]) -> dict[int, list[Freshness]]:
        return {
            as_of_ms: freshness(
                heard, as_of_ms, limits, connected=sources.connected, usual=usual.get(as_of_ms, {})
            )
            for as_of_ms, heard in heard_at.items()
        }

    found = states({})
    late: dict[Source, list[int]] = {}
    for as_of_ms, one in found.items():
        for source in _late(one):
            late.setdefault(source, []).append(as_of_ms)
    if not late:
        return found
    paces = side_by_side(lambda entry: _usual(table, *entry), late.items())
    usual: dict[int, dict[Source, int | None]] = {}
    for source, pace in zip(late, paces, strict=True):
        for as_of_ms, usual_ms in pace.items():
            usual.setdefault(as_of_ms, {})[source] = usual_ms
    return states(usual)


def _late(states: Collection[Freshness]) -> list[Source]:
    """The sources that were heard of and are silent for longer than their limit."""
    return [one.source for one in states if one.fresh is False and one.last_seen_ms is not None]


def _usual(table: Any, source: Source, instants: Collection[int]) -> dict[int, int | None]:
    """The lag that is usual for a source at the hour of each instant, in ms."""
    if source is Source.STREAM:
        days = read_event_days(table, min(instants), until_ms=max(instants))
        return {as_of_ms: days.usual_ms(as_of_ms) for as_of_ms in instants}
    seen = _by_then(table, source, {at_ms for as_of_ms in instants for at_ms in weeks_before(as_of_ms)})

    def lag(at_ms: int) -> int | None:
        heard = seen.get(at_ms)
        return None if heard is None else at_ms - heard

    usual = {as_of_ms: usual_lag(lag, as_of_ms) for as_of_ms in instants}
    new = [as_of_ms for as_of_ms, usual_ms in usual.items() if usual_ms is None]
    seen |= _by_then(table, source, {day_before(as_of_ms) for as_of_ms in new})
    return usual | {as_of_ms: usual_lag(lag, as_of_ms) for as_of_ms in new}


def _last_seen(table: Any, source: Source, instants: Collection[int]) -> dict[int, int | None]:
    """When it was heard of last by each instant, None: only later; empty: never."""
    left = sorted(set(instants), reverse=True)
    newest = _newest(table, source, left, until_ms=None)
    if newest is None:
        return {}
    return newest | _by_then(table, source, [as_of_ms for as_of_ms in left if as_of_ms not in newest])


def _by_then(table: Any, source: Source, instants: Iterable[int]) -> dict[int, int | None]:
    """When it was heard of last by each instant."""
    seen: dict[int, int | None] = {}
    left = sorted(set(instants), reverse=True)
    while left:
        seen |= _newest(table, source, left, until_ms=left[0]) or dict.fromkeys(left)
        left = [as_of_ms for as_of_ms in left if as_of_ms not in seen]
    return seen


def _newest(
    table: Any, source: Source, instants: Sequence[int], *, until_ms: int | None
) -> dict[int, int | None] | None:
    """When it was heard of last by as many of the instants (the newest first) as one query tells; None: it
    never was.

    The row of an instant's own minute may be later than it, the one before it never is.

    Args:
        until_ms: of rows up to then (None: of all); the newest instant's where any is given.
    """
    newest, oldest = (at_ms // MINUTE_MS for at_ms in (instants[0], instants[-1]))
    limit = min(newest - oldest + 2, SPAN_MINUTES)
    condition = Key("pk").eq(_pk(source))
    if until_ms is not None:
        condition &= Key("sk").lte(as_of_text(until_ms // MINUTE_MS * MINUTE_MS))
    rows = _query(table, condition, limit=limit)
    if not rows:
        return None
    heard = [timestamp_ms(row["at"]) for row in rows]
    found: dict[int, int | None] = {}
    for as_of_ms in instants:
        at_ms = next((at_ms for at_ms in heard if at_ms <= as_of_ms), None)
        if at_ms is None and len(rows) == limit:
            break  # older rows follow
        found[as_of_ms] = at_ms
    return found


def _query(table: Any, condition: Any, *, limit: int) -> list[dict[str, Any]]:
    with translated():
        found = table.meta.client.query(
            TableName=table.name,
            KeyConditionExpression=condition,
            ScanIndexForward=False,
            Limit=limit,
            ConsistentRead=True,
        )
    items: list[dict[str, Any]] = found["Items"]
    return items


def _pk(source: Source) -> str:
    return f"source#{source.value}"
