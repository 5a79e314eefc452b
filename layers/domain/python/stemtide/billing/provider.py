"""What the product needs of a payment provider, in the shapes of Stripe's API (the version that the pinned
`stripe` package speaks): reads return the provider's current object, acts carry an idempotency key.

`delivery.stripe_api` implements it with the official client; simulations implement it in memory. Both pass
one contract suite.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

MISSING: Final = "resource_missing"
"""The code of a refusal because what was named is not there."""
Json = Mapping[str, Any]
"""An object as the provider's API returns it, plain values only; money in minor units, times in epoch s."""


class CardDeclinedError(Exception):
    """The provider answered that the payment was refused (HTTP 402): a certain outcome, nothing was charged.

    `decline_code` and `advice_code` are the card network's words where it said any.
    """

    def __init__(self, *, decline_code: str | None, advice_code: str | None, charge: str | None) -> None:
        super().__init__(decline_code or "declined")
        self.decline_code = decline_code
        self.advice_code = advice_code
        self.charge = charge


class ProviderRefusedError(Exception):
    """The provider refused the request itself (HTTP 4xx): asked the same way again it would refuse again.

    `code` is the provider's error code (`invoice_already_paid`, `resource_missing`, ...), `status` the HTTP
    status.
    """

    def __init__(self, *, code: str | None, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class PaymentProvider(Protocol):
    """Reads are of this moment; a missing or deleted object is None.

    Every method raises `ports.UnavailableError` when the outcome is unknown (time-out, lost reply, 5xx,
    connection), its subclass `ThrottledError` when it was refused for its rate (429) and did not happen, and
    `ProviderRefusedError` for other refusals.
    """

    def customer(self, customer_id: str, /) -> Json | None: ...

    def subscription(self, subscription_id: str, /) -> Json | None:
        """With items, prices and discounts expanded."""

    def invoice(self, invoice_id: str, /) -> Json | None:
        """With its payments expanded."""

    def events(self, *, since_s: int, types: Sequence[str] = ()) -> Iterator[Json]:
        """Events created at or after an instant (the provider keeps 30 days), oldest first."""

    def subscriptions(self, *, customer: str | None = None) -> Iterator[Json]:
        """All of them, in every status; `customer`: only this one's."""

    def invoices(self, *, customer: str | None = None, status: str | None = None) -> Iterator[Json]:
        """Newest first; `status`: draft, open, paid, uncollectible or void."""

    def charges(self, *, customer: str) -> Iterator[Json]:
        """Newest first, failed ones included."""

    def payment_methods(self, customer_id: str, /) -> Iterator[Json]:
        """The cards of a customer."""

    def pay_invoice(self, invoice_id: str, /, *, key: str, payment_method: str | None = None) -> Json:
        """Collect an open invoice now; the invoice as it is afterwards.

        Raises:
            CardDeclinedError: refused, nothing charged.
            ProviderRefusedError: `invoice_already_paid`, or it is not open.
        """

    def cancel_subscription(self, subscription_id: str, /, *, key: str, reason: str) -> Json:
        """End a subscription now; the subscription as it is afterwards. One already canceled is refused."""

    def create_coupon(self, *, key: str, coupon: Mapping[str, Any]) -> Json:
        """Make a coupon from the API's own parameters."""

    def create_promotion_code(self, *, key: str, promotion_code: Mapping[str, Any]) -> Json:
        """Make a customer's code for a coupon from the API's own parameters."""

    def promotion_codes(self, *, coupon: str) -> Iterator[Json]:
        """The codes that stand for a coupon, newest first."""

    def portal_url(self, customer_id: str, /, *, key: str, return_url: str) -> str:
        """A short-lived page at the provider where the customer changes the card."""
