"""When each source was heard of, in the ingest table: a small row per source and minute with news.

A row per minute instead of one that moves, so that a past instant can be asked for, too. Rows are only ever
added; the newest is the last.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from boto3.dynamodb.conditions import Attr, Key

from stemtide.as_of import as_of_text
from stemtide.calls import timestamp_ms
from stemtide.config_sources import Source, Sources
from stemtide.ports import ConflictError, SideBySide
from stemtide.sources import (
    MINUTE_MS,
    NOTED_SILENCE_MS,
    Freshness,
    freshness,
    limits_of,
    stream_seen,
    usual_silence,
)
from stemtide.store.errors import translated
from stemtide.store.event_days import read_event_days
from stemtide.store.ledger import AGGREGATE, read_lanes
from stemtide.store.source_pace import note_silence, read_silences

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
            noted = self._noted.get(source, -1)
            if minute > noted:
                self._put(source, minute, at_ms)
                if noted < 0 or (minute - noted) * MINUTE_MS > NOTED_SILENCE_MS:
                    self._note_silence(source, minute, at_ms)
                self._noted[source] = minute

    def _note_silence(self, source: Source, minute: int, at_ms: int) -> None:
        """Note how long nobody, this process or another, has heard of the source before this minute.

        Done again after a crash it notes the same. Facts that come out of order may make a silence look
        longer than it was, by as much as they are late.
        """
        before = Key("pk").eq(_pk(source)) & Key("sk").lt(as_of_text(minute * MINUTE_MS))
        for row in _query(self._table, before, limit=1):
            gap_ms = at_ms - timestamp_ms(row["at"])
            if gap_ms > NOTED_SILENCE_MS:
                note_silence(self._table, source, gap_ms=gap_ms, ended_ms=at_ms)

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
    """Every source as of each instant; a source takes one or two queries of a few rows, and another for each
    `SPAN_MINUTES` with news that lie between the instants. Of one that exceeds its limit a further one of a
    row a day tells how long it is usually silent.

    Args:
        table: boto3 Table resource of the ingest table.
        instants: epoch ms.
        sources: what is configured.
        side_by_side: asks for the sources; threads share only the table's client.

    Raises:
        UnavailableError: no answer.
    """
    lanes, limits = read_lanes(table, AGGREGATE), limits_of(sources)
    told = [source for source in Source if source is not Source.STREAM]
    asked = side_by_side(lambda source: _last_seen(table, source, instants), told)
    seen = dict(zip(told, asked, strict=True))
    found: dict[int, list[Freshness]] = {}
    heard_at: dict[int, dict[Source, int | None]] = {}
    for as_of_ms in instants:
        heard = dict(stream_seen(lanes, as_of_ms))
        heard |= {source: at[as_of_ms] for source, at in seen.items() if as_of_ms in at}
        heard_at[as_of_ms] = heard
        found[as_of_ms] = freshness(heard, as_of_ms, limits, connected=sources.connected)
    late = sorted({source for states in found.values() for source in _late(states)})
    if not late:
        return found
    paces = dict(zip(late, side_by_side(lambda source: _pace(table, source, instants), late), strict=True))
    return {
        as_of_ms: freshness(
            heard,
            as_of_ms,
            limits,
            connected=sources.connected,
            usual={source: paces[source](as_of_ms) for source in _late(found[as_of_ms])},
        )
        for as_of_ms, heard in heard_at.items()
    }


def _late(states: Collection[Freshness]) -> list[Source]:
    """The sources that were heard of and are silent for longer than their limit."""
    return [one.source for one in states if one.fresh is False and one.last_seen_ms is not None]


def _pace(table: Any, source: Source, instants: Collection[int]) -> Callable[[int], int]:
    """The usual silence of a source as of any of the instants, in ms."""
    if source is Source.STREAM:
        return read_event_days(table, min(instants), until_ms=max(instants)).usual_ms
    return partial(usual_silence, read_silences(table, source, instants))


def _last_seen(table: Any, source: Source, instants: Collection[int]) -> dict[int, int | None]:
    """When it was heard of last by each instant, None: only later; empty: never."""
    seen: dict[int, int | None] = {}
    left = sorted(set(instants), reverse=True)
    while left:
        seen |= _by_then(table, source, left)
        left = [as_of_ms for as_of_ms in left if as_of_ms not in seen]
    heard = any(at_ms is not None for at_ms in seen.values())
    return seen if heard or _query(table, Key("pk").eq(_pk(source)), limit=1) else {}


def _by_then(table: Any, source: Source, instants: Sequence[int]) -> dict[int, int | None]:
    """When it was heard of last by as many of the instants (the newest first) as one query tells.

    The row of an instant's own minute may be later than it, the one before it never is.
    """
    newest, oldest = (at_ms // MINUTE_MS for at_ms in (instants[0], instants[-1]))
    limit = min(newest - oldest + 2, SPAN_MINUTES)
    until = as_of_text(newest * MINUTE_MS)
    rows = _query(table, Key("pk").eq(_pk(source)) & Key("sk").lte(until), limit=limit)
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
