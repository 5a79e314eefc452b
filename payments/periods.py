"""A subscription's periods: each begins with an invoice for it, or ends the subscription."""

from payments import collecting, discounting, invoicing, pricing, standing
from payments.calendar import period_of
from payments.due import ENDED, HOUR_S
from payments.errors import invalid
from payments.rendering import rendered
from payments.shapes import invoices
from payments.store import Object
from payments.world import World


def items_of(world: World, subscription: Object) -> list[Object]:
    return world.store.of("subscription_item", "subscription", subscription["id"])


def shown_items(world: World, subscription: Object) -> Object:
    """The items as the subscription shows them now."""
    items: Object = rendered(world.store, subscription)["items"]
    return items


def set_period(world: World, subscription: Object, start: int, end: int) -> None:
    """Every item's current period, and the subscription's own note of its end."""
    subscription["_period_end"] = end
    for item in items_of(world, subscription):
        item.update(current_period_start=start, current_period_end=end)
        world.put(item)
    world.put(subscription)


def current_period(world: World, subscription: Object) -> tuple[int, int]:
    """The period by the anchor and the prices that now lies in."""
    first = world.store.need("price", items_of(world, subscription)[0]["price"])
    rhythm = first["recurring"]
    return period_of(
        subscription["billing_cycle_anchor"], rhythm["interval"], rhythm["interval_count"], world.now
    )


def bill(world: World, subscription: Object, *, reason: str, free: bool = False) -> Object:
    """A draft invoice for the period that the items are in (`free`: a trial, nothing to pay)."""
    customer = world.store.need("customer", subscription["customer"])
    items = items_of(world, subscription)
    period = (items[0]["current_period_start"], items[0]["current_period_end"])
    invoice = invoicing.draft(
        world,
        customer,
        currency=subscription["currency"],
        reason=reason,
        subscription=subscription,
        period=period,
    )
    if not free:
        invoice["discounts"] = list(subscription["discounts"] or [])
    invoicing.add_lines(world, invoice, [_line(world, invoice, item, free=free) for item in items])
    invoicing.add_pending(world, invoice)
    if invoice["collection_method"] == "send_invoice":
        invoice["due_date"] = world.now + 86_400 * (subscription["days_until_due"] or 30)
    if not free:
        for holder in (subscription, *items):
            holder["discounts"] = discounting.lasting(world, holder["discounts"])
            world.put(holder)
    subscription["latest_invoice"] = invoice["id"]
    world.put(subscription)
    world.put(invoice)
    world.emit("invoice.created", invoice)
    return invoice


