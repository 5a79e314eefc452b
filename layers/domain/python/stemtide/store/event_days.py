"""The first and newest event of each UTC day, in the ingest table: one row a day."""

import time
from collections.abc import Mapping
from typing import Any, Final

from boto3.dynamodb.conditions import Key

from stemtide.calls import DAY_MS, day_number, day_of_index
from stemtide.event_days import MINUTE_MS, PACE_DAYS, EventDays, Span
from stemtide.ports import ConflictError
from stemtide.store.errors import translated

KEY: Final = "event-days"
"""The partition of the rows; `sk` is the day, `first_ms` and `last_ms` its first and newest event."""
KEPT_S: Final = 400 * 86_400
MAX_REMEMBERED: Final = 1000
FAR_BACK_DAYS: Final = 60
"""A silence that began before it is no shorter for being cut there."""


class EventDayNotes:
    """Notes events by their day (`table`: boto3 Table resource of the ingest table).

    A process writes a day again only when its newest event has become a minute newer: at most one write a
    minute for the day that is on, and a few for each past day of a replay.
    """

    def __init__(self, table: Any) -> None:
        self._client = table.meta.client
        self._name = table.name
        self._noted: dict[int, Span] = {}

    def note(self, spans: Mapping[int, Span]) -> None:
        """Note the first and newest event of days; a repetition changes nothing, and none goes back.

        Raises:
            UnavailableError: outcome unknown; the same again does no harm.
        """
        for day, span in spans.items():
            known = self._noted.get(day)
            if known is None or span.last_ms >= known.last_ms + MINUTE_MS:
                self._set(day, "last_ms", "<", span.last_ms)
            if known is None or span.first_ms <= known.first_ms - MINUTE_MS:
                self._set(day, "first_ms", ">", span.first_ms)
            self._remember(day, span, known)

    def _remember(self, day: int, span: Span, known: Span | None) -> None:
        if known is None:
            if len(self._noted) >= MAX_REMEMBERED:
                self._noted.clear()
            self._noted[day] = span
            return
        first = span.first_ms if span.first_ms <= known.first_ms - MINUTE_MS else known.first_ms
        last = span.last_ms if span.last_ms >= known.last_ms + MINUTE_MS else known.last_ms
        self._noted[day] = Span(first, last)

    def _set(self, day: int, name: str, beyond: str, at_ms: int) -> None:
        """Move one end of a day outwards.

        shard A                      shard B
        sees 14:03                   sees 14:05, writes it
        writes 14:03 -> refused: 14:05 is later
        """
        try:
            with translated():
                self._client.update_item(
                    TableName=self._name,
                    Key={"pk": KEY, "sk": day_of_index(day)},
                    UpdateExpression="SET #at = :at, expires_at = :expires",
                    ConditionExpression=f"attribute_not_exists(#at) OR #at {beyond} :at",
                    ExpressionAttributeNames={"#at": name},
                    ExpressionAttributeValues={":at": at_ms, ":expires": int(time.time()) + KEPT_S},
                )
        except ConflictError:
            return


def read_event_days(table: Any, as_of_ms: int, *, until_ms: int | None = None) -> EventDays:
    """The days with events up to an instant's day, as far back as its pace is told from: one query.

    Args:
        table: boto3 Table resource of the ingest table.
        as_of_ms: the earliest instant that is asked about, epoch ms.
        until_ms: the latest one.
    """
    last = (as_of_ms if until_ms is None else until_ms) // DAY_MS
    first = as_of_ms // DAY_MS - PACE_DAYS - FAR_BACK_DAYS
    between = Key("sk").between(day_of_index(first), day_of_index(last))
    with translated():
        found = table.query(KeyConditionExpression=Key("pk").eq(KEY) & between, ConsistentRead=True)
    return EventDays(
        days={
            day_number(str(item["sk"])): Span(int(item["first_ms"]), int(item["last_ms"]))
            for item in found["Items"]
            if "first_ms" in item and "last_ms" in item
        }
    )
