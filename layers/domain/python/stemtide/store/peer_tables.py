"""The peers of each night, in the ingest table: a row per closed day, 29 KB with five ranks by age and seven
places among all, kept as long as scores."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.as_of import last_closed_day
from stemtide.calls import day_of_index
from stemtide.features.cohorts import Cohorts
from stemtide.store.errors import translated

PK: Final = "peers"
KEPT_S: Final = 400 * 86_400
OLDEST_DAYS: Final = 2
"""Closed days that a table may be behind an instant: one where tonight's run is still to come, two where one
was lost. By an older one ranks would tell of another time, so they are unknown."""
REMEMBERED_SECONDS: Final = 60
"""A night's peers are known to every function within a minute."""
REMEMBERED_DAYS: Final = 8


@dataclass(slots=True)
class PeerTables:
    """Tables of peers by closed day (`table`: boto3 Table resource of the ingest table; `monotonic`: seconds
    that never go back)."""

    table: Any
    monotonic: Callable[[], float] = time.monotonic
    _remembered: dict[int, tuple[float, Cohorts | None]] = field(default_factory=dict)

    def put(self, as_of_ms: int, found: Cohorts) -> None:
        """Keep the peers of a night's instant, in place of what an earlier run of that night had.

        Raises:
            UnavailableError: outcome unknown; the same again does no harm.
        """
        item = {
            "pk": PK,
            "sk": day_of_index(last_closed_day(as_of_ms)),
            "peers": msgspec.msgpack.encode(found),
            "expires_at": int(time.time()) + KEPT_S,
        }
        with translated():
            self.table.put_item(Item=item)

    def read(self, as_of_ms: int) -> Cohorts | None:
        """The peers of the last night up to an instant, None where that is more than `OLDEST_DAYS` back.

        Raises:
            UnavailableError: no answer.
        """
        day = last_closed_day(as_of_ms)
        if day < 0:
            return None  # nobody had customers then
        condition = Key("pk").eq(PK) & Key("sk").between(
            day_of_index(max(0, day - OLDEST_DAYS)), day_of_index(day)
        )
        with translated():
            found = self.table.query(
                KeyConditionExpression=condition, ScanIndexForward=False, Limit=1, ConsistentRead=True
            )["Items"]
        return msgspec.msgpack.decode(bytes(found[0]["peers"]), type=Cohorts) if found else None

    def at(self, as_of_ms: int) -> Cohorts | None:
        """The same, from this process's memory for a minute."""
        day, now = last_closed_day(as_of_ms), self.monotonic()
        known = self._remembered.get(day)
        if known is None or now - known[0] >= REMEMBERED_SECONDS:
            known = (now, self.read(as_of_ms))
            self._remembered.pop(day, None)
            while len(self._remembered) >= REMEMBERED_DAYS:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[day] = known
        return known[1]
