"""`POST /v1/events` from the gateway's event to the records in the stream."""

import gzip
import json
from typing import Any

import pytest
from stemtide.delivery import event_stream

from tests.http_api import post, recorded, track
from tests.integration.http.conftest import Cloud


def test_a_recorded_request_puts_its_call_into_the_stream(cloud: Cloud) -> None:
    reply = cloud.call(recorded("http_post_events"))

    assert (reply.status, reply.body) == (202, {"accepted": 1, "rejected": []})
    assert cloud.stream_records() == [("acme", track())]


def test_calls_of_an_account_share_a_record_in_their_order(cloud: Cloud) -> None:
    batch = [track(account, messageId=f"m-{n}") for n, account in enumerate("aabab")]

    reply = cloud.call(post({"batch": batch}))

    assert reply.body["accepted"] == 5
    records = {key: content["batch"] for key, content in cloud.stream_records()}
    assert {key: [call["messageId"] for call in calls] for key, calls in records.items()} == {
        "a": ["m-0", "m-1", "m-3"],
        "b": ["m-2", "m-4"],
    }


def test_the_good_calls_of_a_batch_are_taken_and_the_bad_ones_named(cloud: Cloud) -> None:
    batch = [
        track(messageId=None),
        track(context=None),
        track(messageId="m-2", timestamp="2024-01-30T11:45:05Z"),
    ]

    reply = cloud.call(post({"batch": batch}))

    assert (reply.status, reply.body["accepted"]) == (202, 1)
    assert [(r["index"], r["messageId"], r["reason"]) for r in reply.body["rejected"]] == [
        (1, "m-1", "missing_account"),
        (2, "m-2", "in_the_future"),
    ]
    ((_, stored),) = cloud.stream_records()
    assert len(stored["messageId"]) == 32


def test_a_batch_of_bad_calls_is_answered_with_202_so_that_nobody_repeats_it(cloud: Cloud) -> None:
    reply = cloud.call(post({"batch": [track(context=None)]}))

    assert (reply.status, reply.body["accepted"]) == (202, 0)
    assert cloud.stream_records() == []


def test_a_single_bad_call_is_answered_with_400_and_its_reason(cloud: Cloud) -> None:
    reply = cloud.call(post(track(context=None)))

    assert (reply.status, reply.body["reason"]) == (400, "missing_account")
    assert reply.body["type"] == "urn:stemtide:problem:call-refused"
    assert reply.body["rejected"][0]["index"] == 0
    assert cloud.stream_records() == []


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b'{"type": "track", "type": "page"}', 400, "duplicate_key"),
        (b'{"batch": [{"properties": {"n": NaN}}]}', 400, "invalid_json"),
        (b'{"type": "track", ', 400, "invalid_json"),
        (b"[" * 100_000, 400, "too_deep"),
        (b'{"batch": []}', 400, "empty_batch"),
        (json.dumps(track(properties={"x": "y" * 600_000})).encode(), 413, "too_large"),
        (json.dumps(track(properties={"x": "y" * 300_000})).encode(), 400, "too_large"),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused_with_its_reason(
    cloud: Cloud, body: bytes, status: int, reason: str
) -> None:
    reply = cloud.call(post(body))

    assert (reply.status, reply.body["reason"]) == (status, reason)
    assert cloud.stream_records() == []


def test_gzip_is_taken_and_a_bomb_refused(cloud: Cloud) -> None:
    body, bomb = gzip.compress(json.dumps(track()).encode()), gzip.compress(b" " * 50_000_000)

    taken, refused = (cloud.call(post(data, content_encoding="gzip")) for data in (body, bomb))

    assert (taken.status, refused.status) == (202, 413)
    assert cloud.stream_records() == [("acme", track())]


@pytest.mark.parametrize("key", [None, "", "wrong", "wk-current "])
def test_without_a_valid_write_key_nothing_is_read_or_written(cloud: Cloud, key: str | None) -> None:
    reply = cloud.call(post(b"not even json", key=key))

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")
    assert cloud.stream_records() == []


