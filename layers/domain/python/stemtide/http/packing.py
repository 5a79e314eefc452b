"""Calls into stream records: several of one account share a record, in the order in which they were sent."""

from collections.abc import Iterable, Iterator

from stemtide import limits
from stemtide.delivery.event_stream import Record
from stemtide.http.incoming import Accepted

_OPEN, _CLOSE = b'{"batch":[', b"]}"


def pack(calls: Iterable[Accepted], *, max_bytes: int = limits.MAX_RECORD_BYTES) -> dict[str, list[Record]]:
    """The records of each account, in order, each at most `max_bytes` long."""
    by_account: dict[str, list[Accepted]] = {}
    for call in calls:
        by_account.setdefault(call.account, []).append(call)
    return {
        account: [_record(group) for group in _groups(of_account, max_bytes)]
        for account, of_account in by_account.items()
    }


def _groups(calls: list[Accepted], max_bytes: int) -> Iterator[list[Accepted]]:
    group: list[Accepted] = []
    size = len(_OPEN) + len(_CLOSE)
    for call in calls:
        if group and size + len(call.data) + 1 > max_bytes:
            yield group
            group, size = [], len(_OPEN) + len(_CLOSE)
        group.append(call)
        size += len(call.data) + 1
    yield group


def _record(group: list[Accepted]) -> Record:
    alone = len(group) == 1
    data = group[0].data if alone else _OPEN + b",".join(call.data for call in group) + _CLOSE
    return Record(account=group[0].account, data=data, indexes=tuple(call.index for call in group))
