"""Subscriptions made, ended and resumed by requests."""

from typing import Any, Final

from payments import collecting, discounting, invoicing, periods, standing, terms
from payments.due import ENDED
from payments.errors import ApiError, invalid, missing
from payments.params import Params
from payments.shapes import subscriptions
from payments.store import Object
from payments.world import World, all_or_nothing

BEHAVIORS: Final = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")


def create(world: World, params: Params) -> Object:
    """A new subscription: its first invoice is collected at once, or a trial begins.

    Raises:
        ApiError: it cannot be; with `error_if_incomplete` also when the first payment is declined.
    """
    customer = world.store.need("customer", params.needed_text("customer"), param="customer")
    with all_or_nothing(world, terms.touched(world, customer, params)):
        return _create(world, customer, params)


def _create(world: World, customer: Object, params: Params) -> Object:
    rows = params.rows("items")
    if not rows:
        raise params.lacks("items")
    prices = [terms.recurring_price(world, row) for row in rows]
    currency = terms.common_currency(prices, params.text("currency"))
    terms.check_proration(params)
    behavior = params.one_of("payment_behavior", BEHAVIORS) or "allow_incomplete"
    discounts = discounting.redeemed(
        world, params.rows("discounts") or [], customer=customer, currency=currency
    )
    subscription = subscriptions.subscription(
        world.new_id("sub"), created=world.now, customer=customer["id"], currency=currency
    )
    subscription["discounts"] = discounts
    subscription["metadata"] = params.metadata()
    subscription["description"] = params.text("description")
    terms.set_collection(subscription, params)
    terms.set_method(world, subscription, params)
    terms.set_end(world, subscription, params)
    trial_end = terms.new_trial_end(world, params)
    world.store.put(subscription)
    for row, price in zip(rows, prices, strict=True):
        terms.add_item(world, subscription, price, row)
    _begin(world, subscription, trial_end, behavior)
    return subscription


def _begin(world: World, subscription: Object, trial_end: int | None, behavior: str) -> None:
    if trial_end is not None:
        subscription.update(
            status="trialing", trial_start=world.now, trial_end=trial_end, billing_cycle_anchor=trial_end
        )
        periods.set_period(world, subscription, world.now, trial_end)
    else:
        periods.set_period(world, subscription, *periods.current_period(world, subscription))
        if subscription["collection_method"] == "charge_automatically":
            subscription["status"] = "incomplete"
    invoice = periods.bill(
        world, subscription, reason="subscription_create", free=subscription["status"] == "trialing"
    )
    world.emit("customer.subscription.created", subscription)
    if behavior == "default_incomplete":
        invoicing.finalize(world, invoice)
        collecting.settle_if_nothing_is_due(world, invoice)
    else:
        periods.open_and_collect(world, invoice)
    if behavior == "error_if_incomplete" and subscription["status"] == "incomplete":
        raise ApiError(402, "card_error", "Your card was declined.", code="card_declined")


def cancel(world: World, subscription: Object, params: Params) -> Object:
    """End a subscription now.

    Raises:
        ApiError: it has ended before.
    """
    if subscription["status"] in ENDED:
        raise missing("subscription", subscription["id"])
    terms.set_details(subscription, params)
    standing.end_subscription(world, subscription, reason="cancellation_requested")
    return subscription


def resume(world: World, subscription: Object, params: Params) -> Object:
    """Begin anew after a pause: a period begins now and is billed.

    Raises:
        ApiError: it is not paused.
    """
    anchor: Any = params.one_of("billing_cycle_anchor", ("now", "unchanged"))
    if subscription["status"] != "paused":
        raise invalid("Only a paused subscription can be resumed.")
    subscription.update(status="active", billing_cycle_anchor=world.now)
    world.put(subscription)
    world.emit("customer.subscription.resumed", subscription, {"status": "paused", "anchor": anchor})
    periods.renew_now(world, subscription)
    return subscription