def test_the_previous_write_key_still_passes(cloud: Cloud) -> None:
    assert cloud.call(post(track(), key="wk-previous")).status == 202


def test_a_token_of_a_person_writes_nothing(cloud: Cloud) -> None:
    reply = cloud.call(post(track(), key=None, authorization="Bearer eyJ.eyJ.c2ln"))

    assert reply.status == 401


def test_a_call_cannot_pretend_to_come_from_inside(cloud: Cloud) -> None:
    forged = track() | {"_stemtide": {"origin": "replay", "arrival": "2020-01-01T00:00:00Z", "late_ok": True}}

    single, batch = cloud.call(post(forged)), cloud.call(post({"batch": [forged]}))

    assert (single.status, single.body["reason"]) == (400, "reserved_key")
    assert batch.body["rejected"][0]["reason"] == "reserved_key"
    assert cloud.stream_records() == []


@pytest.mark.parametrize("text", ["x\r\nSet-Cookie: a=b", "\u2028\r\nHTTP/1.1 200 OK", "\x00"])
def test_what_is_sent_never_reaches_a_header(cloud: Cloud, text: str) -> None:
    reply = cloud.call(post({"batch": [track(messageId=text, context={"groupId": text})]}))

    assert reply.body["rejected"][0]["messageId"] == text
    assert all(text not in value and "\n" not in value for value in reply.headers.values())


def throttle(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, *, refused: set[str]) -> list[list[str]]:
    """Let the stream refuse the records of some accounts; returns the keys of each request."""
    real = cloud.functions["ingest"].edge().stream.client
    requests: list[list[str]] = []

    class Throttled:
        def put_records(self, **request: Any) -> Any:
            entries = request["Records"]
            requests.append([entry["PartitionKey"] for entry in entries])
            good = [entry for entry in entries if entry["PartitionKey"] not in refused]
            if good:
                real.put_records(StreamName=request["StreamName"], Records=good)
            error = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
            return {
                "Records": [
                    error if entry["PartitionKey"] in refused else {"ShardId": "s"} for entry in entries
                ]
            }

    edge = cloud.functions["ingest"].edge()
    slow = event_stream.EventStream(client=Throttled(), name="events", sleep=lambda _: refused.clear())
    patched = type(edge)(keys=edge.keys, stream=slow, bounds=edge.bounds)
    monkeypatch.setattr(cloud.functions["ingest"], "edge", lambda: patched)
    return requests


def test_entries_that_the_stream_refused_are_sent_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = throttle(cloud, monkeypatch, refused={"b"})

    reply = cloud.call(post({"batch": [track("a"), track("b"), track("c")]}))

    assert (reply.status, reply.body["accepted"]) == (202, 3)
    assert requests == [["a", "b", "c"], ["b"]]
    assert sorted(key for key, _ in cloud.stream_records()) == ["a", "b", "c"]


class Always(set[str]):
    """A set that keeps what it has."""

    def clear(self) -> None:
        """Keep everything."""


def test_a_stream_that_stays_busy_is_answered_with_503_and_what_to_send_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttle(cloud, monkeypatch, refused=Always({"b"}))

    reply = cloud.call(post({"batch": [track("a"), track("b"), track(context=None), track("c")]}))

    assert reply.status == 503
    assert reply.headers["Retry-After"] == "5"
    assert (reply.body["accepted_indexes"], reply.body["failed_indexes"]) == ([0, 3], [1])
    assert reply.body["rejected"][0]["index"] == 2


def test_logs_hold_no_personal_data(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    person = track("acct-eva", userId="eva@acme.example", properties={"phone": "+49 30 1234"})

    cloud.call(post({"batch": [person, person | {"type": "nonsense"}]}))
    cloud.call(post(b'{"eva@acme.example": 1, "eva@acme.example": 2}'))

    logs = str([vars(record) for record in caplog.records])
    assert "'operation': 'postEvents'" in logs
    assert not any(part in logs for part in ("eva", "+49", "wk-current", "nonsense"))
