"""Makes a customer's offer at the provider, once: a claim of the customer's one right to it, then a coupon of
our own id, then a code that this customer can take once.

    step                           the same step after a crash       another play of the customer
    claims the customer's offer
                                                                     claims -> refused: cooling off
    makes coupon `stemtide-<play>`
                                   claims -> its own claim
                                   makes the coupon -> it is there
                                   looks for its code -> none
                                   makes the code
"""

from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from stemtide.billing.provider import ProviderRefusedError
from stemtide.calls import DAY_MS
from stemtide.config_plays import Offers
from stemtide.plays.offers import Terms
from stemtide.plays.play import Journey, Play
from stemtide.plays.ports import OfferClaim, OfferRows, Promotions

EXISTS: Final = "resource_already_exists"
PREFIX: Final = {Journey.WIN_BACK: "BACK", Journey.RETENTION: "STAY"}
_S: Final = 1000
_CODE_BYTES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """Claims and makes offers; `policy` says how long they run and how rare they are, `provider` answers with
    the provider's client."""

    rows: OfferRows
    provider: Callable[[], Promotions]
    policy: Offers

    def claim(self, play: Play, terms: Terms, *, now_ms: int) -> OfferClaim | None:
        """The customer's right to its one offer; None: it had one lately.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        wanted = OfferClaim(
            customer=play.customer or "",
            play=play.id,
            percent=terms.percent,
            months=terms.months,
            code=code_of(play),
            claimed_ms=now_ms,
            expires_ms=now_ms + self.policy.valid_days * DAY_MS,
            free_ms=now_ms + self.policy.cool_off_days * DAY_MS,
        )
        return self.rows.claim(wanted, now_ms=now_ms)

    def make(self, play: Play, claim: OfferClaim) -> str:
        """Make the claimed offer; what the provider calls the code. The same again makes nothing new.

        Raises:
            ProviderRefusedError: the provider does not take it.
            UnavailableError: outcome unknown; the same again is safe.
        """
        coupon, provider = coupon_id(play), self.provider()
        try:
            provider.create_coupon(key=f"{coupon}-coupon", coupon=_coupon(coupon, play, claim))
        except ProviderRefusedError as refused:
            if refused.code != EXISTS:
                raise
        found = next(iter(provider.promotion_codes(coupon=coupon)), None)
        if found is None:
            found = provider.create_promotion_code(
                key=f"{coupon}-code", promotion_code=_code(coupon, play, claim)
            )
        return str(found["id"])


def coupon_id(play: Play) -> str:
    """What the provider knows a play's coupon by."""
    return f"stemtide-{play.id}"


def code_of(play: Play) -> str:
    """The code that a customer types: short, without digits that are taken for letters."""
    digest = blake2b(play.id.encode(), digest_size=_CODE_BYTES).digest()
    return f"{PREFIX[play.journey]}-{b32encode(digest).decode()}"


def _coupon(coupon: str, play: Play, claim: OfferClaim) -> dict[str, Any]:
    return {
        "id": coupon,
        "percent_off": claim.percent,
        "duration": "repeating",
        "duration_in_months": claim.months,
        "max_redemptions": 1,
        "redeem_by": claim.expires_ms // _S,
        "metadata": _metadata(play),
    }


def _code(coupon: str, play: Play, claim: OfferClaim) -> dict[str, Any]:
    return {
        "promotion": {"type": "coupon", "coupon": coupon},
        "code": claim.code,
        "customer": claim.customer,
        "max_redemptions": 1,
        "expires_at": claim.expires_ms // _S,
        "metadata": _metadata(play),
    }


def _metadata(play: Play) -> dict[str, str]:
    return {"account": play.account, "journey": play.journey, "episode": play.id}
