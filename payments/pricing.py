"""What a price asks in a currency: its own amount, or one of its options for other currencies."""

from payments import money
from payments.errors import invalid
from payments.params import Params
from payments.store import Object


def options(params: Params, amount: str) -> Object | None:
    """The `currency_options` of a request by currency, each with its amount under the name `amount`.

    Raises:
        ApiError: one of them is no currency, or cannot hold its amount.
    """
    part = params.part("currency_options")
    if part is None:
        return None
    found: Object = {}
    for name in part.values:
        row = part.part(name)
        if row is None:
            raise part.lacks(name)
        row.only(frozenset({amount}))
        currency = money.checked_currency(name, param=part.name(name))
        asked = row.need(amount, row.integer(amount, least=0))
        found[currency] = {amount: money.checked_amount(asked, currency, param=row.name(amount))}
    return found


def shown(made: Object | None) -> Object | None:
    """The options of a price as they are shown."""
    return None if made is None else {currency: _option(one) for currency, one in made.items()}


def unit_amount(price: Object, currency: str) -> int:
    """What one unit costs in a currency.

    Raises:
        ApiError: the price is not to be had in it.
    """
    if price["currency"] == currency:
        return int(price["unit_amount"])
    option = (price.get("_currency_options") or {}).get(currency)
    if option is None:
        raise invalid(f"The price {price['id']} is not to be had in {currency}.", param="currency")
    return int(option["unit_amount"])


def amount_off(coupon: Object, currency: str) -> int | None:
    """What a coupon takes off in a currency; None: a share, or nothing in this one."""
    if coupon["amount_off"] is None or coupon["currency"] == currency:
        return None if coupon["amount_off"] is None else int(coupon["amount_off"])
    option = (coupon.get("_currency_options") or {}).get(currency)
    return None if option is None else int(option["amount_off"])


def _option(one: Object) -> Object:
    amount = one["unit_amount"]
    return {
        "custom_unit_amount": None,
        "tax_behavior": "unspecified",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
