"""Cards: by number, or by the names of Stripe's test cards."""

from datetime import UTC, datetime
from typing import Final

from payments.errors import invalid
from payments.params import Params
from payments.shapes import customers
from payments.store import Object
from payments.world import World

TEST_CARDS: Final = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_chargeCustomerFail": "4000000000000341",
}
DECLINING: Final = {
    "4000000000000341": "generic_decline",
    "4000000000009995": "insufficient_funds",
    "4000000000009987": "lost_card",
    "4000000000009979": "stolen_card",
    "4000000000000069": "expired_card",
    "4000002500003155": "authentication_required",
}
"""Numbers whose every charge is declined, attached or not (Stripe's documentation, 'Testing')."""
USUAL: Final = TEST_CARDS["pm_card_visa"]


def new_card(
    world: World, card: Params | None, *, metadata: dict[str, str] | None = None, test_name: str | None = None
) -> Object:
    """A card of its own for a number, a token (`tok_visa`) or a test card's name.

    Raises:
        ApiError: no such test card, or a number that is none.
    """
    number = USUAL if test_name is None else TEST_CARDS.get(test_name)
    if card is not None:
        token = card.text("token")
        number = (
            card.text("number") if token is None else TEST_CARDS.get(f"pm_card_{token.removeprefix('tok_')}")
        )
    if number is None:
        raise invalid(f"No such PaymentMethod: '{test_name}'", code="resource_missing", status=404)
    if not number.isdecimal() or not 12 <= len(number) <= 19:
        raise invalid("Your card number is incorrect.", code="incorrect_number", param="card[number]")
    year = datetime.fromtimestamp(world.now, UTC).year
    method = customers.payment_method(
        world.new_id("pm"),
        created=world.now,
        number=number,
        exp_month=(card.integer("exp_month") if card else None) or 12,
        exp_year=(card.integer("exp_year") if card else None) or year + 3,
    )
    method["_declines"] = DECLINING.get(number)
    method["metadata"] = metadata or {}
    return world.put(method)
