"""Bodies sorted into calls that may enter the stream and calls that may not, each with its reason."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from stemtide import limits
from stemtide.calls import Bounds, Reason
from stemtide.http.incoming import Incoming, read_calls
from stemtide.http.problem import Problem

from tests.http_api import ARRIVAL_MS, track

BOUNDS = Bounds(max_lateness=timedelta(days=180))


def read(body: Any) -> Incoming:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_calls(data, arrival_ms=ARRIVAL_MS, bounds=BOUNDS, new_id=lambda: "assigned")


def calls_of(incoming: Incoming) -> list[dict[str, Any]]:
    return [json.loads(call.data) for call in incoming.accepted]


def test_a_call_goes_on_as_it_came() -> None:
    incoming = read(track())

    assert calls_of(incoming) == [track()]
    assert (incoming.is_batch, incoming.accepted[0].account) == (False, "acme")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [({}, "assigned"), ({"messageId": ""}, "assigned"), ({"messageId": 5}, "5"), ({"messageId": "x"}, "x")],
)
def test_every_call_leaves_with_a_message_id(sent: dict[str, Any], kept: str) -> None:
    incoming = read(track(messageId=None) | sent)

    assert calls_of(incoming)[0]["messageId"] == kept


@pytest.mark.parametrize("sent", [{}, {"timestamp": None}])
def test_a_call_without_timestamp_gets_that_of_its_arrival(sent: dict[str, Any]) -> None:
    incoming = read(track(timestamp=None) | sent)

    assert calls_of(incoming)[0]["timestamp"] == "2024-01-30T10:45:05.123Z"


def test_the_context_of_a_batch_fills_in_what_its_calls_lack() -> None:
    bare = {"batch": [track(context=None), track("other")], "context": {"groupId": "acme", "ip": "192.0.2.1"}}

    incoming = read(bare)

    assert [call.account for call in incoming.accepted] == ["acme", "other"]
    assert [call["context"]["ip"] for call in calls_of(incoming)] == ["192.0.2.1"] * 2


def test_bad_calls_of_a_batch_are_named_by_their_place() -> None:
    batch = [
        track(),
        track(context=None),
        7,
        track(messageId="m-3", timestamp="2024-01-30T11:45:05Z"),
        track(timestamp="2023-01-30T11:45:05Z"),
        track() | {"_stemtide": {"late_ok": True}},
        track(properties={"text": "x" * 300_000}),
        track(messageId="x" * 300),
        track(batch=[1, 2]),
    ]

    incoming = read({"batch": batch})

    assert [call.index for call in incoming.accepted] == [0]
    assert [(call.index, call.reason) for call in incoming.rejected] == [
        (1, Reason.MISSING_ACCOUNT),
        (2, Reason.NOT_AN_OBJECT),
        (3, Reason.IN_THE_FUTURE),
        (4, Reason.TOO_LATE),
        (5, Reason.RESERVED_KEY),
        (6, Reason.TOO_LARGE),
        (7, Reason.BAD_MESSAGE_ID),
        (8, Reason.RESERVED_KEY),
    ]
    assert [call.message_id for call in incoming.rejected][1:3] == [None, "m-3"]


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        (b'"event": "E", "event": "F"', Reason.DUPLICATE_KEY),
        (b'"properties": {"a": [{"b": 1, "b": 2}]}', Reason.DUPLICATE_KEY),
        (b'"properties": {"n": 123456789012345678901234}', Reason.INVALID_JSON),
        (b'"properties": {"n": 1e999}', Reason.INVALID_JSON),
        (b'"properties": {"\\ud800": 1}', Reason.INVALID_JSON),
        (b'"userId": "\\ud83d"', Reason.INVALID_JSON),
        (b'"messageId": "\\ud83d"', Reason.INVALID_JSON),
    ],
)
def test_a_flaw_of_one_call_spoils_that_call_alone(flaw: bytes, reason: Reason) -> None:
    good = json.dumps(track()).encode()
    bad = b"{%s}" % flaw

    of_batch = read(b'{"batch": [%s, %s, %s]}' % (good, bad, good))

    assert [call.index for call in of_batch.accepted] == [0, 2]
    assert [(call.index, call.reason) for call in of_batch.rejected] == [(1, reason)]
    assert msgspec.json.decode(msgspec.json.encode(of_batch.rejected))[0]["messageId"] is None


def test_a_call_may_nest_as_deep_in_a_batch_as_alone() -> None:
    value: Any = 1
    for _ in range(limits.MAX_JSON_DEPTH - 2):
        value = [value]
    deepest, deeper = track(properties={"v": value}), track(properties={"v": [value]})

    assert [len(read(body).accepted) for body in (deepest, {"batch": [deepest]})] == [1, 1]
    assert [read(body).rejected[0].reason for body in (deeper, {"batch": [deeper]})] == [Reason.TOO_DEEP] * 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", Reason.NOT_AN_OBJECT),
        (b'"x"', Reason.NOT_AN_OBJECT),
        (b'{"batch": {}}', Reason.NOT_AN_OBJECT),
        (b'{"batch": []}', Reason.EMPTY_BATCH),
        (b'{"batch": [{}], "_stemtide": {}}', Reason.RESERVED_KEY),
        (b'{"a": 1, "a": 2}', Reason.DUPLICATE_KEY),
        (b'{"a": NaN}', Reason.INVALID_JSON),
        (b'{"batch": [{"a": NaN}]}', Reason.INVALID_JSON),
        (b'{"batch": [{}], "batch": [{}]}', Reason.DUPLICATE_KEY),
        (b'{"batch": [{}], "context": {"a": 1, "a": 2}}', Reason.DUPLICATE_KEY),
        (b'{"batch": [{}], "sentAt": 1e999}', Reason.INVALID_JSON),
        (b"[" * 1000, Reason.TOO_DEEP),
    ],
)
def test_a_body_that_holds_no_calls_is_refused_whole(body: bytes, reason: Reason) -> None:
    with pytest.raises(Problem) as caught:
        read(body)

    assert (caught.value.status, caught.value.extra["reason"]) == (400, reason)


def test_a_shared_context_cannot_inflate_the_request() -> None:
    body = {"batch": [{}] * 5000, "context": {"x": "y" * 200_000}}

    with pytest.raises(Problem) as caught:
        read(body)

    assert caught.value.status == 413


def test_an_answer_that_refuses_every_call_of_a_body_stays_below_lambdas_bound() -> None:
    most = limits.MAX_BATCH_CALLS
    largest = limits.MAX_HTTP_BODY_BYTES // most - 1
    flawed = b'{"type":"' + b"x" * (largest - 11) + b'"}'
    refused = read(b'{"batch": [%s]}' % b",".join([flawed] * most))

    with pytest.raises(Problem) as caught:
        read(b'{"batch": [%s]}' % b",".join([b"1"] * (most + 1)))

    assert len(refused.rejected) == most
    assert len(msgspec.json.encode(refused.rejected)) < 6_000_000
    assert (caught.value.status, caught.value.extra["reason"]) == (413, Reason.TOO_LARGE)
