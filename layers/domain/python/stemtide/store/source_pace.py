"""How long each source is usually silent, in the ingest table: per source and UTC day the longest silence
that ended on it."""

import time
from collections.abc import Collection
from typing import Any, Final

from boto3.dynamodb.conditions import Key

from stemtide.calls import DAY_MS, day_of_index
from stemtide.config_sources import Source
from stemtide.ports import ConflictError
from stemtide.sources import PACE_DAYS, Silence
from stemtide.store.errors import translated

KEPT_S: Final = 400 * 86_400
"""As long as it is known when a source was heard of."""


def note_silence(table: Any, source: Source, *, gap_ms: int, ended_ms: int) -> None:
    """Note a silence unless the day has a longer one (`table`: boto3 Table resource of the ingest table).

    process A                        process B
    ends a silence of 3 h
                                     ends one of 5 h, writes it
    writes 3 h -> refused: 5 h stands

    Raises:
        UnavailableError: outcome unknown; the same again does no harm.
    """
    try:
        with translated():
            table.update_item(
                Key={"pk": _pk(source), "sk": day_of_index(ended_ms // DAY_MS)},
                UpdateExpression="SET gap_ms = :gap, ended_ms = :ended, expires_at = :expires",
                ConditionExpression="attribute_not_exists(gap_ms) OR gap_ms < :gap",
                ExpressionAttributeValues={
                    ":gap": gap_ms,
                    ":ended": ended_ms,
                    ":expires": int(time.time()) + KEPT_S,
                },
            )
    except ConflictError:
        return


def read_silences(table: Any, source: Source, instants: Collection[int]) -> list[Silence]:
    """The silences that ended in the weeks before any of the instants (epoch ms): one query of a row a day.

    Raises:
        UnavailableError: no answer.
    """
    first, last = min(instants) // DAY_MS - PACE_DAYS, max(instants) // DAY_MS
    between = Key("sk").between(day_of_index(first), day_of_index(last))
    with translated():
        found = table.query(KeyConditionExpression=Key("pk").eq(_pk(source)) & between, ConsistentRead=True)
    return [Silence(int(item["gap_ms"]), int(item["ended_ms"])) for item in found["Items"]]


def _pk(source: Source) -> str:
    return f"source-pace#{source.value}"
