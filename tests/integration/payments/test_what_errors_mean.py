"""What goes wrong between the product and the provider, told as the port promises."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe
from stemtide.billing.provider import CardDeclinedError, ProviderRefusedError
from stemtide.delivery.stripe_api import CONNECT_SECONDS, READ_SECONDS, StripeApi
from stemtide.ports import ThrottledError, UnavailableError


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[StripeApi, list[str]]]:
    """The adapter at a server that always answers so, and the requests that it got."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(f"{self.command} {self.headers.get('Idempotency-Key')}")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield StripeApi.connect("sk_test", url=f"http://127.0.0.1:{server.server_address[1]}"), requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def error(**fields: Any) -> bytes:
    return json.dumps({"error": {"type": "invalid_request_error", "message": "no", **fields}}).encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, error(type="api_error")),
        (503, b"<html>down</html>"),
        (502, b""),
        (200, b"{truncated"),
        (409, error(type="idempotency_error", code="idempotency_key_in_use")),
    ],
)
def test_an_answer_that_settles_nothing_is_an_unknown_outcome_and_is_not_repeated(
    status: int, body: bytes
) -> None:
    with answering(status, body) as (port, requests), pytest.raises(UnavailableError) as failed:
        port.pay_invoice("in_1", key="k")

    assert not isinstance(failed.value, ThrottledError)
    assert requests == ["POST k"]


def test_a_refusal_for_the_rate_did_not_happen() -> None:
    with answering(429, error(code="rate_limit")) as (port, requests), pytest.raises(ThrottledError):
        port.pay_invoice("in_1", key="k")

    assert requests == ["POST k"]


def test_a_server_that_is_not_there_is_an_unknown_outcome() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(UnavailableError):
        StripeApi.connect("sk_test", url=url).invoice("in_1")


@pytest.mark.parametrize(
    ("status", "fields", "code"),
    [
        (400, {"code": "parameter_missing"}, "parameter_missing"),
        (400, {"type": "idempotency_error"}, "idempotency_error"),
        (401, {}, None),
        (403, {"code": "secret_key_required"}, "secret_key_required"),
        (404, {"code": "resource_missing"}, "resource_missing"),
    ],
)
def test_other_refusals_keep_their_code_and_status(
    status: int, fields: dict[str, str], code: str | None
) -> None:
    with answering(status, error(**fields)) as (port, _), pytest.raises(ProviderRefusedError) as refused:
        port.pay_invoice("in_1", key="k")

    assert (refused.value.status, refused.value.code) == (status, code)


def test_a_read_of_what_may_not_be_read_is_no_missing_object() -> None:
    with answering(401, error()) as (port, _), pytest.raises(ProviderRefusedError):
        port.customer("cus_1")


def test_a_decline_keeps_the_networks_words() -> None:
    body = error(type="card_error", code="expired_card", decline_code="expired_card", charge="ch_1")

    with answering(402, body) as (port, _), pytest.raises(CardDeclinedError) as declined:
        port.pay_invoice("in_1", key="k")

    assert (declined.value.decline_code, declined.value.advice_code, declined.value.charge) == (
        "expired_card",
        None,
        "ch_1",
    )


def test_a_decline_without_words_is_a_decline() -> None:
    body = error(type="card_error", code="card_declined")

    with answering(402, body) as (port, _), pytest.raises(CardDeclinedError) as declined:
        port.pay_invoice("in_1", key="k")

    assert declined.value.decline_code is None


def test_no_call_waits_longer_than_its_time_outs(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = stripe.RequestsClient
    monkeypatch.setattr(stripe, "RequestsClient", lambda **given: made.append(given) or real(**given))

    StripeApi.connect("sk_test")

    assert made == [{"timeout": (CONNECT_SECONDS, READ_SECONDS)}]
