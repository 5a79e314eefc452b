"""A payment provider in memory, as little of one as the intake of billing events needs: objects in the shapes
of Stripe's API that tests change, and an event for each change."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

MONTH_S = 30 * 86_400


def price(
    name: str, amount: int, *, interval: str = "month", count: int = 1, currency: str = "usd", **more: Any
) -> dict[str, Any]:
    return {
        "id": f"price_{name}",
        "object": "price",
        "currency": currency,
        "billing_scheme": "per_unit",
        "lookup_key": None,
        "nickname": None,
        "product": f"prod_{name}",
        "recurring": {"interval": interval, "interval_count": count, "usage_type": "licensed"},
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
        **more,
    }


def item(of: dict[str, Any], *, quantity: int | None = 1, start_s: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": f"si_{of['id']}",
        "object": "subscription_item",
        "price": of,
        "quantity": quantity,
        "discounts": [],
        "current_period_start": start_s,
        "current_period_end": start_s + MONTH_S,
        **more,
    }


def coupon_of(*, end_s: int | None = None, **said: Any) -> dict[str, Any]:
    coupon = {"id": "co", "object": "coupon", "duration": "forever", "percent_off": None, "amount_off": None}
    return {
        "id": "di_1",
        "object": "discount",
        "end": end_s,
        "source": {"type": "coupon", "coupon": coupon | said},
    }


def subscription(
    name: str, customer: str, *items: dict[str, Any], at_s: int = 0, **more: Any
) -> dict[str, Any]:
    return {
        "id": f"sub_{name}",
        "object": "subscription",
        "customer": customer,
        "status": "active",
        "currency": items[0]["price"]["currency"] if items else "usd",
        "items": {"object": "list", "data": list(items)},
        "discounts": [],
        "created": at_s,
        "start_date": at_s,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "ended_at": None,
        "cancellation_details": {"feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "pause_collection": None,
        **more,
    }


def invoice(name: str, customer: str, amount: int, *, at_s: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": f"in_{name}",
        "object": "invoice",
        "customer": customer,
        "status": "open",
        "currency": "usd",
        "amount_due": amount,
        "amount_paid": 0,
        "amount_remaining": amount,
        "attempt_count": 0,
        "next_payment_attempt": None,
        "due_date": None,
        "created": at_s,
        "status_transitions": {"paid_at": None, "voided_at": None, "marked_uncollectible_at": None},
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}},
        "payments": {"data": [{"payment": {"type": "payment_intent", "payment_intent": f"pi_{name}"}}]},
        **more,
    }


class TestProvider:
    """Implements what of `PaymentProvider` reads; `reading` is called before each read."""

    __test__ = False

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.told: list[dict[str, Any]] = []
        self.now_s = 1_000
        self.reading: Callable[[str], None] = lambda _: None
        self.reads = 0

    def change(self, found: dict[str, Any], kind: str, **event: Any) -> dict[str, Any]:
        """Put an object; the event that tells of it."""
        self.objects[found["id"]] = copy.deepcopy(found)
        made = {
            "id": f"evt_{len(self.told) + 1}",
            "object": "event",
            "type": kind,
            "created": self.now_s,
            "data": {"object": copy.deepcopy(found)},
            **event,
        }
        self.told.append(made)
        return made

    def customer(self, customer_id: str, /) -> Any:
        return self._get(customer_id)

    def subscription(self, subscription_id: str, /) -> Any:
        return self._get(subscription_id)

    def invoice(self, invoice_id: str, /) -> Any:
        return self._get(invoice_id)

    def events(self, *, since_s: int, types: Sequence[str] = ()) -> Iterator[Any]:
        self.reading("events")
        yield from [event for event in self.told if event["created"] >= since_s]

    def subscriptions(self, *, customer: str | None = None) -> Iterator[Any]:
        return self._all("subscription", customer)

    def invoices(self, *, customer: str | None = None, status: str | None = None) -> Iterator[Any]:
        return (one for one in self._all("invoice", customer) if status in (None, one["status"]))

    def charges(self, *, customer: str) -> Iterator[Any]:
        return self._all("charge", customer)

    def payment_methods(self, customer_id: str, /) -> Iterator[Any]:
        return self._all("payment_method", customer_id)

    def _get(self, name: str) -> Any:
        self.reading(name)
        self.reads += 1
        return copy.deepcopy(self.objects.get(name))

    def _all(self, kind: str, customer: str | None) -> Iterator[Any]:
        self.reading(kind)
        self.reads += 1
        for one in list(self.objects.values()):
            if one["object"] == kind and customer in (None, one.get("customer")):
                yield copy.deepcopy(one)