def _line(world: World, invoice: Object, item: Object, *, free: bool) -> Object:
    price = world.store.need("price", item["price"])
    product = world.store.need("product", price["product"])
    quantity = item.get("quantity", 0)
    amount = 0 if free else pricing.unit_amount(price, invoice["currency"]) * quantity
    line = invoices.line(
        world.new_id("il"),
        invoice=invoice["id"],
        amount=amount,
        currency=invoice["currency"],
        description=f"{'Trial period for' if free else f'{quantity} x'} {product['name']}",
        quantity=quantity,
        period=(item["current_period_start"], item["current_period_end"]),
        price=price,
        parent={
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": None,
                "subscription": item["subscription"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        subscription=item["subscription"],
    )
    return {**line, "discounts": [] if free else item["discounts"]}


def open_and_collect(world: World, invoice: Object) -> None:
    """Finalize a draft and, if it is to be charged, try to collect it."""
    invoicing.finalize(world, invoice)
    collecting.settle_if_nothing_is_due(world, invoice)
    if invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
        collecting.collect(world, invoice)


def turn(world: World, subscription: Object, *, at_once: bool = False) -> None:
    """The current period is over: the next one begins with its invoice, or the subscription ends.

    The invoice stays a draft for an hour, as at Stripe; `at_once`: it is opened and collected now.
    """
    if subscription["cancel_at_period_end"]:
        standing.end_subscription(world, subscription, reason="cancellation_requested")
        return
    was_trialing = subscription["status"] == "trialing"
    if was_trialing and not _goes_on_after_trial(world, subscription):
        return
    before = shown_items(world, subscription)
    latest = subscription["latest_invoice"]
    set_period(world, subscription, *current_period(world, subscription))
    invoice = bill(world, subscription, reason="subscription_cycle")
    previous: Object = {"latest_invoice": latest, "items": before}
    if was_trialing:
        previous["status"] = "trialing"
        subscription["status"] = "active"
        world.put(subscription)
    world.emit("customer.subscription.updated", subscription, previous)
    _collect_cycle(world, subscription, invoice, at_once=at_once)


def _goes_on_after_trial(world: World, subscription: Object) -> bool:
    """Whether a trial's end bills; without a card its settings may pause or cancel instead."""
    ending = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    customer = world.store.need("customer", subscription["customer"])
    has_card = (
        subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    )
    if has_card or ending == "create_invoice":
        return True
    if ending == "cancel":
        standing.end_subscription(world, subscription, reason="payment_failed")
    else:
        world.change(subscription, None, status="paused")
        world.emit("customer.subscription.paused", subscription, {"status": "trialing"})
    return False


def _collect_cycle(world: World, subscription: Object, invoice: Object, *, at_once: bool) -> None:
    pause = subscription["pause_collection"]
    if pause is not None and pause["behavior"] != "keep_as_draft":
        invoicing.finalize(world, invoice)
        collecting.settle_if_nothing_is_due(world, invoice)
        if invoice["status"] == "open":
            void = pause["behavior"] == "void"
            invoicing.end(world, invoice, "void" if void else "uncollectible")
    elif pause is not None or subscription["status"] == "unpaid":
        world.put(invoice)  # stays a draft that nobody opens
    elif at_once:
        open_and_collect(world, invoice)
    else:
        invoice.update(auto_advance=True, automatically_finalizes_at=world.now + HOUR_S)
        world.put(invoice)


def fall_due(world: World, obj: Object) -> None:
    """What happens by itself now: a period ends, a draft is opened, a retry is made, a date passes."""
    if obj["object"] == "subscription":
        _subscription_due(world, obj)
    elif obj["status"] == "draft":
        open_and_collect(world, obj)
    elif obj["collection_method"] == "send_invoice":
        _overdue(world, obj)
    else:
        obj["next_payment_attempt"] = None
        collecting.collect(world, obj)


def _overdue(world: World, invoice: Object) -> None:
    subscription = invoicing.billed_subscription(world, invoice)
    if subscription is not None and subscription["status"] == "active":
        world.emit("invoice.overdue", invoice)
        world.change(subscription, "customer.subscription.updated", status="past_due")


def _subscription_due(world: World, subscription: Object) -> None:
    pause, cancel_at = subscription["pause_collection"], subscription["cancel_at"]
    if subscription["status"] == "incomplete":
        _expire(world, subscription)
    elif cancel_at is not None and cancel_at <= world.now:
        standing.end_subscription(world, subscription, reason="cancellation_requested")
    elif pause is not None and pause["resumes_at"] is not None and pause["resumes_at"] <= world.now:
        world.change(subscription, "customer.subscription.updated", pause_collection=None)
    else:
        turn(world, subscription)


def _expire(world: World, subscription: Object) -> None:
    """A first invoice that was not paid in time is voided, and the subscription never was."""
    invoice = world.store.need("invoice", subscription["latest_invoice"])
    standing.end_subscription(world, subscription, reason="payment_failed", status="incomplete_expired")
    if invoice["status"] == "open":
        invoicing.end(world, invoice, "void")


def renew_now(world: World, subscription: Object) -> None:
    """End the current period now, whatever its end was to be, and bill the next one at once.

    Raises:
        ApiError: the subscription has no next period.
    """
    if subscription["status"] in (*ENDED, "incomplete", "paused"):
        raise invalid(f"A subscription that is {subscription['status']} has no next period.")
    subscription["billing_cycle_anchor"] = world.now
    turn(world, subscription, at_once=True)
