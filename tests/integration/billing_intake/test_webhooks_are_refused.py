"""Requests that the provider did not sign, or not now, or that are no events: refused, nothing is claimed."""

import base64
import json
import random
import time
from typing import Any

import pytest
from stemtide.ports import UnavailableError

from tests.billing_cloud import PREVIOUS, SIGNING, Cloud, signed
from tests.lost_replies import lose_reply

EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "invoice.paid",
    "created": 1_700_000_000,
    "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_1"}},
}
BODY = json.dumps(EVENT).encode()
SECRET_PART = "4242-secret-part-of-a-body"


def call(cloud: Cloud, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = cloud.functions["webhooks"].handler(event, None)
    body = json.loads(answer["body"])
    if answer["statusCode"] >= 400:
        assert answer["headers"]["Content-Type"] == "application/problem+json"
        assert body["status"] == answer["statusCode"]
        assert SECRET_PART not in answer["body"]
    return answer["statusCode"], body


def claimed(cloud: Cloud) -> list[str]:
    return sorted(str(one["pk"]) for one in cloud.table["billing"].scan()["Items"])


def test_what_is_signed_now_is_taken_with_either_secret(cloud: Cloud) -> None:
    assert call(cloud, signed(BODY)) == (200, {"received": "new"})
    assert call(cloud, signed(BODY, secret=PREVIOUS)) == (200, {"received": "known"})
    assert claimed(cloud) == ["event#evt_1"]


def test_an_event_is_new_though_the_reply_to_its_claim_is_lost(cloud: Cloud) -> None:
    events = cloud.functions["webhooks"].stripe_events().claim.__self__
    lost = lose_reply(events._client, "PutItem")

    answers = [call(cloud, signed(BODY)) for _ in range(2)]

    assert lost == ["PutItem"]
    assert answers == [(200, {"received": "new"}), (200, {"received": "known"})]


def test_a_body_in_base64_is_the_body(cloud: Cloud) -> None:
    event = signed(BODY)
    event |= {"body": base64.b64encode(BODY).decode(), "isBase64Encoded": True}

    assert call(cloud, event)[0] == 200


def test_every_flipped_bit_is_refused(cloud: Cloud) -> None:
    dice = random.Random(11)
    for _ in range(300):
        place, bit = dice.randrange(len(BODY)), dice.randrange(8)
        flipped = bytearray(BODY)
        flipped[place] ^= 1 << bit
        event = signed(BODY)
        event |= {"body": base64.b64encode(bytes(flipped)).decode(), "isBase64Encoded": True}

        assert call(cloud, event)[0] == 400
    assert claimed(cloud) == []


def test_every_flipped_bit_of_the_signature_is_refused(cloud: Cloud) -> None:
    dice = random.Random(12)
    for _ in range(300):
        event = signed(BODY)
        header = bytearray(event["headers"]["stripe-signature"].encode())
        header[dice.randrange(len(header))] ^= 1 << dice.randrange(8)
        event["headers"]["stripe-signature"] = header.decode("latin-1")
        status, _ = call(cloud, event)

        assert status == 400, header
    assert claimed(cloud) == []


@pytest.mark.parametrize("skew", [301, -301, 3600, -86_400, 10**9])
def test_a_signature_of_another_time_is_refused(cloud: Cloud, skew: int) -> None:
    now = int(time.time())

    assert call(cloud, signed(BODY, at_s=now - skew, arrival_s=now))[0] == 400
    assert claimed(cloud) == []


@pytest.mark.parametrize("skew", [0, 299, 300, -300])
def test_a_signature_of_300_seconds_is_good(cloud: Cloud, skew: int) -> None:
    now = int(time.time())

    assert call(cloud, signed(BODY, at_s=now - skew, arrival_s=now))[0] == 200


@pytest.mark.parametrize(
    "secret", ["whsec_wrong", SIGNING.upper(), SIGNING + " ", SIGNING[:-1], "whsec_current\n"]
)
def test_another_secret_is_refused(cloud: Cloud, secret: str) -> None:
    assert call(cloud, signed(BODY, secret=secret))[0] == 400
    assert claimed(cloud) == []


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=1",
        "v1=abc",
        "t=,v1=",
        "t=x,v1=y",
        "t=1,v0=abc",
        ",",
        "=",
        "t=" + "9" * 5000 + ",v1=a",
        "t=1,v1=ä",
    ],
)
def test_a_header_that_is_no_signature_is_refused(cloud: Cloud, header: str | None) -> None:
    event = signed(BODY)
    del event["headers"]["stripe-signature"]
    if header is not None:
        event["headers"]["stripe-signature"] = header

    assert call(cloud, event)[0] == 400
    assert claimed(cloud) == []


