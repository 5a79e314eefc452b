"""Rows of a log as PutRecords requests that may be sent twice without being counted twice.

The consumers drop a message id that is among the last `limits.ID_WINDOW` of its account and day. So
no more than that many calls of an account-day may be unacknowledged at a time, and whatever was sent
without an answer is sent again before anything later of that account. Here that is by construction:
a request holds at most one record per account, a record at most ID_WINDOW calls of a day, and the
next request is sent only when the stream has acknowledged every record of the one before.
"""

import hashlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from stemtide import limits

MAX_ENTRIES: Final = 500
"""Records of one PutRecords request (AWS)."""
MAX_REQUEST_BYTES: Final = 5 * 1024 * limits.KIB
"""Data and keys of one PutRecords request (AWS)."""
DAY_US: Final = 86_400_000_000
HEAD: Final = b'{"batch":['
TAIL: Final = b'],"_stemtide":{"origin":"replay","late_ok":true}}'
FACTS_TAIL: Final = b'],"_stemtide":{"origin":"replay","late_ok":true,"facts_only":true}}'
"""Of billing facts and traits: a renewal is no activity, so they count in no day's usage."""
VERSION: Final = 3
"""Changes with the algorithm below: a half-sent chunk can only be finished by the one that began it."""
TOO_LARGE: Final = "too_large"

DIGEST: Final = hashlib.sha256(
    repr((VERSION, limits.ID_WINDOW, limits.MAX_RECORD_BYTES, MAX_ENTRIES, MAX_REQUEST_BYTES)).encode()
).hexdigest()[:16]


class Context(msgspec.Struct, frozen=True):
    groupId: str  # noqa: N815 - the Segment spec's name


class Track(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of the stream's contract."""

    event: str
    messageId: str  # noqa: N815
    timestamp: str
    context: Context
    userId: str | None = None  # noqa: N815
    anonymousId: str | None = None  # noqa: N815
    properties: dict[str, Any] | None = None
    type: str = msgspec.field(default_factory=lambda: "track")


class Group(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call that tells an account's traits."""

    groupId: str  # noqa: N815
    messageId: str  # noqa: N815
    timestamp: str
    context: Context
    traits: dict[str, Any]
    type: str = msgspec.field(default_factory=lambda: "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One stream record."""

    account: str
    data: bytes
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A chunk of rows, ready to be sent request by request."""

    requests: tuple[tuple[Entry, ...], ...]
    sent: int
    skipped: dict[str, int]


Call = tuple[int, bytes]
"""(day number, encoded call)"""


def pack(
    rows: Iterable[tuple[Any, ...]], *, fingerprint: str, properties: tuple[str, ...], facts: bool = False
) -> Packed:
    """Cut rows (as `log.Row`, in order) into requests; the same rows always give the same requests.

    Args:
        fingerprint: of the log; with the row number it makes the message id.
        properties: names of the values behind the eighth of a row.
        facts: the rows are billing facts and, without an event's name, traits (see `facts_log`).
    """
    encode = msgspec.json.Encoder().encode
    waiting: dict[str, deque[Call]] = {}
    contexts: dict[str, Context] = {}
    skipped: dict[str, int] = {}
    tail = FACTS_TAIL if facts else TAIL
    room = limits.MAX_RECORD_BYTES - len(HEAD) - len(tail)
    sent = 0
    for instant, row, skip, account, user, event, at, weight, *values in rows:
        if skip is not None:
            skipped[skip] = skipped.get(skip, 0) + 1
            continue
        if account not in contexts:
            contexts[account] = Context(account)
            waiting[account] = deque()
        extra = {k: v for k, v in zip(properties, values, strict=True) if v is not None and v == v}
        if weight is not None:
            extra["count"] = weight
        name, context = f"{fingerprint}-{row}", contexts[account]
        if facts and event is None:
            call = encode(Group(account, name, at, context, extra))
        else:
            person, anonymous = (user, None) if user is not None else (None, account)
            call = encode(Track(event, name, at, context, person, anonymous, extra or None))
        if len(call) > room:
            skipped[TOO_LARGE] = skipped.get(TOO_LARGE, 0) + 1
            continue
        waiting[account].append((instant // DAY_US, call))
        sent += 1
    return Packed(requests=tuple(_requests(waiting, tail)), sent=sent, skipped=skipped)


def _requests(waiting: dict[str, deque[Call]], tail: bytes) -> Iterable[tuple[Entry, ...]]:
    """Round by round, one record of each account that has calls left; a round fills whole requests."""
    waiting = {account: calls for account, calls in waiting.items() if calls}
    while waiting:
        request: list[Entry] = []
        size = 0
        for account, calls in waiting.items():
            entry = _record(account, calls, tail)
            cost = len(entry.data) + len(account.encode())
            if len(request) == MAX_ENTRIES or size + cost > MAX_REQUEST_BYTES:
                yield tuple(request)
                request, size = [], 0
            request.append(entry)
            size += cost
        if request:
            yield tuple(request)
        waiting = {account: calls for account, calls in waiting.items() if calls}


def _record(account: str, calls: deque[Call], tail: bytes) -> Entry:
    """Take the longest prefix of calls that one record may hold."""
    taken: list[bytes] = []
    of_day: dict[int, int] = {}
    size = len(HEAD) + len(tail)
    while calls:
        day, call = calls[0]
        if of_day.get(day, 0) == limits.ID_WINDOW or size + len(call) + bool(taken) > limits.MAX_RECORD_BYTES:
            break
        size += len(call) + bool(taken)
        of_day[day] = of_day.get(day, 0) + 1
        taken.append(call)
        calls.popleft()
    return Entry(account=account, data=HEAD + b",".join(taken) + tail, calls=len(taken))
