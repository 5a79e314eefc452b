"""Which outcome a customer's next payment attempt has: the script's, what holds after it, or the card's."""

from typing import Any, Final

from payments.outcomes import SUCCEED, Outcome, parsed
from payments.store import Object
from payments.world import World

KIND: Final = "_script"


def write(world: World, customer: str, outcomes: list[Any], *, then: Any, append: bool) -> Object:
    """Set (or add to) the outcomes of a customer's next payment attempts.

    Args:
        then: the outcome of every attempt after them; None: what the card does.

    Raises:
        ApiError: no such customer, or an outcome that there is not; nothing is changed then.
    """
    world.store.need("customer", customer, param="customer")
    for place, outcome in enumerate(outcomes):
        parsed(outcome, place=f"outcomes[{place}]")
    if then is not None:
        parsed(then, place="then")
    before = read(world, customer)
    kept = [*before["outcomes"], *outcomes] if append else list(outcomes)
    then = before["then"] if append and then is None else then
    return world.put({"object": KIND, "id": customer, "outcomes": kept, "then": then})


def read(world: World, customer: str) -> Object:
    """What is left of a customer's script."""
    found = world.store.find(KIND, customer)
    return found or {"object": KIND, "id": customer, "outcomes": [], "then": None}


def next_outcome(world: World, customer: str, card: Object) -> Outcome:
    """The outcome of an attempt that is made now, taken off the script."""
    script = world.store.find(KIND, customer)
    if script is not None and script["outcomes"]:
        first, *rest = script["outcomes"]
        world.put({**script, "outcomes": rest})
        return parsed(first, place="outcomes[0]")
    if script is not None and script["then"] is not None:
        return parsed(script["then"], place="then")
    return Outcome(decline_code=card["_declines"]) if card.get("_declines") else SUCCEED
