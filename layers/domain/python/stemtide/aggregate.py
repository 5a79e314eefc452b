"""From one delivery of stream records to the usage table: the order of the steps is the guarantee.

0. It is noted in which quarters of an hour events happened (`event_days.py`), so that whoever is told of
   use finds them noted. Where that has no answer it waits for the next delivery, and fails nothing.
1. Every account-day's events are committed on their own (`commit.py`), an account's days in their order;
   one that fails keeps what follows it waiting too: one delivery makes at most one write per item.
2. Everything before the lowest failed record is final: rejected calls go to the quarantine, what is said
   of customers to the accounts table, calls under a foreign key back into the stream under their own.
3. Only then the lane's ledger counts these records, and the rest is reported as failed.

A crash anywhere repeats some of the steps and changes nothing: items know their marks, quarantined rows
and facts their place, the ledger its mark. Only a forwarded call may be put twice; its message id is known
then.
The ledgers need one invocation per shard at a time (parallelization factor 1, the default).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache, partial
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec

from stemtide.accounting import Position, advance
from stemtide.calls import DAY_MS, Bounds, day_of_index
from stemtide.commit import Accounted, Committer, GivenUpError, Group
from stemtide.envelope import Arrived
from stemtide.event_days import QUARTER_MS
from stemtide.facts import Fact
from stemtide.kinesis_event import Delivered, Delivery, pieces
from stemtide.ledgers import Lane, enter_lane, write_ledger
from stemtide.logins import Arrival
from stemtide.ports import (
    Facts,
    Incarnations,
    Ledger,
    LedgerRow,
    OutRecord,
    Pace,
    Quarantine,
    QuarantineRow,
    SideBySide,
    Stream,
    UnavailableError,
)
from stemtide.quick import Groups, Read, event_of, in_order, read_into
from stemtide.records import Decoded, Foreign, Rejected, decode_record
from stemtide.repeats import Repeats
from stemtide.resend import put_all
from stemtide.state import Event
from stemtide.uncollected import uncollected

APPLIED: Final = "applied"
DUPLICATE: Final = "duplicate"
QUARANTINED: Final = "quarantined"
FORWARDED: Final = "forwarded"
"""The ledger's counters, in calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the deployment sets: how late a call may be, how long usage is kept after its arrival."""

    bounds: Bounds
    retention: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatePorts:
    """Everything outside that the aggregates touch."""

    committer: Committer
    ledger: Ledger
    quarantine: Quarantine
    facts: Facts
    repeats: Repeats
    stream: Stream
    incarnations: Incarnations
    pace: Pace
    side_by_side: SideBySide
    note_quarters: Callable[[Set[int], Callable[[], bool]], None] = lambda quarters, spent: None
    """Notes in which quarters of an hour events happened, unless the time is spent: for whoever must know
    whether usage is whole. Raises nothing."""

    def paced(self, pace: Pace) -> "AggregatePorts":
        """The same at another pace: every invocation has its own deadline."""
        return replace(self, pace=pace, committer=replace(self.committer, pace=pace))


@dataclass(slots=True)
class _Work:
    """A delivery sorted out: what goes to which item, and what goes elsewhere.

    `place` is the delivery with its first and last record only.
    """

    place: Delivery | None = None
    groups: Groups = field(default_factory=dict)
    positions: list[Position] = field(default_factory=list)
    rejected: list[tuple[Delivered, Rejected]] = field(default_factory=list)
    facts: list[tuple[int, str, Fact]] = field(default_factory=list)
    foreign: list[tuple[int, Foreign]] = field(default_factory=list)


class _Done(msgspec.Struct, frozen=True, gc=False):
    """A group's outcome: its duplicates, or the sequence number from which it must come again."""

    duplicates: list[tuple[int, int]]
    failed: int | None = None


def aggregate(event: Mapping[str, Any], *, ports: AggregatePorts, rules: Rules) -> dict[str, Any]:
    """Bring the records of a Lambda event into the aggregates.

    Returns:
        The partial batch response: the lowest failed sequence number, from which Lambda delivers again.
    """
    with uncollected():
        return _aggregate(event, ports, rules)