def test_no_secret_at_all_lets_nothing_pass(cloud: Cloud) -> None:
    cloud.client["secretsmanager"].put_secret_value(SecretId="signing", SecretString='{"current": ""}')

    assert call(cloud, signed(BODY, secret=" "))[0] == 400
    assert call(cloud, signed(BODY))[0] == 400


def test_a_new_secret_is_good_at_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(cloud, signed(BODY))[0] == 200
    now = [1e9]
    monkeypatch.setattr(cloud.functions["webhooks"].stripe_events().secrets, "clock", lambda: now[0])
    cloud.client["secretsmanager"].put_secret_value(
        SecretId="signing", SecretString=json.dumps({"current": "whsec_new", "previous": SIGNING})
    )

    assert call(cloud, signed(BODY, secret="whsec_new"))[0] == 200
    assert call(cloud, signed(BODY))[0] == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b" ", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"object": "event", "object": "event"}', 400),
        (BODY.replace(b"1700000000", b"NaN"), 400),
        (BODY.replace(b"evt_1", b"evt_" + b"x" * 200), 400),
        (BODY.replace(b"in_1", b""), 400),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
        (b"\xff\xfe" + BODY, 400),
        (json.dumps(EVENT | {"pad": "x" * 256 * 1024}).encode(), 413),
        (b"x" * 1024 * 1024, 413),
        (json.dumps(EVENT | {"pad": "x" * 200 * 1024}).encode(), 200),
        (json.dumps(EVENT | {"type": "payout.paid"}).encode(), 200),
    ],
)
def test_a_signed_body_is_an_event_or_refused(cloud: Cloud, body: bytes, status: int) -> None:
    event = signed(body)
    event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}

    assert call(cloud, event)[0] == status
    assert claimed(cloud) == (["event#evt_1"] if b"pad" in body and status == 200 else [])


@pytest.mark.parametrize(
    "headers",
    [
        {"content_encoding": "gzip"},
        {"content_encoding": "br"},
        {"content_type": "text/html"},
        {"content_type": "multipart/form-data"},
    ],
)
def test_what_the_provider_does_not_send_is_no_media_type(cloud: Cloud, headers: dict[str, str]) -> None:
    assert call(cloud, signed(BODY, **headers))[0] == 415
    assert claimed(cloud) == []


def test_no_answer_repeats_what_was_sent(cloud: Cloud) -> None:
    body = json.dumps(EVENT | {"id": SECRET_PART + "#", "created": SECRET_PART}).encode()

    assert call(cloud, signed(body))[0] == 400
    assert call(cloud, signed(body, secret=SECRET_PART))[0] == 400


def test_while_the_table_is_away_the_provider_is_told_to_come_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = cloud.functions["webhooks"].stripe_events()

    def away(_: object) -> bool:
        raise UnavailableError("away")

    monkeypatch.setattr(type(edge), "claim", property(lambda _: away), raising=False)
    answer = cloud.functions["webhooks"].handler(signed(BODY), None)

    assert answer["statusCode"] == 503
    assert int(answer["headers"]["Retry-After"]) > 0
