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
            call("m-5", batch=[1, 2]),
        ]
    }

    decoded = decode(batch)

    assert decoded.total == count_calls(json.dumps(batch).encode()) == 6
    assert [one.message_id for one in decoded.calls] == ["m-1", "m-4"]
    assert [(one.index, one.rejection.reason) for one in decoded.rejected] == [
        (1, Reason.NOT_AN_OBJECT),
        (2, Reason.MISSING_USER),
        (5, Reason.RESERVED_KEY),
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


FACTS_ONLY = {"origin": "replay", "late_ok": True, "facts_only": True}


def renewal(**changes: Any) -> dict[str, Any]:
    fields = {"event": "Subscription Started", "timestamp": "2020-01-01T00:00:00Z", "userId": None}
    return call("m-1", **{**fields, "properties": {"plan": "pro"}, **changes})


def test_a_replayed_fact_is_no_usage_and_was_known_when_it_happened() -> None:
    decoded = decode({"batch": [renewal(), call("m-2")], "_stemtide": FACTS_ONLY})

    ((account, fact),) = decoded.facts
    assert (account, fact.known_ms, fact.at_ms) == ("acme", 1577836800000, 1577836800000)
    assert ([one.message_id for one in decoded.calls], decoded.silent, decoded.total) == (["m-2"], 1, 2)


def test_a_live_fact_is_usage_and_was_known_when_it_arrived() -> None:
    decoded = decode(renewal(timestamp="2026-03-01T00:00:00Z"))

    ((_, fact),) = decoded.facts
    assert (fact.known_ms, fact.at_ms) == (ARRIVAL_MS, 1772323200000)
    assert (len(decoded.calls), decoded.silent) == (1, 0)


def test_a_fact_under_a_foreign_key_keeps_that_it_is_no_usage_and_when_it_was_known() -> None:
    (foreign,) = decode({"batch": [renewal(context={"groupId": "bee"})], "_stemtide": FACTS_ONLY}).foreign

    again = decode_record(foreign.data, Arrived(at_ms=ARRIVAL_MS + 1, key="bee", bounds=ARRIVED.bounds))

    ((account, fact),) = again.facts
    assert (account, fact.known_ms, again.silent, again.calls) == ("bee", 1577836800000, 1, [])


def test_a_released_fact_became_known_when_it_was_released_also_after_a_detour() -> None:
    released = with_envelope(
        json.dumps(renewal(context={"groupId": "bee"})).encode(), Envelope(origin="release", late_ok=True)
    )

    (foreign,) = decode(released).foreign
    again = decode_record(foreign.data, Arrived(at_ms=ARRIVAL_MS + 1, key="bee", bounds=ARRIVED.bounds))

    ((_, fact),) = again.facts
    assert (fact.known_ms, fact.at_ms) == (ARRIVAL_MS, 1577836800000)


@pytest.mark.parametrize("changes", [{"properties": {"mrr": 5}}, {"timestamp": "2030-01-01T00:00:00Z"}])
def test_a_refused_fact_keeps_in_its_payload_that_it_is_no_usage(changes: dict[str, Any]) -> None:
    (rejected,) = decode({"batch": [renewal(**changes)], "_stemtide": FACTS_ONLY}).rejected

    assert msgspec.json.decode(rejected.payload)["_stemtide"] == FACTS_ONLY
    assert (rejected.account, rejected.message_id) == ("acme", "m-1")


def test_a_call_that_is_no_fact_is_usage_whatever_its_envelope_says() -> None:
    decoded = decode(call("m-1", _stemtide={"facts_only": True}))

    assert (len(decoded.calls), decoded.silent, decoded.facts) == (1, 0, [])


def test_a_fact_is_read_alike_when_the_quick_decoder_refuses_its_record() -> None:
    quick, slow = decode(renewal(_stemtide=FACTS_ONLY)), decode(renewal(_stemtide=FACTS_ONLY, groupId=5))

    assert quick.facts == slow.facts != []


def test_the_envelope_of_a_forwarded_fact_fits_into_its_room() -> None:
    filled = renewal(context={"groupId": "bee"}, properties={"plan": "pro", "text": ""})
    filled["properties"]["text"] = "x" * (256 * 1024 - len(json.dumps(filled)))
    data = with_envelope(json.dumps(filled).encode(), Envelope(**FACTS_ONLY))

    (foreign,) = decode(data).foreign
    again = decode_record(foreign.data, Arrived(at_ms=ARRIVAL_MS, key="bee", bounds=ARRIVED.bounds))

    assert again.silent == 1
