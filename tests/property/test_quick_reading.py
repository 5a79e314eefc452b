"""What is read quickly is exactly what the thorough reading finds, whatever else is in the delivery."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stemtide import limits
from stemtide.envelope import Arrived
from stemtide.kinesis_event import Delivered
from stemtide.quick import Read, read_into
from stemtide.records import decode_record
from stemtide.state import Event, id_hash
from stemtide.users import user_hash

from tests.property.test_records_two_paths import ARRIVED, CALLS
from tests.streams import call

BOUNDS = ARRIVED.bounds


def plain(number: int, name: str, at: str, key: str, changes: dict[str, Any]) -> dict[str, Any]:
    fields = {"event": name, "timestamp": at, "context": {"groupId": key}, **changes}
    return call(f"m-{number}", **fields)


PLAIN = st.builds(
    plain,
    st.integers(0, 50),
    st.sampled_from(["Report Viewed", "Café", "Subscription Ended", "x" * 129]),
    st.sampled_from(
        [
            "2026-03-14T11:59:00Z",
            "2026-03-13T23:59:59.999Z",
            "2026-03-13T23:59:59.9999999Z",
            "2026-03-14T13:59:00.1239999+02:00",
            "2026-03-14t11:59:00z",
            "2026-03-14T11:59",
            "2025-09-01T00:00:00Z",
            "2026-03-14T12:09:59Z",
            "2026-03-14T12:10:01Z",
            "0001-01-01T00:30:00+01:00",
        ]
    ),
    st.sampled_from(["acme", "acme", "acme", "bee", "no account"]),
    st.sampled_from(
        [
            {},
            {"userId": None, "anonymousId": "anon"},
            {"userId": None},
            {"properties": {"count": 3}},
            {"properties": {"count": 3.5}},
            {"properties": {"count": "many"}},
            {"properties": {"count": True}},
            {"properties": {"k" * 129: 1}},
            {"properties": {str(n): n for n in range(65)}},
            {"properties": {"deep": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}},
            {"properties": {"brackets": "{[" * 40}},
            {"type": "page", "event": None},
            {"type": "page", "event": 7},
            {"traits": {"a": [1, 2]}},
            {"timestamp": None},
            {"_stemtide": {"late_ok": True}},
            {"batch": 1},
        ]
    ),
)
ENVELOPES = st.sampled_from(
    [
        {"late_ok": True},
        {"late_ok": True, "origin": "replay"},
        {"late_ok": True, "arrival": "2026-03-14T11:00:00Z"},
        {"late_ok": True, "facts_only": True},
        {"late_ok": "yes"},
        {},
    ]
)


def encoded(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode(errors="surrogatepass")


def compact(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


ONES = PLAIN | CALLS
DATA = st.one_of(
    PLAIN.map(encoded),
    PLAIN.map(compact),
    CALLS.map(encoded),
    st.lists(ONES, min_size=1, max_size=5).map(lambda calls: encoded({"batch": calls})),
    st.lists(PLAIN, max_size=40).map(lambda calls: compact({"batch": calls})),
    st.tuples(st.lists(PLAIN, min_size=1, max_size=4), ENVELOPES).map(
        lambda both: compact({"batch": both[0], "_stemtide": both[1]})
    ),
    PLAIN.map(lambda one: json.dumps(one, indent=1).encode()),
    st.sampled_from([b"", b"\n", b"{", b'{"x":[1,', b"2]}", b"\xff", b"{}\n{}", b"[" * 3000, b"null"]),
    st.tuples(PLAIN.map(compact), PLAIN.map(compact), st.sampled_from([b"", b" ", b"\t", b"\r"])).map(
        lambda both: both[2].join(both[:2])
    ),
    st.binary(max_size=20),
)
TWO = compact(call("m-1")) + compact(call("m-2"))


def read_all(records: list[Delivered], *, piece: int) -> Read:
    read = Read()
    for first in range(0, len(records), piece):
        read_into(read, records[first : first + piece], BOUNDS)
    return read


def thoroughly(record: Delivered) -> tuple[list[Event], bool]:
    """The events of the record's own account, and whether that is all there is in it."""
    arrived = Arrived(at_ms=record.arrival_ms, key=record.key, bounds=BOUNDS)
    decoded = decode_record(record.data, arrived)
    events = [
        Event(
            record.sequence,
            id_hash(one.message_id),
            None if one.user is None else user_hash(one.user),
            one.name,
            one.at_ms,
            one.weight,
        )
        for one in decoded.calls
    ]
    return events, decoded.total == len(events) and not decoded.facts