def _aggregate(event: Mapping[str, Any], ports: AggregatePorts, rules: Rules) -> dict[str, Any]:
    work = _sort_out(pieces(event), rules.bounds)
    if work.place is None:
        return _response(None)
    first, last = work.positions[0].sequence, work.positions[-1].sequence
    try:
        lane = enter_lane(work.place, ledger=ports.ledger, incarnations=ports.incarnations)
    except UnavailableError:
        return _response(first)
    ports.note_quarters(_quarters(work), ports.pace.spent)
    done = _commit_all(work, lane, ports, rules)
    failed = _lowest(outcome.failed for outcome in done)
    failed = _set_aside(work, lane, ports, failed)
    parts = {
        DUPLICATE: list(chain.from_iterable(outcome.duplicates for outcome in done)),
        QUARANTINED: [(record.sequence, 1) for record, _ in work.rejected],
        FORWARDED: [(sequence, 1) for sequence, _ in work.foreign],
    }

    def counted(row: LedgerRow) -> LedgerRow | None:
        return advance(row, work.positions, before=failed, parts=parts, rest=APPLIED)

    if not write_ledger(lane.row, counted, ledger=ports.ledger, pace=ports.pace):
        failed = first
    ports.repeats.leave(lane.name, max(lane.row.mark, last) if failed is None else None)
    return _response(failed)


def _sort_out(delivery: Iterable[Delivery], bounds: Bounds) -> _Work:
    """What is to be done, from the delivery's pieces."""
    read, work = Read(), _Work()
    for piece in delivery:
        records = piece.records
        read_into(read, records, bounds)
        totals = read.totals
        work.positions += [
            Position(record.sequence, record.arrival_ms, totals.get(record.sequence, 1)) for record in records
        ]
        ends = [records[0] if work.place is None else work.place.records[0], records[-1]]
        work.place = replace(piece, records=ends)
    work.groups = read.groups
    if read.left:
        _look_again(work, read, bounds)
    return work


def _look_again(work: _Work, read: Read, bounds: Bounds) -> None:
    """Read thoroughly what could not be read quickly."""
    totals: dict[int, int] = {}
    for record in sorted(read.left, key=attrgetter("sequence")):
        arrived = Arrived(at_ms=record.arrival_ms, key=record.key, bounds=bounds)
        decoded = decode_record(record.data, arrived)
        totals[record.sequence] = decoded.total
        _note(work, record, decoded)
    in_order(work.groups)
    work.positions = [
        Position(one.sequence, one.arrival_ms, totals.get(one.sequence, one.calls)) for one in work.positions
    ]


