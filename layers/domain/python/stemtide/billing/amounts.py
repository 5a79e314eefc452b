"""The provider's amounts in minor units as ISO 4217 has them, which everything else here speaks.

Stripe's documentation, 'Supported currencies': krónur and Uganda's shillings have no minor unit, yet are told
in hundredths (which are 00); ariary are told whole. All other currencies are told as ISO has them.
"""

from fractions import Fraction
from types import MappingProxyType
from typing import Final

from stemtide.billing.objects import MalformedError
from stemtide.currencies import minor_digits

TOLD_DIGITS: Final = MappingProxyType({"ISK": 2, "UGX": 2, "MGA": 0})
"""Decimal places of an amount as the provider tells it, where ISO's are others."""


def scale(currency: str) -> Fraction:
    """What an amount of the provider is multiplied by (currency in capitals)."""
    told = TOLD_DIGITS.get(currency)
    return Fraction(1) if told is None else Fraction(10) ** (minor_digits(currency) - told)


def minor_units(told: int, currency: str) -> int:
    """An amount of the provider in minor units.

    Raises:
        MalformedError: it is no whole number of them.
    """
    found = told * scale(currency)
    if found.denominator != 1:
        raise MalformedError(f"{told} is no whole amount of {currency} as the provider tells it")
    return int(found)
