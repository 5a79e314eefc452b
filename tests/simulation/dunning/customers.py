"""What customers are and do: who they are, how their payments fare, what they change at the provider."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Final

from payments import collecting, reversing, scripting

if TYPE_CHECKING:
    from tests.simulation.dunning.world import World

SOFT: Final = ("insufficient_funds", "do_not_honor", "processing_error", "generic_decline")
HARD: Final = ("lost_card", "stolen_card", "authentication_required", "expired_card", "some_new_code")


def _pays(world: "World", customer: str) -> bool:
    invoices = world.open_invoices(customer)
    methods = world.provider.world.store.of("payment_method", "customer", customer)
    if not invoices or not methods:
        return False
    collecting.receive(
        world.provider.world, invoices[0], invoices[0]["amount_remaining"], next(iter(methods))
    )
    return True


def _pays_a_part(world: "World", customer: str) -> bool:
    invoices = [one for one in world.open_invoices(customer) if one["amount_remaining"] > 100]
    methods = list(world.provider.world.store.of("payment_method", "customer", customer))
    if not invoices or not methods:
        return False
    collecting.receive(world.provider.world, invoices[0], 100, methods[0])
    return True


def _voids(world: "World", customer: str) -> bool:
    invoices = world.open_invoices(customer)
    return bool(invoices) and _asked(world, "POST", f"/v1/invoices/{invoices[0]['id']}/void")


def _cancels(world: "World", customer: str) -> bool:
    alive = [
        one
        for one in world.provider.world.store.of("subscription", "customer", customer)
        if one["status"] != "canceled"
    ]
    return bool(alive) and _asked(world, "DELETE", f"/v1/subscriptions/{alive[0]['id']}")


def _changes_the_card(world: "World", customer: str) -> bool:
    return _new_card(world, customer)


def _is_held(world: "World", customer: str) -> bool:
    account = f"of-{customer}"
    if account in world.held:
        return False
    world.held.add(account)
    world.held_at[account] = world.happenings + 1
    return True


def _is_deleted(world: "World", customer: str) -> bool:
    return world.dice.random() < 0.5 and _asked(world, "DELETE", f"/v1/customers/{customer}")


def _disputes(world: "World", customer: str) -> bool:
    paid = [
        one
        for one in world.provider.world.store.of("charge", "customer", customer)
        if one["paid"] and not one["disputed"] and not one["refunded"]
    ]
    if len(paid) < 2:  # the first pays for the month before
        return False
    reversing.dispute(world.provider.world, paid[-1], reason="fraudulent")
    return True


HAPPENINGS: Final[tuple[Callable[["World", str], bool], ...]] = (
    *(_pays, _pays, _pays_a_part, _voids, _cancels, _changes_the_card, _changes_the_card),
    *(_is_held, _disputes, _is_deleted),
)


def _asked(world: "World", method: str, path: str, params: dict[str, Any] | None = None) -> bool:
    status, _, _ = world.provider.handle(method, path, params or {}, {})
    return status < 400


def _new_card(world: "World", customer: str) -> bool:
    number = "4242424242424242" if world.dice.random() < 0.5 else "5555555555554444"
    method = _made(world, "/v1/payment_methods", {"type": "card", "card": {"number": number}})
    _asked(world, "POST", f"/v1/payment_methods/{method['id']}/attach", {"customer": customer})
    settings = {"invoice_settings": {"default_payment_method": method["id"]}}
    return _asked(world, "POST", f"/v1/customers/{customer}", settings)


def subscribed(world: "World") -> str:
    """A customer whose first month is paid and whose renewals fail: of one subscription, or of two that are
    billed on other days; some also have an invoice that they are to pay by hand."""
    dice = world.dice
    name = str(_made(world, "/v1/customers", {"email": "a@example.com"})["id"])
    _new_card(world, name)
    scripting.write(world.provider.world, name, ["succeed"], then=None, append=False)
    currency = dice.choice(("usd", "jpy", "kwd"))
    _subscribe(world, name, currency)
    if dice.random() < 0.3:
        _subscribe(world, name, currency, trial_period_days=dice.choice((31, 32, 33)))
    if dice.random() < 0.2:
        by_hand = {"customer": name, "collection_method": "send_invoice", "days_until_due": 30}
        invoice = _made(world, "/v1/invoices", by_hand)
        item = {"customer": name, "invoice": invoice["id"], "amount": 7000, "currency": currency}
        _made(world, "/v1/invoiceitems", item)
        _made(world, f"/v1/invoices/{invoice['id']}/finalize", {})
    scripting.write(world.provider.world, name, _outcomes(dice), then=_afterwards(dice), append=False)
    return name


def _subscribe(world: "World", customer: str, currency: str, **more: Any) -> None:
    price = {
        "product_data": {"name": "Business"},
        "currency": currency,
        "unit_amount": world.dice.choice((4900, 9900, 123_450)),
        "recurring": {"interval": "month"},
    }
    items = [{"price": _made(world, "/v1/prices", price)["id"]}]
    _made(world, "/v1/subscriptions", {"customer": customer, "items": items, **more})


def _made(world: "World", path: str, params: dict[str, Any]) -> dict[str, Any]:
    status, made, _ = world.provider.handle("POST", path, params, {})
    assert status == 200, made
    return made


def _outcomes(dice: Random) -> list[Any]:
    hard = dice.random() < 0.3
    first: Any = {"decline_code": dice.choice(HARD if hard else SOFT)}
    return [first, *({"decline_code": dice.choice(SOFT)} for _ in range(dice.randint(0, 8)))]


def _afterwards(dice: Random) -> Any:
    return dice.choice(("succeed", "succeed", {"decline_code": "insufficient_funds"}))
