"""Monthly recurring revenue of a subscription: exact fractions until the end, then whole minor units.

What counts, by the usual definition: licensed prices of active and past due subscriptions, less discounts
that recur. Prices by use, one-off discounts, trials and paused collection do not. A year is twelve months, a
week 1/52 and a day 1/365 of a year. Each price is rounded to the minor unit, halves up; the subscription's
MRR is the sum of these, so that what is told of plans adds up to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

from stemtide.billing.objects import Discount, MalformedError
from stemtide.billing.provider import Json
from stemtide.billing.reading import each, part

PERIODS_A_MONTH: Final = {
    "month": Fraction(1),
    "year": Fraction(1, 12),
    "week": Fraction(52, 12),
    "day": Fraction(365, 12),
}
HALF: Final = Fraction(1, 2)


def a_month(amount: Fraction, interval: str, count: int) -> Fraction:
    """What an amount each `count` intervals is a month."""
    return amount * PERIODS_A_MONTH[interval] / count


def rounded(amount: Fraction) -> int:
    """Whole minor units, halves up."""
    return floor(amount + HALF)


def price_in(price: Json, currency: str) -> Json | None:
    """A price as it is asked in a currency (in capitals): its own amounts are in its own currency, those of
    others stand in its currency options. None where they were not read."""
    own = price.get("currency")
    if not isinstance(own, str) or own.upper() == currency:
        return price
    option = part(price, "currency_options", currency.lower())
    asked = ("unit_amount", "unit_amount_decimal", "tiers")
    return {**price, **{name: option.get(name) for name in asked}} if option else None


def price_of(price: Json, quantity: int) -> Fraction | None:
    """What a licensed price asks for a quantity each period, before discounts, in minor units; None where it
    does not say (tiers that were not read)."""
    if price.get("billing_scheme") == "tiered":
        return _tiered(price, quantity)
    unit = price.get("unit_amount_decimal")
    unit = price.get("unit_amount") if unit is None else unit
    return None if unit is None else exactly(unit) * _packages(price, quantity)


def after_discounts(
    amounts: Mapping[str, Fraction],
    discounts: Iterable[Discount],
    *,
    products: Mapping[str, str],
    currency: str,
    as_of_ms: int,
) -> dict[str, Fraction]:
    """What is left of each item's amount a period, the discounts taken off one after the other.

    An amount off is shared by the items in proportion, and nothing becomes less than nothing. After a
    discount that was not read nobody knows what is left: nothing is said of the items.

    Args:
        products: the product of each item.
        as_of_ms: a discount that is over by then takes nothing off.
    """
    left = dict(amounts)
    for discount in discounts:
        if discount.unread:
            return {}
        if discount.until_ms is not None and discount.until_ms <= as_of_ms:
            continue
        hit = [name for name in left if discount.products is None or products[name] in discount.products]
        whole = sum((left[name] for name in hit), Fraction(0))
        amount = discount.amount_in(currency)
        if discount.percent is not None:
            kept = 1 - exactly(discount.percent) / 100
        elif amount is not None and whole > 0:
            kept = max(Fraction(0), 1 - amount / whole)
        else:
            continue
        left |= {name: left[name] * kept for name in hit}
    return left


def exactly(value: Any) -> Fraction:
    """A number as the API writes it (a decimal in a string, or a whole one), without loss.

    Raises:
        MalformedError: it is none.
    """
    try:
        return Fraction(Decimal(str(value)))
    except (ArithmeticError, ValueError):
        raise MalformedError(f"{str(value)[:40]!r} is no amount") from None


def _packages(price: Json, quantity: int) -> int:
    """How many units are asked for: a price for packs of ten asks for whole packs."""
    transform = part(price, "transform_quantity")
    size = transform.get("divide_by")
    if not isinstance(size, int) or size < 1:
        return quantity
    packs = Fraction(quantity, size)
    return ceil(packs) if transform.get("round") == "up" else floor(packs)


def _tiered(price: Json, quantity: int) -> Fraction | None:
    tiers = [tier for tier in each(price, "tiers") if isinstance(tier, Mapping)]
    if not tiers:
        return None
    if price.get("tiers_mode") == "volume":
        return _of_tier(next((t for t in tiers if _reaches(t, quantity)), tiers[-1]), quantity)
    return _graduated(tiers, quantity)


def _graduated(tiers: Sequence[Json], quantity: int) -> Fraction:
    """The units of each tier by its own price; the first one's flat amount is asked for whatever is used."""
    total, below = Fraction(0), 0
    for place, tier in enumerate(tiers):
        top = quantity if tier.get("up_to") is None else min(quantity, int(tier["up_to"]))
        if top > below or not place:
            total += _of_tier(tier, top - below)
        below = top
    return total


def _reaches(tier: Json, quantity: int) -> bool:
    return tier.get("up_to") is None or quantity <= tier["up_to"]


def _of_tier(tier: Json, units: int) -> Fraction:
    unit, flat = (
        exactly(tier.get(f"{name}_decimal") or tier.get(name) or 0) for name in ("unit_amount", "flat_amount")
    )
    return unit * units + flat
