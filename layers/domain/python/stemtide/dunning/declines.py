"""What a card's decline means for the next try, from the network's codes.

Sources: Stripe's list of decline codes and its guide to declines by advice code; Visa's and Mastercard's
retry rules as vendors' documentation tells them (category 1 and merchant advice 03 and 21 are never to be
tried again; 24 to 30 say how long to wait).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class Decline(StrEnum):
    """What to do about a decline.

    `soft`: the same card may work later. `needs_card`: it never will, another card is asked for.
    `authenticate`: the customer must confirm the payment. `stop`: a code that nobody here knows; trying on
    could cost fees.
    """

    SOFT = "soft"
    NEEDS_CARD = "needs_card"
    AUTHENTICATE = "authenticate"
    STOP = "stop"


NEVER_AGAIN: Final = frozenset(
    {
        *("incorrect_number", "invalid_number", "invalid_account", "lost_card", "stolen_card", "pickup_card"),
        *("restricted_card", "expired_card", "invalid_expiry_month", "invalid_expiry_year"),
        *("revocation_of_authorization", "revocation_of_all_authorizations", "stop_payment_order"),
        *("card_not_supported", "currency_not_supported", "transaction_not_allowed", "highest_risk_level"),
        *("fraudulent", "merchant_blacklist", "security_violation", "service_not_allowed"),
        *(
            "incorrect_cvc",
            "invalid_cvc",
            "incorrect_zip",
            "incorrect_address",
            "new_account_information_available",
        ),
    }
)
"""Codes after which the same card is never tried again."""
LATER: Final = frozenset(
    {
        *("insufficient_funds", "card_velocity_exceeded", "withdrawal_count_limit_exceeded"),
        *("processing_error", "issuer_not_available", "reenter_transaction", "try_again_later"),
        *("card_declined", "generic_decline", "do_not_honor", "no_action_taken", "not_permitted"),
        *("approve_with_id", "call_issuer", "duplicate_transaction", "invalid_amount", "testmode_decline"),
    }
)
"""Codes after which the same card may work another day."""
MUST_CONFIRM: Final = frozenset(
    {"authentication_required", "authentication_not_handled", "mobile_device_authentication_required"}
)
OF_CARD_DATA: Final = frozenset(
    {
        *("expired_card", "invalid_expiry_month", "invalid_expiry_year", "new_account_information_available"),
        *("incorrect_cvc", "invalid_cvc", "incorrect_zip", "incorrect_address"),
    }
)
"""Of `NEVER_AGAIN` those that a card overcomes which is issued anew under the same number."""
LACKS_FUNDS: Final = "insufficient_funds"
"""What payday tells about: money comes in on some days of the month."""
DO_NOT_TRY_AGAIN: Final = frozenset({"do_not_try_again", "03", "21"})
CONFIRM_CARD_DATA: Final = frozenset({"confirm_card_data", "01"})
"""Advice codes that ask for other card data."""
NETWORK_WAITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "24": HOUR_MS,
        "25": DAY_MS,
        "26": 2 * DAY_MS,
        "27": 4 * DAY_MS,
        "28": 6 * DAY_MS,
        "29": 8 * DAY_MS,
        "30": 10 * DAY_MS,
    }
)
"""How long Mastercard's merchant advice asks to wait before the next try."""


def decline_of(code: str | None, advice: str | None = None) -> Decline:
    """What a decline means; the advice of the network is stronger than the code.

    A decline without any code (a bank's plain no) is soft, an unknown code is `stop`.
    """
    if advice in DO_NOT_TRY_AGAIN or advice in CONFIRM_CARD_DATA:
        return Decline.NEEDS_CARD
    if code in MUST_CONFIRM:
        return Decline.AUTHENTICATE
    if code in NEVER_AGAIN:
        return Decline.NEEDS_CARD
    if code is None or code in LATER:
        return Decline.SOFT
    return Decline.STOP


def is_of_card_data(code: str | None, advice: str | None) -> bool:
    """Whether a decline was for what is said of the card: renewed, it may be tried again."""
    return advice not in DO_NOT_TRY_AGAIN and (code in OF_CARD_DATA or advice in CONFIRM_CARD_DATA)


def wait_ms(advice: str | None) -> int:
    """The least time between a decline and the next try, by the network's advice; 0 without one."""
    return NETWORK_WAITS.get(advice or "", 0)


def strength(advice: str) -> tuple[bool, int]:
    """What advices are compared by: one that forbids another try is the strongest, then the longest wait."""
    return advice in DO_NOT_TRY_AGAIN or advice in CONFIRM_CARD_DATA, wait_ms(advice)
