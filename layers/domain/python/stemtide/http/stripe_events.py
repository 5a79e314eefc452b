"""`POST /v1/webhooks/stripe`: the payment provider's events, each claimed once.

Nothing is made of a body before its signature fits. Stripe repeats an event until it is answered with 2xx, so
one that was claimed before is answered like a new one, and one that could not be claimed with 503.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from stripe import SignatureVerificationError, WebhookSignature

from stemtide.billing.events import Claim, claim_of
from stemtide.billing.objects import MalformedError
from stemtide.http import strict_json
from stemtide.http.bodies import EventReceived
from stemtide.http.problem import Problem, Response, response
from stemtide.http.request import Request
from stemtide.http.signed_body import signed_body
from stemtide.rotating_secret import RotatingSecret

SIGNATURE: Final = "stripe-signature"
TOLERANCE_MS: Final = 300_000
"""How far the time of signing may lie from the arrival (Stripe's own default): an older one is a replay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeEvents:
    """Takes the provider's events: whose signature is good, and where they are claimed (`claim`: whether one
    is new)."""

    secrets: RotatingSecret
    claim: Callable[[Claim], bool]

    def post(self, request: Request) -> Response:
        """Claim the event of a request.

        Raises:
            Problem: 400 not signed by the provider, too old, or no event; 413 or 415 a body that it does not
                send; 503 the event could not be claimed.
        """
        body = signed_body(request)
        check_signature(body, request.headers.get(SIGNATURE), self.secrets, arrival_ms=request.arrival_ms)
        claim = _claim(body, request.arrival_ms)
        if claim is None:
            return response(HTTPStatus.OK, EventReceived(received="ignored"))
        new = self.claim(claim)
        return response(HTTPStatus.OK, EventReceived(received="new" if new else "known"))


def check_signature(body: bytes, header: str | None, secrets: RotatingSecret, *, arrival_ms: int) -> None:
    """Let a body pass that the provider has signed lately, with the current or the previous secret.

    Raises:
        Problem: 400, always with the same words.
    """
    if header is None or not secrets.fits(lambda secret: _is_signed(body, header, secret)):
        raise _refused()
    signed_ms = _signed_ms(header)
    if signed_ms is None or abs(arrival_ms - signed_ms) > TOLERANCE_MS:
        raise _refused()


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    """By the provider's own verification; its age is measured by the gateway's clock, not by ours."""
    try:
        return bool(WebhookSignature.verify_header(body, header, secret, tolerance=None))
    except (SignatureVerificationError, ValueError, TypeError):  # no UTF-8; no ASCII in the header
        return False


def _signed_ms(header: str) -> int | None:
    """When it was signed, as the verification reads it: the first `t`."""
    found = [value for name, _, value in (one.partition("=") for one in header.split(",")) if name == "t"]
    try:
        return int(found[0]) * 1000
    except (IndexError, ValueError):
        return None


def _claim(body: bytes, arrival_ms: int) -> Claim | None:
    try:
        return claim_of(strict_json.loads(body), arrived_ms=arrival_ms, via="webhook")
    except (strict_json.BadJson, MalformedError):
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-event", "This is no event of the provider.") from None


def _refused() -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "bad-signature",
        "Sign the raw body with the endpoint's signing secret, and send it within 300 seconds.",
    )
