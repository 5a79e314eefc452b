"""When each source was heard of, in the ingest table: a small row per source and minute with news.

A row per minute instead of one that moves, so that a past instant can be asked for, too. Rows are only ever
added; the newest is the last.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from boto3.dynamodb.conditions import Attr, Key

from stemtide.as_of import as_of_text
from stemtide.calls import timestamp_ms
from stemtide.config_sources import Source, Sources
from stemtide.ports import ConflictError, SideBySide
from stemtide.sources import MINUTE_MS, Freshness, freshness, limits_of, stream_seen
from stemtide.store.errors import translated
from stemtide.store.ledger import AGGREGATE, read_lanes

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
    """Every source as of each instant; a source takes one or two queries of a few rows, and another for each
    `SPAN_MINUTES` with news that lie between the instants.

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
    found = {}
    for as_of_ms in instants:
        heard = dict(stream_seen(lanes, as_of_ms))
        heard |= {source: at[as_of_ms] for source, at in seen.items() if as_of_ms in at}
        found[as_of_ms] = freshness(heard, as_of_ms, limits, connected=sources.connected)
    return found


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
