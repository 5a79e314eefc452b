"""One record's bytes: single call or batch, envelope, what goes elsewhere."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from stemtide.calls import Bounds, Reason
from stemtide.envelope import Arrived, Envelope, with_envelope
from stemtide.records import Decoded, count_calls, decode_record

from tests.streams import ARRIVAL, call

ARRIVAL_MS = int(ARRIVAL.timestamp() * 1000)
ARRIVED = Arrived(at_ms=ARRIVAL_MS, key="acme", bounds=Bounds(max_lateness=timedelta(days=180)))


def decode(content: Any) -> Decoded:
    return decode_record(content if isinstance(content, bytes) else json.dumps(content).encode(), ARRIVED)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.INVALID_JSON),
        (b"{", Reason.INVALID_JSON),
        (b'{"type": NaN}', Reason.INVALID_JSON),
        (b'{"type": "track", "properties": {"x": Infinity}}', Reason.INVALID_JSON),
        (b'{"userId": "\\ud800"}', Reason.INVALID_JSON),
        (b'{"other": "\xff"}', Reason.INVALID_JSON),
        (b"\xef\xbb\xbf{}", Reason.INVALID_JSON),
        (b"x" * (256 * 1024 + 1), Reason.TOO_LARGE),
        (b"null", Reason.NOT_AN_OBJECT),
        (b"[{}]", Reason.NOT_AN_OBJECT),
        (b'{"batch": {}}', Reason.NOT_AN_OBJECT),
        (b'{"batch": []}', Reason.EMPTY_BATCH),
        (b'{"a":' * 40 + b"1" + b"}" * 40, Reason.TOO_DEEP),
        (b"[" * 100_000, Reason.NOT_AN_OBJECT),
        (b'{"x":' + b"[" * 100_000, Reason.TOO_DEEP),
        (b'{"_stemtide": 1, "type": "track"}', Reason.RESERVED_KEY),
    ],
)
def test_an_unreadable_record_counts_one_and_has_its_reason(data: bytes, reason: Reason) -> None:
    decoded = decode(data)

    assert (decoded.total, decoded.calls, decoded.foreign) == (1, [], [])
    (rejected,) = decoded.rejected
    assert rejected.rejection.reason is reason
    assert rejected.payload == data
    assert count_calls(data) == 1


def test_a_bad_call_in_a_batch_is_set_aside_alone() -> None:
    batch = {
        "batch": [
            call("m-1"),
            5,
            call("m-2", userId=None),
            call("m-3", context={"groupId": "bee"}),
            call("m-4"),
        ]
    }

    decoded = decode(batch)

    assert decoded.total == count_calls(json.dumps(batch).encode()) == 5
    assert [one.message_id for one in decoded.calls] == ["m-1", "m-4"]
    assert [(one.index, one.rejection.reason) for one in decoded.rejected] == [
        (1, Reason.NOT_AN_OBJECT),
        (2, Reason.MISSING_USER),
    ]
    assert decoded.rejected[1].message_id == "m-2"
    assert [one.account for one in decoded.foreign] == ["bee"]


@pytest.mark.parametrize("envelope", [b"5", b'{"arrival": "?"}', b'{"late_ok": 1}'])
def test_a_batch_under_a_bad_envelope_is_set_aside_call_by_call(envelope: bytes) -> None:
    data = b'{"batch": [{"type": 1}, 5, 6], "_stemtide": %s}' % envelope

    decoded = decode(data)

    assert decoded.total == count_calls(data) == 3
    assert [(one.index, one.rejection.reason, one.payload) for one in decoded.rejected] == [
        (0, Reason.RESERVED_KEY, b'{"type": 1}'),
        (1, Reason.RESERVED_KEY, b"5"),
        (2, Reason.RESERVED_KEY, b"6"),
    ]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
@pytest.mark.parametrize("fields", [{"timestamp": None}, {"timestamp": "2020-01-01T00:00:00Z"}])
def test_an_arrival_that_utc_cannot_express_is_a_bad_envelope(text: str, fields: dict[str, Any]) -> None:
    decoded = decode(call("m-1", **fields, _stemtide={"arrival": text, "late_ok": True}))

    assert [one.rejection.reason for one in decoded.rejected] == [Reason.RESERVED_KEY]


def test_a_timestamp_that_utc_cannot_express_is_bad_however_late_it_may_be() -> None:
    decoded = decode(call("m-1", timestamp="0001-01-01T00:00:00+00:01", _stemtide={"late_ok": True}))

    assert [one.rejection.reason for one in decoded.rejected] == [Reason.BAD_TIMESTAMP]


def test_the_detail_of_a_bad_envelope_is_short_whatever_it_holds() -> None:
    decoded = decode(call("m-1", _stemtide={"arrival": "\U000e0001" * 50_000}))

    assert len(decoded.rejected[0].rejection.detail) < 256


def test_a_number_too_large_for_any_decoder_spoils_its_call_only() -> None:
    data = b'{"batch": [%s, {"context": {"n": 1e999}, "type": 1}]}' % json.dumps(call("m-1")).encode()

    decoded = decode(data)

    assert [one.message_id for one in decoded.calls] == ["m-1"]
    assert [one.rejection.reason for one in decoded.rejected] == [Reason.INVALID_JSON]


def test_a_forwarded_call_keeps_every_byte_and_its_first_arrival() -> None:
    data = (
        b'{"type":"group","groupId":"bee","messageId":"m","traits":{"mrr":12345678901234567890123,"x":1.10}}'
    )

    (foreign,) = decode(data).foreign

    assert (
        foreign.data == data[:-1] + b',"_stemtide":{"origin":"forward","arrival":"2026-03-14T12:00:00.000Z"}}'
    )


def test_a_call_of_the_largest_size_is_not_too_large_once_forwarded() -> None:
    filled = call("m-1", context={"groupId": "bee"}, properties={"text": ""})
    filled["properties"]["text"] = "x" * (256 * 1024 - len(json.dumps(filled)))

    (foreign,) = decode(filled).foreign
    again = decode_record(foreign.data, Arrived(at_ms=ARRIVAL_MS, key="bee", bounds=ARRIVED.bounds))
    padded = decode_record(b" " * 64 + foreign.data, ARRIVED)

    assert len(foreign.data) > 256 * 1024
    assert [one.message_id for one in again.calls] == ["m-1"]
    assert [one.rejection.reason for one in padded.rejected] == [Reason.TOO_LARGE]


def test_the_envelope_replaces_the_arrival_and_lifts_the_lateness_bound() -> None:
    late = call("m-1", timestamp="2020-01-01T00:00:00Z", context={"groupId": "bee"})
    envelope = Envelope(origin="replay", arrival="2020-01-02T00:00:00Z", late_ok=True)
    data = with_envelope(json.dumps(late).encode(), envelope)

    (foreign,) = decode(data).foreign
    again = decode_record(foreign.data, Arrived(at_ms=ARRIVAL_MS, key="bee", bounds=ARRIVED.bounds))

    sent = msgspec.json.decode(foreign.data)["_stemtide"]
    assert sent == {"origin": "forward", "arrival": "2020-01-02T00:00:00Z", "late_ok": True}
    assert [one.message_id for one in again.calls] == ["m-1"]


def test_the_envelope_of_a_batch_holds_for_its_calls_and_their_own_adds_to_it() -> None:
    late = call("m-1", timestamp="2020-01-01T00:00:00Z")
    own = call("m-2", timestamp=None, _stemtide={"arrival": "2021-05-05T00:00:00Z"})

    decoded = decode({"batch": [late, own], "_stemtide": {"late_ok": True}})

    assert [one.message_id for one in decoded.calls] == ["m-1", "m-2"]
    assert decoded.calls[1].at_ms == 1620172800000


def test_an_escaped_batch_key_is_a_batch() -> None:
    data = b'{"b\\u0061tch": [1, 2]}'

    assert decode(data).total == count_calls(data) == 2
