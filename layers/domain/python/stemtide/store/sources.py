"""When each source was heard of, in the ingest table: a small row per source and minute with news.

A row per minute instead of one that moves, so that a past instant can be asked for, too. Rows are only ever
added; the newest is the last.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from boto3.dynamodb.conditions import Attr, Key

from stemtide.as_of import as_of_text
from stemtide.calls import timestamp_ms
from stemtide.config_sources import Source, Sources
from stemtide.ports import ConflictError
from stemtide.sources import MINUTE_MS, Freshness, freshness, limits_of, stream_seen
from stemtide.store.errors import translated
from stemtide.store.ledger import AGGREGATE, read_lanes

KEPT_S: Final = 400 * 86_400
"""As long as scores are."""


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
    """Every source as of an instant; a source takes one or two queries of a few rows.

    Args:
        table: boto3 Table resource of the ingest table.
        as_of_ms: the instant, epoch ms.
        sources: what is configured.

    Raises:
        UnavailableError: no answer.
    """
    seen = dict(stream_seen(read_lanes(table, AGGREGATE), as_of_ms))
    for source in Source:
        if source is not Source.STREAM:
            seen |= _last_seen(table, source, as_of_ms)
    return freshness(seen, as_of_ms, limits_of(sources), connected=sources.connected)


def _last_seen(table: Any, source: Source, as_of_ms: int) -> dict[Source, int | None]:
    """When it was heard of last by an instant, None: only later; empty: never.

    The row of the instant's own minute may be later than it, the one before it never is.
    """
    minute = as_of_text(as_of_ms // MINUTE_MS * MINUTE_MS)
    rows = _query(table, Key("pk").eq(_pk(source)) & Key("sk").lte(minute), limit=2)
    by_then = [at_ms for at_ms in (timestamp_ms(row["at"]) for row in rows) if at_ms <= as_of_ms]
    if by_then:
        return {source: by_then[0]}
    return {source: None} if rows or _query(table, Key("pk").eq(_pk(source)), limit=1) else {}


def _query(table: Any, condition: Any, *, limit: int) -> list[dict[str, Any]]:
    with translated():
        found = table.query(
            KeyConditionExpression=condition, ScanIndexForward=False, Limit=limit, ConsistentRead=True
        )
    items: list[dict[str, Any]] = found["Items"]
    return items


def _pk(source: Source) -> str:
    return f"source#{source.value}"
