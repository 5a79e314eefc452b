"""The payment provider through the official client, its answers as plain values, its errors as the port's.

The client repeats nothing by itself: whether a call is repeated, and under which key, is decided where its
outcome is kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Self

import stripe

from stemtide.billing.provider import CardDeclinedError, Json, ProviderRefusedError
from stemtide.ports import ThrottledError, UnavailableError

CONNECT_SECONDS: Final = 3.05
READ_SECONDS: Final = 20.0
"""A charge takes seconds at the network; a function that waits for it has 60."""
PAGE: Final = 100
"""The most that a list request returns (API reference, 'Pagination')."""
HOUR_S: Final = 3600
EVENTS_KEPT_S: Final = 30 * 24 * HOUR_S
"""How long events are there to be listed (API reference, 'Events')."""
BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404
SUBSCRIPTION_EXPAND: Final = ["discounts.source.coupon"]
"""Four levels are the most: in a list of subscriptions products stay ids, and coupons lack their products."""
COUPON_EXPAND: Final = ["applies_to", "currency_options"]
PRICE_EXPAND: Final = ["product", "tiers", "currency_options"]
"""What the API leaves out of a coupon and of a price unless it is asked for, though amounts depend on it."""
DISCOUNTS_EXPAND: Final = [f"discounts.source.coupon.{part}" for part in COUPON_EXPAND]
ONE_SUBSCRIPTION_EXPAND: Final = [*DISCOUNTS_EXPAND, *(f"items.data.price.{part}" for part in PRICE_EXPAND)]
ITEMS_EXPAND: Final = [f"data.price.{part}" for part in PRICE_EXPAND]
CUSTOMER_EXPAND: Final = [f"discount.source.coupon.{part}" for part in COUPON_EXPAND]
INVOICE_EXPAND: Final = ["payments"]


class StripeApi:
    """`billing.provider.PaymentProvider` at Stripe, or at a stand-in that speaks its API."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client
        self._v1 = client.v1

    @classmethod
    def connect(cls, api_key: str, *, url: str | None = None) -> Self:
        """A client with its time-outs; `url`: another address than Stripe's own."""
        client = stripe.StripeClient(
            api_key,
            base_addresses={"api": url} if url is not None else {},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),
        )
        return cls(client)

    def customer(self, customer_id: str, /) -> Json | None:
        return _found(lambda: self._v1.customers.retrieve(customer_id, {"expand": CUSTOMER_EXPAND}))

    def subscription(self, subscription_id: str, /) -> Json | None:
        found = _found(
            lambda: self._v1.subscriptions.retrieve(subscription_id, {"expand": ONE_SUBSCRIPTION_EXPAND})
        )
        if found is None:
            return None
        whole = self._with_all_items(found, expand=ITEMS_EXPAND)
        items = [self._with_discounts(item) for item in whole["items"]["data"]]
        return {**whole, "items": {**whole["items"], "data": items}}

    def invoice(self, invoice_id: str, /) -> Json | None:
        found = _found(lambda: self._v1.invoices.retrieve(invoice_id, {"expand": INVOICE_EXPAND}))
        return None if found is None else self._with_all_payments(found)

    def events(self, *, since_s: int, types: Sequence[str] = ()) -> Iterator[Json]:
        """Listed newest first by the API, so read window by window, each about a page wide."""
        wanted: dict[str, Any] = {"types": list(types)} if types else {}
        newest = next(_pages(self._v1.events.list, {**wanted, "created": {"gte": since_s}}, size=1), None)
        if newest is None:
            return
        start, until, width = max(since_s, newest["created"] - EVENTS_KEPT_S), newest["created"], HOUR_S
        while start <= until:
            window = {**wanted, "created": {"gte": start, "lte": min(start + width - 1, until)}}
            rows = list(_pages(self._v1.events.list, window))
            yield from reversed(rows)
            start += width
            width = width * 2 if len(rows) < PAGE else max(width // 2, 1)

    def subscriptions(self, *, customer: str | None = None) -> Iterator[Json]:
        params: dict[str, Any] = {"status": "all", "expand": [f"data.{path}" for path in SUBSCRIPTION_EXPAND]}
        if customer is not None:
            params["customer"] = customer
        return map(self._with_all_items, _pages(self._v1.subscriptions.list, params))

    def invoices(self, *, customer: str | None = None, status: str | None = None) -> Iterator[Json]:
        given = {"customer": customer, "status": status}
        params: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        params["expand"] = [f"data.{path}" for path in INVOICE_EXPAND]
        return _pages(self._v1.invoices.list, params)

    def charges(self, *, customer: str) -> Iterator[Json]:
        return _pages(self._v1.charges.list, {"customer": customer})

    def payment_methods(self, customer_id: str, /) -> Iterator[Json]:
        cards: Any = partial(self._v1.customers.payment_methods.list, customer_id)
        return _pages(cards, {"type": "card"})

    def pay_invoice(self, invoice_id: str, /, *, key: str, payment_method: str | None = None) -> Json:
        params: Any = {"expand": INVOICE_EXPAND}
        if payment_method is not None:
            params["payment_method"] = payment_method
        return _called(lambda: self._v1.invoices.pay(invoice_id, params, {"idempotency_key": key}))

    def cancel_subscription(self, subscription_id: str, /, *, key: str, reason: str) -> Json:
        params: Any = {"cancellation_details": {"comment": reason}, "expand": SUBSCRIPTION_EXPAND}
        return _called(
            lambda: self._v1.subscriptions.cancel(subscription_id, params, {"idempotency_key": key})
        )

    def create_coupon(self, *, key: str, coupon: Mapping[str, Any]) -> Json:
        params: Any = dict(coupon)
        return _called(lambda: self._v1.coupons.create(params, {"idempotency_key": key}))

    def create_promotion_code(self, *, key: str, promotion_code: Mapping[str, Any]) -> Json:
        params: Any = dict(promotion_code)
        return _called(lambda: self._v1.promotion_codes.create(params, {"idempotency_key": key}))

    def promotion_codes(self, *, coupon: str) -> Iterator[Json]:
        return _pages(self._v1.promotion_codes.list, {"coupon": coupon})

    def portal_url(self, customer_id: str, /, *, key: str, return_url: str) -> str:
        params: Any = {"customer": customer_id, "return_url": return_url}
        sessions = self._v1.billing_portal.sessions
        return str(_called(lambda: sessions.create(params, {"idempotency_key": key}))["url"])

    def _with_all_items(self, subscription: Json, *, expand: Sequence[str] = ()) -> Json:
        """An object carries the first items only; a subscription's amount needs them all."""
        params: dict[str, Any] = {"subscription": subscription["id"]}
        if expand:
            params["expand"] = list(expand)
        return self._with_all(subscription, "items", self._v1.subscription_items.list, params)

    def _with_discounts(self, item: Json) -> Json:
        """The discounts of an item lie too deep to be read with its subscription; one that is gone meanwhile
        stays as it was."""
        if not item["discounts"]:
            return item
        read = self._v1.subscription_items.retrieve
        found = _found(lambda: read(item["id"], {"expand": DISCOUNTS_EXPAND}))
        return item if found is None else {**item, "discounts": found["discounts"]}

    def _with_all_payments(self, invoice: Json) -> Json:
        return self._with_all(invoice, "payments", self._v1.invoice_payments.list, {"invoice": invoice["id"]})

    def _with_all(self, obj: Json, field: str, listed: Any, params: dict[str, Any]) -> Json:
        if not obj[field]["has_more"]:
            return obj
        rows = {"data": list(_pages(listed, params)), "has_more": False}
        return {**obj, field: {**obj[field], **rows}}


def _found(call: Callable[[], stripe.StripeObject]) -> Json | None:
    try:
        found = _called(call)
    except ProviderRefusedError as error:
        if error.status == NOT_FOUND:
            return None
        raise
    return None if found.get("deleted") else found


def _pages(listed: Any, params: Mapping[str, Any], *, size: int = PAGE) -> Iterator[Json]:
    """Every object of a list, page by page."""
    asked = {**params, "limit": size}
    while True:
        answer = _called(partial(listed, asked))
        yield from answer["data"]
        if not answer["has_more"]:
            return
        asked = {**asked, "starting_after": answer["data"][-1]["id"]}


def _called(call: Callable[[], stripe.StripeObject]) -> Json:
    """The answer as plain values; the client's errors as the port's."""
    try:
        return call().to_dict(for_json=True)
    except stripe.CardError as error:
        details = error.error
        raise CardDeclinedError(
            decline_code=None if details is None else details.decline_code,
            advice_code=None if details is None else details.advice_code,
            charge=None if details is None else details.charge,
        ) from error
    except stripe.RateLimitError as error:
        raise ThrottledError(str(error)) from error
    except (stripe.APIConnectionError, stripe.APIError) as error:
        raise UnavailableError(str(error)) from error
    except stripe.StripeError as error:
        status = error.http_status or BAD_REQUEST
        raise ProviderRefusedError(code=_code_of(error), status=status, message=str(error)) from error


def _code_of(error: stripe.StripeError) -> str | None:
    """The API's code; the client itself keeps it for some kinds of error only."""
    if isinstance(error, stripe.IdempotencyError):
        return "idempotency_error"
    return error.code or (None if error.error is None else error.error.code)