def _note(work: _Work, record: Delivered, decoded: Decoded) -> None:
    for call in decoded.calls:
        place = (call.account, call.at_ms // DAY_MS)
        work.groups.setdefault(place, []).append(event_of(record.sequence, call))
    work.rejected.extend((record, rejected) for rejected in decoded.rejected)
    work.facts.extend((record.sequence, account, fact) for account, fact in decoded.facts)
    work.foreign.extend((record.sequence, foreign) for foreign in decoded.foreign)


def _commit_all(work: _Work, lane: Lane, ports: AggregatePorts, rules: Rules) -> list[_Done]:
    latest_ms = max(position.arrival_ms for position in work.positions)
    expires_at = latest_ms // 1000 + int(rules.retention.total_seconds())
    arrived, accounted, arrival = _arrivals(work), _accounted(lane, ports), _arrival(work)

    def day_after_day(groups: Sequence[Group]) -> list[_Done]:
        """An account's days in their order; when one fails, what follows waits too.

        Whoever is told of a new day finds the days before it complete, as far as they came before it.
        """
        done: list[_Done] = []
        for group in groups:
            if done and done[-1].failed is not None:
                done.append(_Done([], failed=group.events[0].sequence))
                continue
            try:
                duplicates, left = ports.committer.commit(
                    group,
                    lane=lane.name,
                    accounted=accounted,
                    arrived=arrived(group.events),
                    expires_at=expires_at,
                    arrival=arrival,
                )
                done.append(_Done(duplicates, failed=left))
            except GivenUpError:
                done.append(_Done([], failed=group.events[0].sequence))
        return done

    return list(chain.from_iterable(ports.side_by_side(day_after_day, _by_account(work))))


def _quarters(work: _Work) -> set[int]:
    """The quarters of an hour of the events, those included that may have to come again."""
    return {event.at_ms // QUARTER_MS for events in work.groups.values() for event in events}


def _arrivals(work: _Work) -> Callable[[Sequence[Event]], tuple[int, int]]:
    """The first and last UTC day on which records of events arrived: nearly always one day for all."""
    arrivals = [position.arrival_ms for position in work.positions]
    every = min(arrivals) // DAY_MS, max(arrivals) // DAY_MS
    if every[0] == every[1]:
        return lambda events: every
    days = {position.sequence: position.arrival_ms // DAY_MS for position in work.positions}

    def of(events: Sequence[Event]) -> tuple[int, int]:
        found = [days[event.sequence] for event in events]
        return min(found), max(found)

    return of


def _arrival(work: _Work) -> Arrival:
    """When the record of an event arrived; few are asked for."""

    @lru_cache(maxsize=1)
    def arrivals() -> dict[int, int]:
        return {position.sequence: position.arrival_ms for position in work.positions}

    return lambda sequence: arrivals()[sequence]


def _accounted(lane: Lane, ports: AggregatePorts) -> Accounted:
    """How far the ledgers have counted: this lane's as it was entered, another's when it is asked for."""
    marks = {lane.name: lane.row.mark}

    def of(name: str) -> int:
        if name not in marks:
            marks[name] = ports.ledger.read(name).mark
        return marks[name]

    return of


def _by_account(work: _Work) -> list[list[Group]]:
    """The groups of each account, its days in their order."""
    by_account: dict[str, list[Group]] = {}
    for account, day in sorted(work.groups):
        group = Group(account, day_of_index(day), work.groups[account, day])
        by_account.setdefault(account, []).append(group)
    return list(by_account.values())


def _set_aside(work: _Work, lane: Lane, ports: AggregatePorts, failed: int | None) -> int | None:
    """Quarantine, keep and forward what lies before the lowest failed record; the lowest failed after that.

    Positions up to the ledger's mark were set aside by an earlier delivery.
    """

    def due(sequence: int) -> bool:
        return sequence > lane.row.mark and (failed is None or sequence < failed)

    def step(entry: tuple[int, Callable[[], None]]) -> int | None:
        sequence, put = entry
        try:
            if ports.pace.spent():
                return sequence
            put()
        except UnavailableError:
            return sequence
        return None

    rejected = [
        (record.sequence, partial(ports.quarantine.put, _quarantine_row(lane.name, record, one)))
        for record, one in work.rejected
        if due(record.sequence)
    ]
    said = [entry for entry in work.facts if due(entry[0])]
    facts = [
        (sequence, partial(ports.facts.put_facts, account, (fact,)))
        for sequence, account, fact in ports.repeats.without(said, lane=lane.name, mark=lane.row.mark)
    ]
    lowest = _lowest([failed, *ports.side_by_side(step, [*rejected, *facts])])
    foreign = [entry for entry in work.foreign if due(entry[0]) and (lowest is None or entry[0] < lowest)]
    return _lowest([lowest, _forward(foreign, ports)])


def _forward(foreign: Sequence[tuple[int, Foreign]], ports: AggregatePorts) -> int | None:
    records = [OutRecord(key=call.account, data=call.data) for _, call in foreign]
    left = put_all(records, stream=ports.stream, pace=ports.pace)
    return _lowest(foreign[index][0] for index in left)


def _quarantine_row(lane: str, record: Delivered, rejected: Rejected) -> QuarantineRow:
    return QuarantineRow(
        lane=lane,
        sequence=record.sequence,
        index=rejected.index,
        arrival_ms=record.arrival_ms,
        reason=rejected.rejection.reason,
        detail=rejected.rejection.detail,
        payload=rejected.payload,
        account=rejected.account,
        message_id=rejected.message_id,
    )


def _lowest(sequences: Iterable[int | None]) -> int | None:
    return min((sequence for sequence in sequences if sequence is not None), default=None)


def _response(failed: int | None) -> dict[str, Any]:
    failures = [] if failed is None else [{"itemIdentifier": str(failed)}]
    return {"batchItemFailures": failures}
