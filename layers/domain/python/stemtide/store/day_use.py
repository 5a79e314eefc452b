"""An account's days as the detection rules look at them."""

from dataclasses import dataclass
from typing import Any

from stemtide.calls import DAY_MS, day_number, day_of
from stemtide.detection import DayUse
from stemtide.ports import is_day
from stemtide.state import decode
from stemtide.store.errors import translated


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUses:
    """Reads the usage table `table_name` through `client` (DynamoDB, may be shared by threads)."""

    client: Any
    table_name: str

    def read(self, account: str, first: int, last: int) -> list[DayUse]:
        """The days with usage from `first` to `last` (days since 1970-01-01, both included).

        Raises:
            UnavailableError: no answer.
            ValueError: a day that this version cannot read.
        """
        names = [day_of(day * DAY_MS) for day in (first, last)]
        query = {
            "TableName": self.table_name,
            "KeyConditionExpression": "account = :account AND #day BETWEEN :first AND :last",
            "ProjectionExpression": "#day, s",
            "ExpressionAttributeNames": {"#day": "day"},
            "ExpressionAttributeValues": {
                ":account": {"S": account},
                ":first": {"S": names[0]},
                ":last": {"S": names[1]},
            },
            "ConsistentRead": True,
        }
        items: list[dict[str, Any]] = []
        page: dict[str, Any] = {}
        while True:
            with translated():
                found = self.client.query(**query, **page)
            items += found["Items"]
            if "LastEvaluatedKey" not in found:
                break
            page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}
        days = [_day_use(item) for item in items if is_day(item["day"]["S"])]
        return [day for day in days if day.events]


def _day_use(item: dict[str, Any]) -> DayUse:
    state = decode(item["s"]["B"])
    return DayUse(day=day_number(item["day"]["S"]), events=state.events, by_event=state.by_event)
