"""A record that is put back gets the verdict that it would have had when it first arrived."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide import limits
from stemtide.calls import Bounds, iso_of
from stemtide.envelope import Arrived
from stemtide.kinesis_event import Delivered
from stemtide.records import Decoded, decode_record
from stemtide.requeue import put_back

from tests.streams import ARRIVAL, call

ARRIVAL_MS = int(ARRIVAL.timestamp() * 1000)
LATER_MS = ARRIVAL_MS + 300 * 86_400_000
BOUNDS = Bounds(max_lateness=timedelta(days=180))


def at_arrival(data: bytes) -> Decoded:
    return decode_record(data, Arrived(at_ms=ARRIVAL_MS, key="acme", bounds=BOUNDS))


def put_back_later(data: bytes) -> Decoded:
    record = put_back(Delivered(7, "acme", ARRIVAL_MS, data))
    assert record.key == "acme"
    return decode_record(record.data, Arrived(at_ms=LATER_MS, key=record.key, bounds=BOUNDS))


def verdict(decoded: Decoded) -> Any:
    """All that a record comes to, but for the bytes that are set aside or put under another key."""
    return (
        decoded.total,
        decoded.calls,
        [(one.index, one.rejection.reason, one.account, one.message_id) for one in decoded.rejected],
        [(one.account, without_envelope(one.data)) for one in decoded.foreign],
        decoded.facts,
        decoded.silent,
    )


def without_envelope(data: bytes) -> Any:
    content = msgspec.json.decode(data)
    return content.pop("_stemtide")["arrival"], content


def at(days: float) -> str:
    return (datetime.fromtimestamp(ARRIVAL_MS / 1000, UTC) + timedelta(days=days)).isoformat()


CALLS = st.builds(
    call,
    st.sampled_from(["m-1", "m-2", None]),
    timestamp=st.sampled_from([None, at(0), at(-170), at(-190), at(0.5), "never"]),
    context=st.sampled_from([{"groupId": "acme"}, {"groupId": "bee"}, None]),
    type=st.sampled_from(["track", "page", "group"]),
    _stemtide=st.sampled_from(
        [None, None, {"origin": "replay", "late_ok": True}, {"arrival": iso_of(ARRIVAL_MS - 1000)}, 5]
    ),
)
RECORDS = st.one_of(
    CALLS.map(json.dumps).map(str.encode),
    st.lists(CALLS, max_size=3).map(lambda calls: json.dumps({"batch": calls}).encode()),
    st.lists(CALLS, min_size=1, max_size=2).map(
        lambda calls: json.dumps(
            {"batch": calls, "_stemtide": {"origin": "replay", "late_ok": True, "facts_only": True}}
        ).encode()
    ),
    st.sampled_from([b"", b"{", b"\xff\xfe", b"[1]", b"null", b'{"a": NaN}', b'{"batch": 5}', b"[" * 5000]),
)


@given(RECORDS)
def test_it_is_judged_as_it_would_have_been_then(data: bytes) -> None:
    assert verdict(put_back_later(data)) == verdict(at_arrival(data))


@pytest.mark.parametrize("data", [b"{not json", b"\xff", b"5", b'{"_stemtide": 5}', b'{"a": NaN}'])
def test_what_cannot_carry_an_arrival_stays_byte_for_byte(data: bytes) -> None:
    assert put_back(Delivered(7, "acme", ARRIVAL_MS, data)).data == data


def test_a_record_that_is_too_large_stays_as_it_is() -> None:
    data = json.dumps(call("m-1", properties={"x": "y" * limits.MAX_RECORD_BYTES})).encode()

    assert put_back(Delivered(7, "acme", ARRIVAL_MS, data)).data == data


def test_the_largest_record_is_not_too_large_when_it_is_put_back() -> None:
    frame = len(json.dumps(call("m-1", properties={"x": ""})).encode())
    data = json.dumps(call("m-1", properties={"x": "y" * (limits.MAX_RECORD_BYTES - frame)})).encode()
    assert len(data) == limits.MAX_RECORD_BYTES

    assert [one.message_id for one in put_back_later(data).calls] == ["m-1"]


def test_the_calls_own_bytes_stay_as_they_are() -> None:
    data = b'{"batch":[{"type":"track" , "x":1.0e2}],"other":  {"a":1}}'

    put = put_back(Delivered(7, "acme", ARRIVAL_MS, data)).data

    assert put.startswith(b'{"batch":[{"type":"track" , "x":1.0e2}],"other":{"a":1},"_stemtide":')
    assert msgspec.json.decode(put)["_stemtide"] == {"origin": "requeue", "arrival": iso_of(ARRIVAL_MS)}


def test_put_back_twice_it_keeps_its_first_arrival() -> None:
    once = put_back(Delivered(7, "acme", ARRIVAL_MS, json.dumps(call("m-1")).encode()))

    twice = put_back(Delivered(9, "acme", LATER_MS, once.data))

    assert twice.data == once.data
