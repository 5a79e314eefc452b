"""The product's port to its payment provider over the core itself: no process, no network, faults at will."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final

from stemtide.billing.provider import CardDeclinedError, Json, ProviderRefusedError
from stemtide.ports import ThrottledError, UnavailableError

from payments import idempotency
from payments.errors import LostReplyError, server_error
from payments.provider import Provider

SUBSCRIPTION_EXPAND: Final = ["discounts.source.coupon"]
DISCOUNTS_EXPAND: Final = [
    "discounts.source.coupon.applies_to",
    "discounts.source.coupon.currency_options",
]
PRICE_EXPAND: Final = ["price.product", "price.tiers", "price.currency_options"]
ONE_SUBSCRIPTION_EXPAND: Final = [*DISCOUNTS_EXPAND, *(f"items.data.{path}" for path in PRICE_EXPAND)]
CUSTOMER_EXPAND: Final = ["discount.source.coupon.applies_to", "discount.source.coupon.currency_options"]
INVOICE_EXPAND: Final = ["payments"]
MAX_LIST: Final = 100


class Fault(Enum):
    """What may go wrong with one call."""

    THROTTLED = auto()
    """Refused for its rate: it did not happen."""
    UNREACHED = auto()
    """The connection failed before the provider heard of it."""
    LOST_REPLY = auto()
    """It happened and the answer was lost."""
    ERROR_BEFORE = auto()
    """A 500, saved under the key, and nothing had happened."""
    ERROR_AFTER = auto()
    """A 500, saved under the key, and it had happened."""


class InMemoryPayments:
    """`stemtide.billing.provider.PaymentProvider` over a provider in this process.

    Args:
        provider: may be shared; its `world` is open to the simulation.
        faults: asked before each call, by the name of the port's method.
        step: called before and after each call with its name and `before` or `after`; what it raises passes
            through, what it does to the provider happens between the calls (a crash, a race).
    """

    def __init__(
        self,
        provider: Provider,
        *,
        faults: Callable[[str], Fault | None] = lambda _: None,
        step: Callable[[str, str], None] = lambda _, __: None,
    ) -> None:
        self.provider = provider
        self._faults = faults
        self._step = step

    def customer(self, customer_id: str, /) -> Json | None:
        return self._read("customer", f"/v1/customers/{customer_id}", CUSTOMER_EXPAND)

    def subscription(self, subscription_id: str, /) -> Json | None:
        found = self._read("subscription", f"/v1/subscriptions/{subscription_id}", ONE_SUBSCRIPTION_EXPAND)
        if found is None:
            return None
        whole = self._whole(found, "items", "subscription", [f"data.{path}" for path in PRICE_EXPAND])
        items = [self._with_discounts(item) for item in whole["items"]["data"]]
        return {**whole, "items": {**whole["items"], "data": items}}

    def invoice(self, invoice_id: str, /) -> Json | None:
        found = self._read("invoice", f"/v1/invoices/{invoice_id}", INVOICE_EXPAND)
        return None if found is None else self._whole(found, "payments", "invoice")

    def events(self, *, since_s: int, types: Sequence[str] = ()) -> Iterator[Json]:
        rows = list(self._list("events", "/v1/events", {"created": {"gte": since_s}, "types": list(types)}))
        return iter(rows[::-1])

    def subscriptions(self, *, customer: str | None = None) -> Iterator[Json]:
        expand = [f"data.{path}" for path in SUBSCRIPTION_EXPAND]
        params = {"customer": customer, "status": "all", "expand": expand}
        for found in self._list("subscriptions", "/v1/subscriptions", params):
            yield self._whole(found, "items", "subscription")

    def invoices(self, *, customer: str | None = None, status: str | None = None) -> Iterator[Json]:
        params = {
            "customer": customer,
            "status": status,
            "expand": [f"data.{path}" for path in INVOICE_EXPAND],
        }
        return self._list("invoices", "/v1/invoices", params)

    def charges(self, *, customer: str) -> Iterator[Json]:
        return self._list("charges", "/v1/charges", {"customer": customer})

    def payment_methods(self, customer_id: str, /) -> Iterator[Json]:
        path = f"/v1/customers/{customer_id}/payment_methods"
        return self._list("payment_methods", path, {"type": "card"})

    def pay_invoice(self, invoice_id: str, /, *, key: str, payment_method: str | None = None) -> Json:
        params = {"payment_method": payment_method, "expand": INVOICE_EXPAND}
        return self._act("pay_invoice", "POST", f"/v1/invoices/{invoice_id}/pay", params, key)

    def cancel_subscription(self, subscription_id: str, /, *, key: str, reason: str) -> Json:
        params = {"cancellation_details": {"comment": reason}, "expand": SUBSCRIPTION_EXPAND}
        return self._act("cancel_subscription", "DELETE", f"/v1/subscriptions/{subscription_id}", params, key)

    def create_coupon(self, *, key: str, coupon: Mapping[str, Any]) -> Json:
        return self._act("create_coupon", "POST", "/v1/coupons", coupon, key)

    def create_promotion_code(self, *, key: str, promotion_code: Mapping[str, Any]) -> Json:
        return self._act("create_promotion_code", "POST", "/v1/promotion_codes", promotion_code, key)

    def promotion_codes(self, *, coupon: str) -> Iterator[Json]:
        return self._list("promotion_codes", "/v1/promotion_codes", {"coupon": coupon})

    def portal_url(self, customer_id: str, /, *, key: str, return_url: str) -> str:
        params = {"customer": customer_id, "return_url": return_url}
        return str(self._act("portal_url", "POST", "/v1/billing_portal/sessions", params, key)["url"])

    def _read(self, name: str, path: str, expand: Sequence[str] = ()) -> Json | None:
        try:
            found = self._act(name, "GET", path, {"expand": expand} if expand else {}, None)
        except ProviderRefusedError as error:
            if error.status == 404:
                return None
            raise
        return None if found.get("deleted") else found

    def _with_discounts(self, item: Json) -> Json:
        if not item["discounts"]:
            return item
        found = self._read("subscription_item", f"/v1/subscription_items/{item['id']}", DISCOUNTS_EXPAND)
        return item if found is None else {**item, "discounts": found["discounts"]}

    def _whole(self, obj: Json, field: str, owner: str, expand: Sequence[str] = ()) -> Json:
        """An object with all rows of a part of which it carries the first only."""
        if not obj[field]["has_more"]:
            return obj
        path = obj[field]["url"].partition("?")[0]
        rows = list(self._list(owner, path, {owner: obj["id"], "expand": expand}))
        return {**obj, field: {**obj[field], "data": rows, "has_more": False}}

    def _list(self, name: str, path: str, params: Mapping[str, Any]) -> Iterator[Json]:
        """Page by page, each a call of its own."""
        asked = {key: value for key, value in params.items() if value} | {"limit": MAX_LIST}
        while True:
            answer = self._act(name, "GET", path, asked, None)
            yield from answer["data"]
            if not answer["has_more"]:
                return
            asked["starting_after"] = answer["data"][-1]["id"]

    def _act(self, name: str, method: str, path: str, params: Mapping[str, Any], key: str | None) -> Json:
        self._step(name, "before")
        fault = self._faults(name)
        if fault is Fault.THROTTLED:
            raise ThrottledError(name)
        if fault is Fault.UNREACHED:
            raise UnavailableError(f"{name}: not reached")
        status, body = self._answered(fault, method, path, params, key)
        self._step(name, "after")
        if fault is Fault.LOST_REPLY:
            raise UnavailableError(f"{name}: reply lost")
        return _result(status, body)

    def _answered(
        self, fault: Fault | None, method: str, path: str, params: Mapping[str, Any], key: str | None
    ) -> tuple[int, Json]:
        world = self.provider.world
        headers = {} if key is None else {"idempotency-key": key}
        known = key is not None and world.store.find(idempotency.KIND, key) is not None
        status, body = 500, server_error().body()
        if fault is not Fault.ERROR_BEFORE or known:
            try:
                status, body, _ = self.provider.handle(method, path, params, headers)
            except LostReplyError:
                raise UnavailableError(f"{method} {path}: reply lost") from None
        if fault in (Fault.ERROR_BEFORE, Fault.ERROR_AFTER) and not known:
            status, body = 500, server_error().body()
            if key is not None and method == "POST":
                idempotency.save(world, key, method, path, params, status=status, body=body)
        return status, body


def _result(status: int, body: Json) -> Json:
    if status < 400:
        return body
    error = body["error"]
    if status == 402:
        raise CardDeclinedError(
            decline_code=error.get("decline_code"),
            advice_code=error.get("advice_code"),
            charge=error.get("charge"),
        )
    if status == 429:
        raise ThrottledError(error["message"])
    if status >= 500:
        raise UnavailableError(error["message"])
    code = error.get("code") or (error["type"] if error["type"] == "idempotency_error" else None)
    raise ProviderRefusedError(code=code, status=status, message=error["message"])
