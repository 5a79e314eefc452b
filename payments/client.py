"""The provider as its users see it: the official client for what customers do, the control surface for the
rest."""

import json
from collections.abc import Mapping
from typing import Any, Final

import stripe

JSON: Final = "application/json"
OK: Final = 200


class Client:
    """Speaks to a local provider at `url` with its `key`; `prices` are the plans that are sold there, by name
    in minor units a month."""

    def __init__(self, url: str, key: str, prices: Mapping[str, int]) -> None:
        self.v1 = stripe.StripeClient(key, base_addresses={"api": url}).v1
        self._requester = stripe.RequestsClient()
        self._url, self._key = url, key
        self.prices = {plan: self._price(plan, amount) for plan, amount in prices.items()}

    def customer(self, **metadata: str) -> str:
        """A new customer with a card."""
        made = self.v1.customers.create({"metadata": metadata, "payment_method": "pm_card_visa"})
        (card,) = self.v1.customers.payment_methods.list(made.id).data
        self._usual(made.id, card.id)
        return str(made.id)

    def another_card(self, customer: str, card: str) -> None:
        """The customer puts in another card, which is charged from now on."""
        self._usual(customer, self.v1.payment_methods.attach(card, {"customer": customer}).id)

    def subscribe(self, customer: str, plan: str, *, code: str | None = None) -> Any:
        """A subscription of a plan, with the promotion code that the customer types.

        Raises:
            LookupError: there is no such code.
        """
        params: Any = {"customer": customer, "items": [{"price": self.prices[plan]}]}
        if code is not None:
            params["discounts"] = [{"promotion_code": self._promotion(code)}]
        return self.v1.subscriptions.create(params)

    def control(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the control surface: GET without a body, POST with one.

        Raises:
            RuntimeError: it refused.
        """
        method = "get" if body is None else "post"
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": JSON}
        data = None if body is None else json.dumps(body)
        content, status, _ = self._requester.request(method, f"{self._url}/_control/{path}", headers, data)
        if status != OK:
            raise RuntimeError(f"_control/{path} answered {status}: {content!r}")
        answer: dict[str, Any] = json.loads(content)
        return answer

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

    def _usual(self, customer: str, card: str) -> None:
        self.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card}})

    def _promotion(self, code: str) -> str:
        found = self.v1.promotion_codes.list({"code": code}).data
        if not found:
            raise LookupError(f"there is no promotion code {code}")
        return str(found[0].id)
