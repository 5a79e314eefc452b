"""Events reach the endpoint signed, until they are taken; held, doubled and shuffled on demand."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from infra.local.emulator_process import wait_for
from tests.payment_benches import WEBHOOK_SECRET, Bench, control, running


@dataclass
class Endpoint:
    """What the endpoint was sent; `refuse` more requests are answered 500."""

    url: str = ""
    bodies: list[tuple[bytes, str]] = field(default_factory=list)
    refuse: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def ids(self) -> list[str]:
        return [stripe.Webhook.construct_event(body, sent, WEBHOOK_SECRET).id for body, sent in self.bodies]

    def got(self, count: int) -> bool:
        return wait_for(lambda: len(self.bodies) >= count, timeout_s=20, every_s=0.02)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    received = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with received.lock:
                refused = received.refuse > 0
                received.refuse -= refused
                if not refused:
                    received.bodies.append((body, self.headers["Stripe-Signature"]))
            self.send_response(500 if refused else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    received.url = f"http://127.0.0.1:{server.server_address[1]}/v1/webhooks/stripe"
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def sending(folder: Path, endpoint: Endpoint, **more: Any) -> Iterator[Bench]:
    with running(folder, webhook_url=endpoint.url, **more) as bench:
        yield bench


def post(bench: Bench, action: str, body: Any = None) -> dict[str, Any]:
    status, answer = control(bench.url, "POST", f"/_control/webhooks/{action}", body or {})
    assert status == 200, answer
    return dict(answer)


def counts(bench: Bench) -> dict[str, Any]:
    return dict(control(bench.url, "GET", "/_control/webhooks")[1])


def made(bench: Bench) -> list[str]:
    return [event["id"] for event in bench.port.events(since_s=0)]


def test_every_event_arrives_once_with_a_signature_that_holds(tmp_path: Path, endpoint: Endpoint) -> None:
    with sending(tmp_path, endpoint) as bench:
        bench.subscribe(bench.customer(), bench.price())
        ids = made(bench)

        assert endpoint.got(len(ids))

        assert sorted(endpoint.ids()) == sorted(ids)
        assert wait_for(lambda: counts(bench)["pending"] == 0, timeout_s=10)
        assert (counts(bench)["delivered"], counts(bench)["failed"]) == (len(ids), 0)
    body, sent = endpoint.bodies[0]
    for tampered, secret in ((body + b" ", WEBHOOK_SECRET), (body, "whsec_other")):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(tampered, sent, secret)


def test_what_is_not_taken_is_sent_again(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.refuse = 2
    with sending(tmp_path, endpoint) as bench:
        bench.ask("POST", "/v1/customers", email="a@example.com")

        assert endpoint.got(1)

        assert endpoint.ids() == made(bench)
        assert wait_for(lambda: counts(bench)["delivered"] == 1, timeout_s=10)
        assert counts(bench)["failed"] == 2


def test_held_events_wait_and_are_released(tmp_path: Path, endpoint: Endpoint) -> None:
    with sending(tmp_path, endpoint) as bench:
        post(bench, "hold")
        bench.ask("POST", "/v1/customers", email="a@example.com")
        bench.ask("POST", "/v1/customers", email="b@example.com")
        held = counts(bench)
        before = list(endpoint.bodies)

        post(bench, "release")

        assert endpoint.got(2)
        assert (held["holding"], held["pending"], held["pending_by_type"]) == (
            True,
            2,
            {"customer.created": 2},
        )
        assert before == []
        assert sorted(endpoint.ids()) == sorted(made(bench))


def test_held_events_are_released_after_the_list_of_events_forgot_them(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    with sending(tmp_path, endpoint) as bench:
        post(bench, "hold")
        bench.ask("POST", "/v1/customers", email="a@example.com")
        expected = made(bench)
        bench.clock.advance(days=31)
        assert made(bench) == []

        post(bench, "release")

        assert endpoint.got(1)
        assert endpoint.ids() == expected


def test_doubled_events_arrive_so_many_times(tmp_path: Path, endpoint: Endpoint) -> None:
    with sending(tmp_path, endpoint) as bench:
        post(bench, "duplicate", {"times": 3})
        bench.ask("POST", "/v1/customers", email="a@example.com")

        assert endpoint.got(3)

        assert endpoint.ids() == made(bench) * 3
        assert wait_for(lambda: counts(bench)["pending"] == 0, timeout_s=10)


def test_shuffled_events_come_in_another_order_and_all(tmp_path: Path, endpoint: Endpoint) -> None:
    with sending(tmp_path, endpoint) as bench:
        post(bench, "hold")
        for n in range(12):
            bench.ask("POST", "/v1/customers", email=f"{n}@example.com")
        post(bench, "shuffle", {"seed": 4})
        post(bench, "release")

        assert endpoint.got(12)

        ids = made(bench)
        assert sorted(endpoint.ids()) == sorted(ids)
        assert endpoint.ids() != ids


def test_events_are_sent_again_on_demand(tmp_path: Path, endpoint: Endpoint) -> None:
    with sending(tmp_path, endpoint) as bench:
        bench.ask("POST", "/v1/customers", email="a@example.com")
        assert endpoint.got(1)

        post(bench, "resend", {"events": made(bench)})

        assert endpoint.got(2)
        assert endpoint.ids() == made(bench) * 2


def test_only_the_types_that_are_asked_for_are_sent(tmp_path: Path, endpoint: Endpoint) -> None:
    with sending(tmp_path, endpoint, enabled=["invoice.paid", "customer.subscription.*"]) as bench:
        bench.subscribe(bench.customer(), bench.price())

        assert endpoint.got(3)
        assert wait_for(lambda: counts(bench)["pending"] == 0, timeout_s=10)

        kinds = sorted(stripe.Webhook.construct_event(*body, WEBHOOK_SECRET).type for body in endpoint.bodies)
    assert kinds == ["customer.subscription.created", "customer.subscription.updated", "invoice.paid"]


def test_what_was_not_delivered_before_a_restart_is_delivered_after_it(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    with sending(tmp_path, endpoint) as bench:
        post(bench, "hold")
        bench.ask("POST", "/v1/customers", email="a@example.com")
        expected = made(bench)

    with sending(tmp_path, endpoint) as bench:
        assert counts(bench)["holding"] is True
        post(bench, "release")

        assert endpoint.got(1)
    assert endpoint.ids() == expected
