"""The accounts table in memory, with conditional writes, and all that may go wrong at each of its calls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from tests.simulation.scoring.expressions import Condition, Item, updated

Key = tuple[str, str]


class Crash(BaseException):
    """The process dies here."""


class Fault(Enum):
    """What happens at a call."""

    CRASH_BEFORE = "the process dies before the call"
    CRASH_AFTER = "the process dies after the call"
    REFUSED = "the call fails and has not happened"
    LOST_REPLY = "the call happens, its reply is lost"
    OTHER = "another delivery is worked off, or dies, before the call"


@dataclass
class MemoryTable:
    """A boto3 Table resource as far as the store uses it; `faults` are by number of the call."""

    name: str = "accounts"
    items: dict[Key, Item] = field(default_factory=dict)
    faults: dict[int, Fault] = field(default_factory=dict)
    other: Callable[[], None] = lambda: None
    calls: int = 0
    seen: Callable[[Item], None] = lambda item: None
    """Is shown every item that is written."""

    @property
    def meta(self) -> Any:
        return SimpleNamespace(client=self)

    def put_item(self, *, TableName: str, Item: Item, **more: Any) -> Any:  # noqa: N803 - boto3's names
        return self._call(lambda: self._write(_key(Item), lambda _: dict(Item), more))

    def update_item(self, *, TableName: str, Key: Item, UpdateExpression: str, **more: Any) -> Any:  # noqa: N803
        names = more.get("ExpressionAttributeNames", {})
        values = more.get("ExpressionAttributeValues", {})

        def change(item: Item) -> Item:
            return updated({**item, **Key}, UpdateExpression, names, values)

        def write() -> Any:
            self._write(_key(Key), change, more)
            whole = more.get("ReturnValues") == "ALL_NEW"
            return {"Attributes": dict(self.items[_key(Key)])} if whole else {}

        return self._call(write)

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> Any:  # noqa: N803
        def read() -> Any:
            found = self.items.get(_key(Key))
            return {} if found is None else {"Item": dict(found)}

        return self._call(read)

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        def read() -> Any:
            keys = [_key(key) for key in RequestItems[self.name]["Keys"]]
            return {"Responses": {self.name: [dict(self.items[key]) for key in keys if key in self.items]}}

        return self._call(read)

    def query(self, **asked: Any) -> Any:
        return self._call(lambda: self._query(**asked))

    def _write(self, key: Key, change: Callable[[Item], Item], more: dict[str, Any]) -> Any:
        held = self.items.get(key, {})
        text = more.get("ConditionExpression")
        names = more.get("ExpressionAttributeNames", {})
        if text is not None and not Condition(text, names, more.get("ExpressionAttributeValues", {})).holds(
            held
        ):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "write")
        self.items[key] = change(held)
        self.seen(self.items[key])
        return {}

    def _query(
        self,
        *,
        TableName: str,  # noqa: N803
        KeyConditionExpression: Any,  # noqa: N803
        ConsistentRead: bool,  # noqa: N803
        ScanIndexForward: bool = True,  # noqa: N803
        Limit: int = 1_000,  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
    ) -> Any:
        """`account = … AND item begins_with …` or `… BETWEEN …`."""
        of_account, of_item = KeyConditionExpression.get_expression()["values"]
        account = of_account.get_expression()["values"][1]
        asked = of_item.get_expression()
        bounds = asked["values"][1:]
        first, last = (bounds[0], f"{bounds[0]}\uffff") if len(bounds) == 1 else bounds
        found = sorted(item for name, item in self.items if name == account and first <= item <= last)
        if not ScanIndexForward:
            found.reverse()
        if ExclusiveStartKey is not None:
            found = found[found.index(ExclusiveStartKey["item"]) + 1 :]
        page = [dict(self.items[account, item]) for item in found[:Limit]]
        left = {"account": account, "item": found[Limit - 1]} if len(found) >= Limit else None
        return {"Items": page} | ({"LastEvaluatedKey": left} if left else {})

    def _call(self, step: Callable[[], Any]) -> Any:
        self.calls += 1
        fault = self.faults.get(self.calls)
        if fault is Fault.CRASH_BEFORE:
            raise Crash
        if fault is Fault.REFUSED:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "call")
        if fault is Fault.OTHER:
            self.other()
        answer = step()
        if fault is Fault.CRASH_AFTER:
            raise Crash
        if fault is Fault.LOST_REPLY:
            raise ConnectionClosedError(endpoint_url="memory")
        return answer


def _key(item: Item) -> Key:
    return str(item["account"]), str(item["item"])