def delivered(data: list[bytes]) -> list[Delivered]:
    return [Delivered(1000 + at, "acme", ARRIVED.at_ms, one) for at, one in enumerate(data)]


@settings(max_examples=500, deadline=None)
@given(data=st.lists(DATA, min_size=1, max_size=8), piece=st.integers(1, 8))
@example(data=[TWO, compact(call("m-3")), b""], piece=4)
@example(data=[TWO, compact(call("m-3"))[:40], compact(call("m-3"))[40:]], piece=4)
@example(data=[b'{"type":"track","x":[1,', b"2]}", b"{}", b'{} {"type":"page"}'], piece=4)
def test_quick_and_thorough_reading_find_the_same_events(data: list[bytes], piece: int) -> None:
    records = delivered(data)

    read = read_all(records, piece=piece)

    left = {record.sequence for record in read.left}
    found: dict[int, list[Event]] = {}
    for (account, day), events in read.groups.items():
        assert account == "acme"
        assert [event.sequence for event in events] == sorted(event.sequence for event in events)
        for event in events:
            assert event.at_ms // 86_400_000 == day
            found.setdefault(event.sequence, []).append(event)
    for record in records:
        if record.sequence in left:
            assert record.sequence not in found
            continue
        events, is_all = thoroughly(record)
        assert is_all
        assert len(events) == read.totals.get(record.sequence, 1)
        assert sorted(found[record.sequence], key=repr) == sorted(events, key=repr)
        by_day = sorted(events, key=lambda event: event.at_ms // 86_400_000)
        assert sorted(found[record.sequence], key=lambda event: event.at_ms // 86_400_000) == by_day


@pytest.mark.parametrize("many", [1, 3, 700])
def test_what_is_plain_is_read_quickly(many: int) -> None:
    lone = [compact(call(f"m-{n}", properties={"plan": "pro", "seats": 3})) for n in range(many)]
    batch = compact({"batch": [call(f"b-{n}", userId="Zoë") for n in range(50)]})
    library = compact(
        {"batch": [call(f"l-{n}", context={"groupId": "acme", "library": {"a": 1}}) for n in range(50)]}
    )
    replayed = compact(
        {
            "batch": [call("r", timestamp="2020-01-01T00:00:00Z")],
            "_stemtide": {"origin": "replay", "late_ok": True},
        }
    )

    read = read_all(delivered([*lone, batch, replayed, library]), piece=150)

    assert read.left == []
    assert sum(map(len, read.groups.values())) == many + 101
    assert sorted(read.totals.values()) == [1, 50, 50]


def test_a_poison_record_among_many_costs_only_itself_the_quick_way() -> None:
    plain = [compact(call(f"m-{n}")) for n in range(20)]

    read = read_all(delivered([*plain[:10], b"poison", *plain[10:]]), piece=150)

    assert [record.data for record in read.left] == [b"poison"]
    assert [event.sequence for event in read.groups["acme", 20526]] == [
        1000 + n for n in range(21) if n != 10
    ]


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize(("spare", "left"), [(0, 0), (-1, 1)])
def test_a_record_above_the_bound_is_left(batched: bool, spare: int, left: int) -> None:
    def sized(text: str) -> bytes:
        one = call("m-big", properties={"text": text})
        return compact({"batch": [one]} if batched else one)

    room = limits.MAX_RECORD_BYTES - len(sized("")) - spare
    big = sized("x" * room)

    read = read_all(delivered([compact(call("m-1")), big, compact(call("m-2"))]), piece=150)

    assert len(big) == limits.MAX_RECORD_BYTES - spare
    assert len(read.left) == left
    assert sum(map(len, read.groups.values())) == 3 - left
