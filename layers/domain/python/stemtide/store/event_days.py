"""The quarters of an hour with events of each UTC day, in the ingest table: a row a day, a set of numbers."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Set
from typing import Any, Final

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from stemtide.calls import DAY_MS, FIRST_MS, day_number, day_of_index
from stemtide.event_days import QUARTERS, REACH_MS, EventDays
from stemtide.ports import UnavailableError
from stemtide.store.errors import translated

KEY: Final = "event-days"
"""The partition of the rows; `sk` is the day, `quarters` the numbers (0 to 95) of those with events."""
KEPT_S: Final = 400 * 86_400
REMEMBERED_DAYS: Final = 4_000
"""Days whose quarters a process remembers to be in: more than any replay of logs has, half a megabyte."""
BUDGET_S: Final = 2.0
"""What noting may take of a delivery's time; what is left is noted with the next one."""


class EventDayNotes:
    """Notes quarters of an hour with events (`table`: boto3 Table resource of the ingest table).

    A process writes a day only for quarters that it has not written yet: four small writes an hour. What
    cannot be written waits for the next delivery; nobody's delivery fails for it.

    Args:
        say_waiting: told how many days wait, and the error (None: the time was up).
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        table: Any,
        *,
        say_waiting: Callable[[int, Exception | None], None] = lambda days, error: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._say_waiting = say_waiting
        self._monotonic = monotonic
        self._noted: OrderedDict[int, int] = OrderedDict()  # by day, a bit for each quarter
        self._waiting: dict[int, set[int]] = {}

    def note(self, quarters: Iterable[int], *, spent: Callable[[], bool] = lambda: False) -> None:
        """Note quarters (since 1970-01-01), the newest days first; a repetition changes nothing.

        Args:
            spent: whether the caller's time is up.
        """
        for quarter in quarters:
            day, number = divmod(quarter, QUARTERS)
            if not self._noted.get(day, 0) >> number & 1:
                self._waiting.setdefault(day, set()).add(number)
        if not self._waiting:
            return
        until, error = self._monotonic() + BUDGET_S, None
        for day in sorted(self._waiting, reverse=True):
            if spent() or self._monotonic() >= until:
                break
            try:
                add_quarters(self._table, day, self._waiting[day])
            except (UnavailableError, ClientError) as refused:
                error = refused
                break
            self._remember(day, self._waiting.pop(day))
        if self._waiting:
            self._say_waiting(len(self._waiting), error)
            for day in sorted(self._waiting)[:-REMEMBERED_DAYS]:
                del self._waiting[day]

    def _remember(self, day: int, numbers: set[int]) -> None:
        """Those of the longest ago written day give way."""
        self._noted[day] = self._noted.get(day, 0) | sum(1 << number for number in numbers)
        self._noted.move_to_end(day)
        while len(self._noted) > REMEMBERED_DAYS:
            self._noted.popitem(last=False)


def add_quarters(table: Any, day: int, numbers: Set[int]) -> None:
    """Add quarters to a day, whoever else does: a union, in whatever order and however often.

    Args:
        table: boto3 Table resource of the ingest table.
        day: since 1970-01-01.
        numbers: 0 to 95.

    Raises:
        UnavailableError: outcome unknown; the same again does no harm.
    """
    with translated():
        table.meta.client.update_item(
            TableName=table.name,
            Key={"pk": KEY, "sk": day_of_index(day)},
            UpdateExpression="SET expires_at = :expires ADD quarters :quarters",
            ExpressionAttributeValues={":quarters": set(numbers), ":expires": int(time.time()) + KEPT_S},
        )


def read_event_days(table: Any, as_of_ms: int, *, until_ms: int | None = None) -> EventDays:
    """The quarters with events up to an instant's day, as far back as is asked of them: one query.

    Args:
        table: boto3 Table resource of the ingest table.
        as_of_ms: the earliest instant that is asked about, epoch ms.
        until_ms: the latest one.

    Raises:
        UnavailableError: no answer.
    """
    first = max(as_of_ms - REACH_MS, FIRST_MS) // DAY_MS
    last = (as_of_ms if until_ms is None else until_ms) // DAY_MS
    between = Key("sk").between(day_of_index(first), day_of_index(last))
    found: list[int] = []
    page: dict[str, Any] = {}
    while True:
        with translated():
            answer = table.meta.client.query(
                TableName=table.name,
                KeyConditionExpression=Key("pk").eq(KEY) & between,
                ConsistentRead=True,
                **page,
            )
        for item in answer["Items"]:
            start = day_number(str(item["sk"])) * QUARTERS
            found += sorted(start + int(number) for number in item.get("quarters", ()))
        if "LastEvaluatedKey" not in answer:
            return EventDays(quarters=tuple(found))
        page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
