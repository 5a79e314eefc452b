"""Providers to test against: in memory, or behind their server, with a clock that tests move."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemtide.billing.provider import PaymentProvider
from stemtide.delivery.stripe_api import StripeApi

from payments import scripting
from payments.in_memory import InMemoryPayments
from payments.provider import Provider
from payments.server import Server
from payments.service import Service
from payments.settings import Settings

START_S = 1_764_547_200  # 2025-12-01
DAY_S = 86_400
API_KEY = "sk_test_local"
WEBHOOK_SECRET = "whsec_local"


@dataclass
class Clock:
    """Model time that stands still until a test moves it."""

    now_s: int = START_S

    def __call__(self) -> int:
        return self.now_s

    def advance(self, *, days: float = 0, seconds: int = 0) -> None:
        self.now_s += round(days * DAY_S) + seconds


@dataclass
class Bench:
    """A port under test with the provider behind it."""

    port: PaymentProvider
    provider: Provider
    clock: Clock
    url: str = ""
    made: dict[str, Any] = field(default_factory=dict)
    guard: Any = field(default_factory=threading.Lock)

    def ask(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """A request beside the port, which must succeed."""
        with self.guard:
            status, body, _ = self.provider.handle(method, path, params, {})
        assert status == 200, body
        return body

    def script(self, customer: str, *outcomes: Any, then: Any = None) -> None:
        with self.guard:
            scripting.write(self.provider.world, customer, list(outcomes), then=then, append=False)

    def price(self, unit_amount: int = 5000, currency: str = "usd", **recurring: Any) -> str:
        body = self.ask(
            "POST",
            "/v1/prices",
            product_data={"name": "Pro"},
            currency=currency,
            unit_amount=unit_amount,
            recurring={"interval": "month", **recurring},
        )
        return str(body["id"])

    def customer(self, card: str = "pm_card_visa", **fields: Any) -> str:
        """A customer with a card that is the default."""
        customer = str(
            self.ask("POST", "/v1/customers", email="ada@example.com", payment_method=card, **fields)["id"]
        )
        method = self.ask("GET", f"/v1/customers/{customer}/payment_methods")["data"][0]["id"]
        self.ask("POST", f"/v1/customers/{customer}", invoice_settings={"default_payment_method": method})
        return customer

    def subscribe(self, customer: str, price: str, **params: Any) -> dict[str, Any]:
        params = {"items": [{"price": price}], **params}
        return self.ask("POST", "/v1/subscriptions", customer=customer, **params)

    def past_due(self, *, amount: int = 5000, currency: str = "usd", **params: Any) -> tuple[str, str, str]:
        """Customer, subscription and open invoice of a renewal that was declined an hour ago."""
        customer = self.customer()
        subscription = self.subscribe(customer, self.price(amount, currency), **params)["id"]
        self.script(customer, "insufficient_funds")
        self.clock.advance(days=31, seconds=3700)
        found = self.ask("GET", f"/v1/subscriptions/{subscription}")
        assert found["status"] == "past_due"
        return customer, subscription, found["latest_invoice"]


def memory_bench() -> Bench:
    clock = Clock()
    provider = Provider(clock=clock)
    return Bench(port=InMemoryPayments(provider), provider=provider, clock=clock)


@contextmanager
def running(
    folder: Path,
    *,
    clock: Clock | None = None,
    webhook_url: str | None = None,
    enabled: list[str] | None = None,
) -> Iterator[Bench]:
    """A provider behind its server; its file stays in the folder, so a second run goes on from it."""
    clock = clock or Clock()
    settings = Settings(
        port=0,
        database=str(folder / "payments.sqlite"),
        api_key=API_KEY,
        webhook_secret=WEBHOOK_SECRET,
        webhook_url=webhook_url,
        enabled=enabled or ["*"],
    )
    service = Service(settings, now=clock)
    server = Server(service)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    service.start()
    thread.start()
    try:
        port = StripeApi.connect(API_KEY, url=server.url)
        yield Bench(port=port, provider=service.provider, clock=clock, url=server.url, guard=service.lock)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        service.stop()


def control(url: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """An answer of the control surface: the status and the body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
