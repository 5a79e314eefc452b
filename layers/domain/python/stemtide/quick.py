"""The quick reading of a record: nearly every one is plain, and its calls can be counted as they are.

A record is read quickly as a whole or not at all: msgspec's typed decoder checks types, lengths and names
where it decodes, and whatever it does not accept, or is not plain about it (a foreign key, a fact, an unusual
time), is left to `records.decode_record`, which alone finds reasons. What is read quickly is exactly what
that would have found.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

import msgspec

from stemtide import limits
from stemtide.calls import DAY_MS, MAX_AHEAD_MS, Bounds, Call, is_account_id
from stemtide.envelope import ENVELOPE
from stemtide.facts import SUBSCRIPTION_PREFIX
from stemtide.kinesis_event import Delivered
from stemtide.state import Event, id_hash
from stemtide.users import remembered_hashes, user_hash

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Key = Annotated[str, msgspec.Meta(max_length=limits.MAX_KEY_CHARS)]
_Bag = Annotated[dict[_Key, Any], msgspec.Meta(max_length=limits.MAX_PROPERTIES)]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NESTING: Final = 2
"""Levels of a plain call: itself, and its context and bags."""
_ANY_LATENESS_MS: Final = 1_000 * 365 * DAY_MS
"""Of replayed calls; one that is later still is left to the second look."""
_START: Final = b'{"batch"'


class _Context(msgspec.Struct, gc=False):
    groupId: str  # noqa: N815 (Segment's names)


class _Call(msgspec.Struct, gc=False):
    type: Literal["track", "page", "screen", "identify", "alias"]
    messageId: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_MESSAGE_ID_CHARS)]  # noqa: N815
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    context: _Context
    event: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_EVENT_NAME_CHARS)] | None = None
    userId: _Text | None = None  # noqa: N815
    anonymousId: _Text | None = None  # noqa: N815
    properties: _Bag | None = None
    traits: _Bag | None = None
    envelope: msgspec.UnsetType = msgspec.field(name=ENVELOPE, default=msgspec.UNSET)
    batch: msgspec.UnsetType = msgspec.UNSET


class _Replayed(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The only envelope that is plain: whoever wrote the record vouches for its lateness."""

    late_ok: Literal[True]
    origin: str | None = None


class _Batch(msgspec.Struct, gc=False):
    batch: list[_Call]
    envelope: _Replayed | msgspec.UnsetType = msgspec.field(name=ENVELOPE, default=msgspec.UNSET)


class _Elements(msgspec.Struct, gc=False):
    batch: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(_Call)
_one = _decoder.decode
_lines = _decoder.decode_lines
_many = msgspec.json.Decoder(_Batch).decode
_elements = msgspec.json.Decoder(_Elements).decode
_known: set[str] = set()
"""Partition keys that are account ids."""
_MOST_KNOWN: Final = 100_000
_TROUBLE: Final = (msgspec.DecodeError, ValueError, RecursionError)

Groups = dict[tuple[str, int], list[Event]]
"""Events by account and UTC day (since the epoch), each list in the order of its lane."""
Columns = tuple[list[str], list[Event]]
"""Partition keys and, for each, the event of a call that came under it."""


@dataclass(slots=True)
class _Flat:
    """Calls and, for each, the record it came in; all of them may be this late (ms)."""

    lateness_ms: int
    calls: list[_Call] = field(default_factory=list)
    records: list[Delivered] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Read:
    """The events of the records that were read quickly, and the records that are `left` for a second look.

    `totals` holds the number of calls of batches by sequence number; all others hold one.
    """

    groups: Groups = field(default_factory=dict)
    totals: dict[int, int] = field(default_factory=dict)
    left: list[Delivered] = field(default_factory=list)


