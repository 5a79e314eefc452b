"""What is to become of payment attempts: outcomes, how a script names them, what a decline says."""

import re
from dataclasses import dataclass
from typing import Any, Final

from payments.errors import invalid

DECLINE_CODES: Final = frozenset(
    [
        "approve_with_id",
        "authentication_required",
        "call_issuer",
        "card_declined",
        "card_not_supported",
        "card_velocity_exceeded",
        "currency_not_supported",
        "do_not_honor",
        "do_not_try_again",
        "duplicate_transaction",
        "expired_card",
        "fraudulent",
        "generic_decline",
        "highest_risk_level",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_zip",
        "insufficient_funds",
        "invalid_account",
        "invalid_amount",
        "invalid_cvc",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "invalid_number",
        "issuer_not_available",
        "lost_card",
        "merchant_blacklist",
        "new_account_information_available",
        "no_action_taken",
        "not_permitted",
        "pickup_card",
        "processing_error",
        "reenter_transaction",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "security_violation",
        "service_not_allowed",
        "stolen_card",
        "stop_payment_order",
        "transaction_not_allowed",
        "try_again_later",
        "withdrawal_count_limit_exceeded",
    ]
)
"""Stripe's documentation, 'Decline codes'."""
ADVICE_CODES: Final = ("confirm_card_data", "do_not_try_again", "try_again_later")
OWN_CODES: Final = frozenset(
    [
        "authentication_required",
        "expired_card",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_zip",
        "processing_error",
    ]
)
"""Declines whose error code is their own instead of `card_declined`."""
FIELDS: Final = frozenset({"outcome", "decline_code", "advice_code", "when"})
WHENS: Final = ("before", "after")
PLAIN: Final = ("succeed", "lost_reply", "500")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one payment attempt: declined or not, and what becomes of the answer.

    `fault` is None, `lost_reply` or `500`; a 500 with `happens` False is answered before anything is done.
    """

    decline_code: str | None = None
    advice_code: str | None = None
    fault: str | None = None
    happens: bool = True

    @property
    def error_code(self) -> str:
        return self.decline_code if self.decline_code in OWN_CODES else "card_declined"


SUCCEED: Final = Outcome()


def parsed(value: Any, *, place: str) -> Outcome:
    """The outcome that a script names.

    Raises:
        ApiError: it names none; the message says what there is.
    """
    if isinstance(value, int) and value == 500:
        value = "500"
    if isinstance(value, str):
        return _named(value, place=place)
    if isinstance(value, dict):
        value = _spelled_out(value)
    if not isinstance(value, dict) or not value or set(value) - FIELDS:
        raise invalid(
            f"{place}: an outcome is 'succeed', a decline code, 'lost_reply', '500' or an object of "
            f"{', '.join(sorted(FIELDS))}; this is {value!r}",
            param=place,
        )
    named = str(value.get("outcome", "decline" if "decline_code" in value else "succeed"))
    code = value.get("decline_code")
    if (named == "decline" and code is None) or (named == "succeed" and code is not None):
        raise invalid(f"{place}: a decline has a decline_code, and only a decline has", param=place)
    base = SUCCEED if named == "decline" else _named(named, place=place)
    code = base.decline_code if code is None else code
    if code is not None and not (isinstance(code, str) and re.fullmatch(r"[a-z][a-z0-9_]*", code)):
        raise invalid(f"{place}: decline_code is a word of small letters, this is {code!r}", param=place)
    advice = value.get("advice_code")
    if advice is not None and (advice not in ADVICE_CODES or code is None):
        raise invalid(
            f"{place}: advice_code goes with a decline and is one of {', '.join(ADVICE_CODES)}", param=place
        )
    when = value.get("when", "before")
    if when not in WHENS or ("when" in value and base.fault != "500"):
        raise invalid(f"{place}: when goes with '500' and is before or after", param=place)
    return Outcome(
        decline_code=_plain(code),
        advice_code=advice,
        fault=base.fault,
        happens=base.fault != "500" or when == "after",
    )


def _spelled_out(value: dict[str, Any]) -> dict[str, Any]:
    """`{"lost_reply": true}` says the same as `{"outcome": "lost_reply"}`."""
    flags = [name for name in PLAIN if value.get(name) is True]
    if len(flags) != 1 or "outcome" in value:
        return value
    return {"outcome": flags[0], **{key: given for key, given in value.items() if key != flags[0]}}


def _named(name: str, *, place: str) -> Outcome:
    if name == "succeed":
        return SUCCEED
    if name == "lost_reply":
        return Outcome(fault="lost_reply")
    if name == "500":
        return Outcome(fault="500", happens=False)
    if name in DECLINE_CODES:
        return Outcome(decline_code=_plain(name))
    raise invalid(
        f"{place}: {name!r} is no outcome: 'succeed', 'lost_reply', '500' or a decline code of Stripe's "
        '(another one: {"decline_code": ...})',
        param=place,
    )


def _plain(code: str | None) -> str | None:
    return "generic_decline" if code == "card_declined" else code
