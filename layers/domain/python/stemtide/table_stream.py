"""What Lambda delivers from a table's stream: changes of items, in order per item, at least once."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Item = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: `sequence` as the stream numbers it, `event` INSERT, MODIFY or REMOVE, keys and images,
    and about when it was made (epoch seconds).

    Values are plain: text, int or float, bytes, bool, None, lists and mappings.
    """

    sequence: str
    event: str
    keys: Item
    new: Item | None
    old: Item | None
    at_s: float = 0.0


def changes(event: Mapping[str, Any]) -> list[Change]:
    """The changes of a delivery (Lambda's event, images typed as DynamoDB writes them)."""
    return [change_of(record) for record in event["Records"]]


def change_of(record: Mapping[str, Any]) -> Change:
    """One record, of a delivery or as GetRecords answers."""
    stored = record["dynamodb"]
    new, old = stored.get("NewImage"), stored.get("OldImage")
    return Change(
        sequence=str(stored["SequenceNumber"]),
        event=str(record["eventName"]),
        keys=plain(stored["Keys"]),
        new=plain(new) if new else None,
        old=plain(old) if old else None,
        at_s=_seconds(stored.get("ApproximateCreationDateTime", 0)),
    )


def partial_answer(failed: Iterable[str]) -> dict[str, Any]:
    """The response of a mapping with ReportBatchItemFailures: all from the lowest of these comes again.

    Args:
        failed: sequence numbers; empty: the whole delivery is done.
    """
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}


def done_before(found: Sequence[Change], failed: Iterable[str]) -> str | None:
    """The last sequence number worked off when those of `failed` come again; None: not even the first."""
    again = set(failed)
    last: str | None = None
    for change in found:
        if change.sequence in again:
            break
        last = change.sequence
    return last


def plain(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An item's attributes without DynamoDB's types."""
    return {name: _value(typed) for name, typed in item.items()}


def newest_per(found: Iterable[Change], key: Callable[[Change], T]) -> Iterator[tuple[T, Change]]:
    """The last change of each key, in the order of their first."""
    latest: dict[T, Change] = {}
    for change in found:
        latest[key(change)] = change
    yield from latest.items()


def _seconds(stamp: Any) -> float:
    """A number in a delivery, a datetime in an answer of GetRecords."""
    return float(stamp.timestamp() if hasattr(stamp, "timestamp") else stamp)


def _value(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    match kind:
        case "N":
            return float(value) if any(sign in value for sign in ".eE") else int(value)
        case "B":
            return base64.b64decode(value) if isinstance(value, str) else bytes(value)
        case "NULL":
            return None
        case "L":
            return [_value(part) for part in value]
        case "M":
            return plain(value)
        case _:
            return value
