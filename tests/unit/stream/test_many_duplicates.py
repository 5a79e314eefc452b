"""A producer whose calls all have one id: they are counted as duplicates, and no item grows beyond bounds."""

from typing import Any

import pytest
from stemtide.aggregate import AggregatePorts, aggregate
from stemtide.commit import NOTED_BYTES, STATE_BYTES, Known, _size
from stemtide.fold import Folded, Memory, fold
from stemtide.limits import MAX_NEW_DUPLICATES
from stemtide.state import EMPTY, Caps, Event, State, decode

from tests.archived_logs import ignored
from tests.recompute_memory import RULES
from tests.stream_memory import Lab
from tests.streams import call, event, record

DAY = "2026-03-14"
NOTED_ITEM_BYTES = 30_000


@pytest.fixture
def lab() -> Lab:
    return Lab(take=ignored)


def deliver(lab: Lab, records: list[dict[str, Any]], ports: AggregatePorts) -> int:
    """Deliver until all is in, as Lambda does from the failed record on; how many deliveries that takes."""
    deliveries = 0
    while records:
        failures = aggregate(event(*records), ports=ports, rules=RULES)["batchItemFailures"]
        numbers = [one["kinesis"]["sequenceNumber"] for one in records]
        done = numbers.index(failures[0]["itemIdentifier"]) if failures else len(records)
        assert done > 0
        records, deliveries = records[done:], deliveries + 1
        assert len(lab.items.rows["acme", DAY].blob) < NOTED_ITEM_BYTES
    return deliveries


def test_a_delivery_of_duplicates_comes_in_portions_and_is_counted_exactly(lab: Lab) -> None:
    records = [record(call("constant"), at=at) for at in range(2 * MAX_NEW_DUPLICATES + 2)]

    assert deliver(lab, records, lab.ports()) == 3

    state = decode(lab.items.rows["acme", DAY].blob)
    assert (state.calls, state.duplicates) == (1, len(records) - 1)
    assert lab.counts() == {
        "applied": 1,
        "duplicate": len(records) - 1,
        "quarantined": 0,
        "forwarded": 0,
    }


def test_what_other_lanes_have_counted_meanwhile_is_noted_no_longer(lab: Lab) -> None:
    ports = lab.ports()
    for shard in range(3):
        records = [record(call("constant"), at=1_000 * shard + at, shard=shard) for at in range(500)]
        assert deliver(lab, records, ports) == 1

    assert {lane: len(noted) for lane, noted in decode(lab.items.rows["acme", DAY].blob).recent.items()} == {
        "1000/2": 500
    }


def test_what_no_ledger_has_counted_stays_noted(lab: Lab) -> None:
    ports = lab.ports()
    deliver(lab, [record(call("constant"), at=at, shard=0) for at in range(9)], ports)
    lab.ledger.rows.clear()

    deliver(lab, [record(call("constant"), at=100 + at, shard=1) for at in range(9)], ports)

    noted = decode(lab.items.rows["acme", DAY].blob).recent
    assert {lane: len(entries) for lane, entries in noted.items()} == {"1000/0": 8, "1000/1": 9}


def of_records(*sizes: int, ids: str) -> list[Event]:
    """Events of records with so many calls each; `ids` has a letter per call."""
    sequences = [number for number, size in enumerate(sizes, 1) for _ in range(size)]
    pairs = zip(sequences, ids, strict=True)
    return [Event(sequence, one.encode() * 8, None, "a", 0, 1) for sequence, one in pairs]


def test_a_record_comes_again_as_a_whole() -> None:
    events = of_records(1, 2, 3, 2, ids="a" + "ab" + "cda" + "ae")
    caps = Caps(new_duplicates=1)

    first = fold(EMPTY, events, lane="1000/0", caps=caps)

    assert (first.left, first.duplicates) == (3, [(2, 1)])
    assert (first.state.calls, first.state.duplicates) == (2, 1)
    second = fold(first.state, events, lane="1000/0", accounted={"1000/0": 2}, caps=caps)
    assert (second.left, second.duplicates) == (4, [(2, 1), (3, 1)])
    last = fold(second.state, events, lane="1000/0", accounted={"1000/0": 3}, caps=caps)
    assert (last.left, last.state.calls, last.state.duplicates) == (None, 5, 3)
    assert list(last.state.recent) == ["1000/0"]


def test_what_a_process_remembers_is_bounded_however_often_its_item_was_changed_by_another() -> None:
    caps, memory = Caps(id_window=3, remembered_ids=10), Memory(EMPTY)
    for number in range(18):
        accepted = [bytes([number, at]) for at in range(4)]
        memory.add(Folded(EMPTY, accepted=accepted), caps=caps)
        memory = memory.again(EMPTY, caps=caps)

    known = [bytes([number, at]) for number in range(18) for at in range(4)]
    assert [one for one in known if memory.knows(one)] == known[-10:]


def test_what_is_noted_counts_in_the_size_of_what_stays_warm() -> None:
    noted = State(recent={"1000/0": [(b"1", 1)] * 7, "1000/1": [(b"1", 1)] * 2})

    assert _size(Known(1, EMPTY, Memory(EMPTY))) == STATE_BYTES
    assert _size(Known(1, noted, Memory(EMPTY))) == STATE_BYTES + 9 * NOTED_BYTES
