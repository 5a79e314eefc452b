"""The local payment provider, as its users and its operators see it."""

import json
import time
from typing import Any

import stripe

from tests.e2e.stack import Stack

WAIT_S = 60


class Payments:
    """The provider as its users see it, through the official client and its control surface."""

    def __init__(self, stack: Stack) -> None:
        url, key = stack.facts["payments_url"], stack.facts["payments_api_key"]
        self.v1 = stripe.StripeClient(key, base_addresses={"api": url}).v1
        self._requester = stripe.RequestsClient()
        self._url, self._key = url, key
        self.prices = {
            plan: self._price(plan, amount) for plan, amount in (("starter", 2900), ("business", 9900))
        }

    def _price(self, plan: str, amount: int) -> str:
        found = self.v1.prices.list({"limit": 100}).data
        known = next((price.id for price in found if price.lookup_key == plan), None)
        return known or str(
            self.v1.prices.create(
                {
                    "currency": "usd",
                    "unit_amount": amount,
                    "lookup_key": plan,
                    "recurring": {"interval": "month"},
                    "product_data": {"name": plan},
                }
            ).id
        )

    def customer(self, **metadata: str) -> str:
        made = self.v1.customers.create({"metadata": metadata, "payment_method": "pm_card_visa"})
        (card,) = self.v1.customers.payment_methods.list(made.id).data
        self.v1.customers.update(made.id, {"invoice_settings": {"default_payment_method": card.id}})
        return str(made.id)

    def subscribe(self, customer: str, plan: str) -> Any:
        return self.v1.subscriptions.create({"customer": customer, "items": [{"price": self.prices[plan]}]})

    def control(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        method = "get" if body is None else "post"
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        content, status, _ = self._requester.request(method, f"{self._url}/_control/{path}", headers, data)
        assert status == 200, content
        answer: dict[str, Any] = json.loads(content)
        return answer

    def delivered(self) -> None:
        """Wait until no webhook is on its way."""
        deadline = time.monotonic() + WAIT_S
        while self.control("webhooks")["pending"]:
            assert time.monotonic() < deadline, self.control("webhooks")
            time.sleep(0.2)
