"""Amounts in minor units by Stripe's rules of currencies (its documentation, 'Supported currencies')."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from payments.errors import invalid

ZERO_DECIMAL: Final = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL: Final = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
"""Sent in thousandths, the last digit 0."""
WHOLE_IN_HUNDREDTHS: Final = frozenset({"isk", "ugx"})
"""Have no minor unit, yet are sent in hundredths that are 00."""


def step(currency: str) -> int:
    """What every amount of the currency is a multiple of."""
    if currency in THREE_DECIMAL:
        return 10
    return 100 if currency in WHOLE_IN_HUNDREDTHS else 1


def checked_currency(currency: str, *, param: str = "currency") -> str:
    """The currency in small letters.

    Raises:
        ApiError: it is no code of three letters.
    """
    code = currency.lower()
    if not re.fullmatch(r"[a-z]{3}", code):
        raise invalid(f"Invalid currency: {currency}", param=param)
    return code


def checked_amount(amount: int, currency: str, *, param: str) -> int:
    """The amount, which the currency can hold.

    Raises:
        ApiError: it cannot.
    """
    if amount % step(currency):
        raise invalid(
            f"Invalid amount: {amount} {currency.upper()} must be a multiple of {step(currency)}", param=param
        )
    return amount


def share(amount: int, percent: float, currency: str) -> int:
    """So many per cent of an amount, rounded half up to what the currency can hold."""
    unit = step(currency)
    exact = Decimal(amount) * Decimal(str(percent)) / 100 / unit
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)) * unit


def shown(amount: int, currency: str) -> str:
    """The amount as a person reads it."""
    digits = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    value = Decimal(amount).scaleb(-digits)
    if currency in WHOLE_IN_HUNDREDTHS:
        digits = 0
    return f"{value:,.{digits}f} {currency.upper()}"
