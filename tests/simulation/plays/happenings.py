"""What customers and people do in a run of plays, and how scores move."""

from collections.abc import Callable
from typing import Any, Final

from stemtide.mail.ports import Stop
from stemtide.scoring.assessment import tier_of

from tests.simulation.plays.world import DAY_MS, START_MS, STOPS, Account, World, at_risk, left

AT_RISK: Final = 50
CALM: Final = 45
MRRS: Final = (900, 4_900, 99_900)
TENURES: Final = (10, 90, 500)
FEEDBACK: Final = (None, "too_expensive", "unused", "something_new")


def customer(world: World, name: str) -> Account:
    """A new account with a customer that subscribes."""
    _, made, _ = world.provider.handle("POST", "/v1/customers", {"email": "a@example.com"}, {})
    mrr = world.dice.choice(MRRS)
    _, product, _ = world.provider.handle("POST", "/v1/products", {"name": "Business"}, {})
    price = {
        "product": product["id"],
        "currency": "eur",
        "unit_amount": mrr,
        "recurring": {"interval": "month"},
    }
    _, price, _ = world.provider.handle("POST", "/v1/prices", price, {})
    account = Account(
        name=name,
        customer=str(made["id"]),
        mrr=mrr,
        since_ms=START_MS - world.dice.choice(TENURES) * DAY_MS,
        price=str(price["id"]),
    )
    assert _subscribes(world, account)
    return account


def leaves(world: World, account: Account) -> bool:
    """The subscription ends: unpaid, or the customer said why."""
    found = _living(world, account)
    if not found:
        return False
    unpaid = world.dice.random() < 0.5
    feedback = None if unpaid else world.dice.choice(FEEDBACK)
    world.provider.handle("DELETE", f"/v1/subscriptions/{found[0]['id']}", {}, {})
    with world.happening() as at:
        world.since[account.name, "left"] = at
        world.since.pop((account.name, "back"), None)
        world.was[account.name].append((world.now_ms(), "left"))
    told = left(account, found[0], "payment_failed" if unpaid else "cancellation_requested", feedback)
    world.tell(lambda: world.keeper.left(told))
    return True


def comes_back(world: World, account: Account) -> bool:
    """The customer subscribes again, with the code of an offer if it has one."""
    if _living(world, account) or account.erased:
        return False
    if not _subscribes(world, account):
        return False
    with world.happening() as at:
        world.since[account.name, "back"] = at
        world.was[account.name].append((world.now_ms(), "back"))
    world.tell(lambda: world.keeper.happened(account.name))
    return True


def score_moves(world: World, account: Account) -> bool:
    """A new score; the bus is told when the tier is another."""
    before = tier_of(account.score)
    account.score = world.dice.choice((10, 40, 47, 55, 60, 80, 90))
    account.scored += 1
    with world.happening() as at:
        if account.score < CALM:
            world.since.setdefault((account.name, "calm"), at)
        else:
            world.since.pop((account.name, "calm"), None)
    if tier_of(account.score) != before:
        told = at_risk(account)
        world.tell(lambda: world.keeper.at_risk(told))
    return True


def stops_mail(world: World, account: Account) -> bool:
    """Opts out, complains, bounces."""
    stop: Stop = world.dice.choice(STOPS)
    if stop in account.stops:
        return False
    account.stops[stop] = world.now_ms()
    return _stopped(world, account, "stopped")


def is_held(world: World, account: Account) -> bool:
    """A person lets it alone."""
    if account.held:
        return False
    account.held = True
    return _stopped(world, account, "held")


def is_erased(world: World, account: Account) -> bool:
    """Forgotten for good."""
    if account.erased or world.dice.random() < 0.5:
        return False
    account.erased = True
    return _stopped(world, account, "held")


def is_dunned(world: World, account: Account) -> bool:
    """A run of dunning begins or ends."""
    account.dunned = not account.dunned
    with world.happening():
        return True


def _stopped(world: World, account: Account, what: str) -> bool:
    with world.happening() as at:
        world.since.setdefault((account.name, what), at)
    world.tell(lambda: world.keeper.happened(account.name))
    return True


def _living(world: World, account: Account) -> list[dict[str, Any]]:
    found = world.provider.world.store.of("subscription", "customer", account.customer)
    return [one for one in found if one["status"] != "canceled"]


def _subscribes(world: World, account: Account) -> bool:
    params: dict[str, Any] = {
        "customer": account.customer,
        "items": [{"price": account.price}],
        "collection_method": "send_invoice",
        "days_until_due": 90,
    }
    codes = [
        one for one in world.provider.world.store.all("promotion_code") if one["customer"] == account.customer
    ]
    if codes and world.dice.random() < 0.7:
        with_code = {**params, "discounts": [{"promotion_code": codes[0]["id"]}]}
        if world.provider.handle("POST", "/v1/subscriptions", with_code, {})[0] == 200:
            return True
    return world.provider.handle("POST", "/v1/subscriptions", params, {})[0] == 200


HAPPENINGS: Final[tuple[Callable[[World, Account], bool], ...]] = (
    *(leaves, leaves, comes_back, comes_back, score_moves, score_moves, score_moves),
    *(stops_mail, is_held, is_erased, is_dunned, is_dunned),
)
