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
from typing import Final

import msgspec

from stemtide import limits, plain_json
from stemtide.calls import DAY_MS, MAX_AHEAD_MS, RESERVED_PREFIX, Bounds, Call, is_account_id
from stemtide.kinesis_event import Delivered
from stemtide.plain_json import PlainCall
from stemtide.state import Event, id_hash
from stemtide.users import remembered_hashes, user_hash

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_ANY_LATENESS_MS: Final = 1_000 * 365 * DAY_MS
"""Of replayed calls; one that is later still is left to the second look."""
_known: set[str] = set()
"""Partition keys that are account ids."""
_MOST_KNOWN: Final = 100_000

Groups = dict[tuple[str, int], list[Event]]
"""Events by account and UTC day (since the epoch), each list in the order of its lane."""
Columns = tuple[list[str], list[Event]]
"""Partition keys and, for each, the event of a call that came under it."""


@dataclass(slots=True)
class _Flat:
    """Calls and, for each, the record it came in; all of them may be this late (ms)."""

    lateness_ms: int
    calls: list[PlainCall] = field(default_factory=list)
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
    lone = [record for record in records if not record.data.startswith(plain_json.BATCH_START)]
    single, live = _Flat(bounds.max_lateness_ms), _Flat(bounds.max_lateness_ms)
    replayed = _Flat(_ANY_LATENESS_MS)
    left += _take_lone(lone, single)
    if len(lone) < len(records):
        batches = [record for record in records if record.data.startswith(plain_json.BATCH_START)]
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
    """The calls of records that hold one each: all decoded at once or, if that fails, one by one."""
    calls = plain_json.decode_lines([record.data for record in records])
    if calls is not None:
        flat.calls, flat.records = calls, records
        return []
    left = []
    for record in records:
        call = plain_json.decode_one(record.data)
        if call is None:
            left.append(record)
        else:
            flat.calls.append(call)
            flat.records.append(record)
    return left


def _take_batches(
    records: list[Delivered], live: _Flat, replayed: _Flat, totals: dict[int, int]
) -> list[Delivered]:
    """The calls of records that hold several; those under a plain envelope apart."""
    left = []
    for record in records:
        batch = plain_json.decode_batch(record.data)
        if batch is None:
            left.append(record)
            continue
        flat = live if batch.envelope is msgspec.UNSET else replayed
        flat.calls += batch.batch
        flat.records += [record] * len(batch.batch)
        totals[record.sequence] = len(batch.batch)
    return left


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
    odd = {name for name in set(names) if name is None or name.startswith(RESERVED_PREFIX)}
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
