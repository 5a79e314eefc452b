"""The contacts and the accounts table in memory, with transactions, and what may go wrong at each call."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.simulation.scoring.expressions import Condition, Item

KEYS: Final = {"contacts": ("pk", "sk"), "accounts": ("account", "item")}
_CLAUSE: Final = re.compile(r"\b(SET|REMOVE|ADD|DELETE) ")
Place = tuple[str, str, str]
"""Table, partition key, sort key."""


class Crash(BaseException):
    """The process dies here."""


class Fault(Enum):
    """What happens at a call."""

    CRASH_BEFORE = "the process dies before the call"
    CRASH_AFTER = "the process dies after the call"
    REFUSED = "the call is throttled and does not happen"
    LOST_REPLY = "the call happens, its reply is lost"
    LATE = "no reply comes, and the call happens some calls later"
    OTHER = "something else happens before the call"


@dataclass
class MemoryTables:
    """A DynamoDB client as the store uses it; `fault` says what goes wrong at a call, `other` does something
    else, `wrote` sees every item with what stood there before."""

    fault: Callable[[], Fault | None] = lambda: None
    other: Callable[[], None] = lambda: None
    wrote: Callable[[Place, Item | None, Item | None], None] = lambda place, old, new: None
    items: dict[Place, Item] = field(default_factory=dict)
    late: list[tuple[int, Callable[[], Any]]] = field(default_factory=list)
    calls: int = 0

    def table(self, name: str) -> Any:
        """A boto3 Table resource."""
        return SimpleNamespace(name=name, meta=SimpleNamespace(client=self))

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> Any:  # noqa: N803 - boto3's names
        def read() -> Any:
            found = self.items.get(_place(TableName, Key))
            return {} if found is None else {"Item": _copy(found)}

        return self._call(read, writes=False)

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> Any:  # noqa: N803
        def read() -> Any:
            return {
                "Responses": {
                    name: [
                        _copy(self.items[place])
                        for key in asked["Keys"]
                        if (place := _place(name, key)) in self.items
                    ]
                    for name, asked in RequestItems.items()
                }
            }

        return self._call(read, writes=False)

    def put_item(self, **put: Any) -> Any:
        return self._call(lambda: self._apply([{"Put": put}], single=True))

    def update_item(self, *, ReturnValues: str = "NONE", **update: Any) -> Any:  # noqa: N803
        def write() -> Any:
            self._apply([{"Update": update}], single=True)
            held = self.items.get(_place(update["TableName"], update["Key"]), {})
            return {"Attributes": _copy(held)} if ReturnValues == "ALL_NEW" else {}

        return self._call(write)

    def transact_write_items(self, *, TransactItems: list[Any]) -> Any:  # noqa: N803
        return self._call(lambda: self._apply(TransactItems, single=False))

    def query(self, *, TableName: str, KeyConditionExpression: Any, **more: Any) -> Any:  # noqa: N803
        return self._call(lambda: self._query(TableName, KeyConditionExpression, more), writes=False)

    def _apply(self, actions: list[Any], *, single: bool) -> Any:
        """All or nothing."""
        changes: list[tuple[Place, Item | None]] = []
        reasons = []
        for action in actions:
            [(kind, asked)] = action.items()
            place = _place(asked["TableName"], asked["Item"] if kind == "Put" else asked["Key"])
            held = self.items.get(place)
            names = asked.get("ExpressionAttributeNames", {})
            values = asked.get("ExpressionAttributeValues", {})
            text = asked.get("ConditionExpression")
            failed = text is not None and not Condition(text, names, values).holds(held or {})
            reasons.append({"Code": "ConditionalCheckFailed" if failed else "None"})
            match kind:
                case "Put":
                    changes.append((place, _copy(asked["Item"])))
                case "Delete":
                    changes.append((place, None))
                case "Update":
                    item = {**(held or {}), **asked["Key"]}
                    changes.append((place, _updated(item, asked["UpdateExpression"], names, values)))
        if len({place for place, _ in changes}) < len(changes):
            raise ValueError("a transaction may name an item once")
        if any(reason["Code"] != "None" for reason in reasons):
            raise _condition_failed(reasons, single=single)
        for place, new in changes:
            old = self.items.pop(place, None)
            if new is not None:
                self.items[place] = new
            self.wrote(place, old, new)
        return {}

    def _query(self, table: str, condition: Any, more: dict[str, Any]) -> Any:
        """`pk = …`, alone or with `sk begins_with …`, `sk BETWEEN …` or, in the index, `claimed_at < …`."""
        parts = condition.get_expression()
        if parts["operator"] == "AND":
            of_pk, of_sk = parts["values"]
            asked = of_sk.get_expression()
            sign, bounds = asked["operator"], asked["values"][1:]
        else:
            of_pk, sign, bounds = condition, "", ()
        pk = of_pk.get_expression()["values"][1]
        names = ("open_state", "claimed_at") if "IndexName" in more else KEYS[table]
        rows = [
            item
            for place, item in self.items.items()
            if place[0] == table and item.get(names[0]) == pk and _within(item[names[1]], sign, bounds)
        ]
        rows.sort(key=lambda item: str(item[names[1]]), reverse=not more.get("ScanIndexForward", True))
        start = more.get("ExclusiveStartKey")
        if start is not None:
            place = next(n for n, item in enumerate(rows) if item[KEYS[table][1]] == start[KEYS[table][1]])
            rows = rows[place + 1 :]
        limit = more.get("Limit", 1_000)
        page = [_copy(item) for item in rows[:limit]]
        last = {name: page[-1][name] for name in KEYS[table]} if len(rows) > limit else None
        return {"Items": page} | ({"LastEvaluatedKey": last} if last else {})

    def _call(self, step: Callable[[], Any], *, writes: bool = True) -> Any:
        self.calls += 1
        self._land()
        fault = self.fault()
        if fault is Fault.CRASH_BEFORE:
            raise Crash
        if fault is Fault.REFUSED:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "call")
        if fault is Fault.LATE and writes:
            self.late.append((self.calls + 3, step))
            raise ReadTimeoutError(endpoint_url="memory")
        if fault is Fault.OTHER:
            self.other()
        answer = step()
        if fault is Fault.CRASH_AFTER:
            raise Crash
        if fault is Fault.LOST_REPLY:
            raise ConnectionClosedError(endpoint_url="memory")
        return answer

    def _land(self, *, everything: bool = False) -> None:
        """What was on its way for long arrives; nobody waits for its reply."""
        due = [entry for entry in self.late if everything or entry[0] <= self.calls]
        self.late = [entry for entry in self.late if entry not in due]
        for _, step in due:
            try:
                step()
            except ClientError:
                continue  # refused: nobody hears of it

    def settle(self) -> None:
        """Everything that is on its way arrives."""
        self._land(everything=True)


def _within(text: Any, sign: str, bounds: tuple[str, ...]) -> bool:
    match sign:
        case "":
            return True
        case "begins_with":
            return str(text).startswith(bounds[0])
        case "BETWEEN":
            return bounds[0] <= text <= bounds[1]
        case "<":
            return bool(text < bounds[0])
    raise ValueError(f"not understood: {sign}")


def _place(table: str, item: Mapping[str, Any]) -> Place:
    pk, sk = KEYS[table]
    return table, str(item[pk]), str(item[sk])


def _copy(item: Mapping[str, Any]) -> Item:
    return {name: set(value) if isinstance(value, set) else value for name, value in item.items()}


def _condition_failed(reasons: list[dict[str, str]], *, single: bool) -> ClientError:
    code = "ConditionalCheckFailedException" if single else "TransactionCanceledException"
    return ClientError({"Error": {"Code": code}, "CancellationReasons": reasons}, "write")


@lru_cache(maxsize=256)
def _clauses(text: str) -> tuple[tuple[str, str], ...]:
    parts = _CLAUSE.split(text)[1:]
    return tuple((kind, body.strip()) for kind, body in zip(parts[::2], parts[1::2], strict=True))


def _updated(item: Item, text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> Item:
    """The item after SET, REMOVE, ADD and DELETE clauses."""
    result = _copy(item)

    def name(token: str) -> str:
        return names[token] if token.startswith("#") else token

    for kind, body in _clauses(text):
        for part in re.split(r",\s*(?![^(]*\))", body):
            words = part.split()
            field_, given = name(words[0]), values.get(words[-1].rstrip(")"))
            if kind == "SET" and not ("if_not_exists" in part and field_ in item):
                result[field_] = given
            elif kind == "REMOVE":
                result.pop(field_, None)
            elif kind == "ADD" and isinstance(given, set):
                result[field_] = result.get(field_, set()) | given
            elif kind == "ADD":
                result[field_] = result.get(field_, 0) + given
            elif kind == "DELETE":
                result[field_] = result.get(field_, set()) - given
                if not result[field_]:
                    del result[field_]
    return result