def read_into(read: Read, records: Sequence[Delivered], bounds: Bounds) -> None:
    """Read the next records of a delivery quickly as far as that goes."""
    columns, left = read_columns(records, bounds, read.totals)
    read.left.extend(left)
    groups = read.groups
    for keys, events in columns:
        for key, event in zip(keys, events, strict=True):
            place = (key, event.at_ms // DAY_MS)
            group = groups.get(place)
            if group is None:
                groups[place] = [event]
            else:
                group.append(event)
    if len(columns) > 1:
        in_order(groups)


def read_columns(
    records: Sequence[Delivered], bounds: Bounds, totals: dict[int, int]
) -> tuple[list[Columns], list[Delivered]]:
    """Keys and events of the records by how they came (alone, in live or replayed batches), and what is
    left; within each, in the records' order. `totals` takes the number of calls of the batches."""
    flats, left = _flats(records, bounds, totals)
    columns = []
    for flat in flats:
        keys, events, odd = _events(flat)
        columns.append((keys, events))
        left += odd
    return columns, left


def _flats(
    records: Sequence[Delivered], bounds: Bounds, totals: dict[int, int]
) -> tuple[list[_Flat], list[Delivered]]:
    """The calls of the records by how they came (alone, in live or replayed batches), and what is left."""
    left = [record for record in records if len(record.data) > limits.MAX_RECORD_BYTES]
    if left:
        records = [record for record in records if len(record.data) <= limits.MAX_RECORD_BYTES]
    lone = [record for record in records if not record.data.startswith(_START)]
    single, live = _Flat(bounds.max_lateness_ms), _Flat(bounds.max_lateness_ms)
    replayed = _Flat(_ANY_LATENESS_MS)
    left += _take_lone(lone, single)
    if len(lone) < len(records):
        batches = [record for record in records if record.data.startswith(_START)]
        left += _take_batches(batches, live, replayed, totals)
    return [flat for flat in (single, live, replayed) if flat.calls], left


def event_of(sequence: int, call: Call) -> Event:
    """The event of a call that was read thoroughly."""
    user = None if call.user is None else user_hash(call.user)
    return Event(sequence, id_hash(call.message_id), user, call.name, call.at_ms, call.weight)


def in_order(groups: Groups) -> None:
    """Bring each group's events into the order of the lane; those of one record stay in theirs."""
    for events in groups.values():
        events.sort(key=attrgetter("sequence"))


def _take_lone(records: list[Delivered], flat: _Flat) -> list[Delivered]:
    """The calls of records that hold one each: all decoded at once or, if that fails, one by one.

    A line is a record for certain if there are as many lines and calls as records: a call ends at the
    end of its line, so one that reached into the next line would leave a call too few.
    """
    lines = b"\n".join([record.data for record in records])
    if lines.count(b"\n") == len(records) - 1 and _is_text(lines):
        try:
            calls = _lines(lines)
        except _TROUBLE:
            calls = []
        if len(calls) == len(records) and _are_flat(lines, calls):
            flat.calls, flat.records = calls, records
            return []
    left = []
    for record in records:
        call = _decoded(record.data)
        if call is None:
            left.append(record)
        else:
            flat.calls.append(call)
            flat.records.append(record)
    return left


def _decoded(data: bytes) -> _Call | None:
    if not _is_flat(data) or not _is_text(data):
        return None
    try:
        return _one(data)
    except _TROUBLE:
        return None


def _take_batches(
    records: list[Delivered], live: _Flat, replayed: _Flat, totals: dict[int, int]
) -> list[Delivered]:
    """The calls of records that hold several; those under a plain envelope apart."""
    left = []
    for record in records:
        batch = _batch(record.data)
        if batch is None:
            left.append(record)
            continue
        flat = live if batch.envelope is msgspec.UNSET else replayed
        flat.calls += batch.batch
        flat.records += [record] * len(batch.batch)
        totals[record.sequence] = len(batch.batch)
    return left


def _batch(data: bytes) -> _Batch | None:
    if not _is_text(data):
        return None
    try:
        batch = _many(data)
        if not batch.batch or not (
            _are_flat(data, batch.batch) or all(map(_is_flat, map(bytes, _elements(data).batch)))
        ):
            return None
    except _TROUBLE:
        return None
    return batch


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_flat(data: bytes) -> bool:
    """Whether a call nests no deeper than is allowed, for certain: it has not even that many brackets."""
    return data.count(b"{") + data.count(b"[") <= limits.MAX_JSON_DEPTH


def _are_flat(data: bytes, calls: list[_Call]) -> bool:
    """The same of many calls: not even all brackets that are no call's own would be too many for one."""
    none = [call.properties for call in calls].count(None) + [call.traits for call in calls].count(None)
    spare = data.count(b"{") + data.count(b"[") - 4 * len(calls) + none
    return _NESTING + spare <= limits.MAX_JSON_DEPTH


def _events(flat: _Flat) -> tuple[list[str], list[Event], list[Delivered]]:
    """Keys and events of the calls in order, record by record as a whole; the records that are not plain.

    By columns: a loop over the calls would take twice as long.
    """
    calls, records = flat.calls, flat.records
    names = [call.event if call.type == "track" else call.type for call in calls]
    users = [call.userId or call.anonymousId for call in calls]
    times = [(call.timestamp - _EPOCH) // _MILLISECOND for call in calls]
    bags = [call.properties for call in calls]
    weights = [1 if bag is None else bag.get("count", 1) for bag in bags]
    keys = [record.key for record in records]
    strange = _strange(set(keys))
    odd = {name for name in set(names) if name is None or name.startswith(SUBSCRIPTION_PREFIX)}
    plain = [
        call.context.groupId == key
        and -flat.lateness_ms <= at - record.arrival_ms <= MAX_AHEAD_MS
        and user is not None
        and type(weight) is int
        and 1 <= weight <= limits.MAX_WEIGHT
        and name not in odd
        and key not in strange
        for call, record, key, at, user, weight, name in zip(
            calls, records, keys, times, users, weights, names, strict=True
        )
    ]
    if not all(plain):
        return _plain_events(flat, plain)
    ids = [id_hash(call.messageId) for call in calls]
    hashes = [remembered_hashes[user] for user in users if user is not None]
    sequences = [record.sequence for record in records]
    return keys, list(map(Event, sequences, ids, hashes, names, times, weights)), []


def _plain_events(flat: _Flat, plain: list[bool]) -> tuple[list[str], list[Event], list[Delivered]]:
    """The same without the records that hold a call which is not plain."""
    left = {
        record.sequence: record for record, is_plain in zip(flat.records, plain, strict=True) if not is_plain
    }
    kept = [
        (call, record)
        for call, record in zip(flat.calls, flat.records, strict=True)
        if record.sequence not in left
    ]
    rest = _Flat(flat.lateness_ms, [call for call, _ in kept], [record for _, record in kept])
    keys, events, _ = _events(rest)
    return keys, events, list(left.values())


def _strange(keys: set[str]) -> set[str]:
    """The keys that are no account ids."""
    unknown = keys - _known
    strange = {key for key in unknown if not is_account_id(key)}
    if len(_known) > _MOST_KNOWN:
        _known.clear()
    _known.update(unknown - strange)
    return strange
