"""What becomes of a subscription when its invoices are paid or not: its status, retries, the end.

Stripe's documentation, 'How subscriptions work': only the latest invoice decides whether a subscription is
past due.
"""

from typing import Any, Final

from payments.calendar import DAY_S
from payments.due import ENDED
from payments.errors import invalid
from payments.invoicing import billed_subscription
from payments.store import Object
from payments.world import World

OWNERS: Final = ("none", "provider")
ENDINGS: Final = ("cancel", "unpaid", "leave")
NO_DUNNING: Final[Object] = {"owner": "none", "retries_days": [], "then": "leave"}
USUAL_RETRIES_DAYS: Final = [3, 5, 7]
WAITING: Final = ("past_due", "unpaid", "incomplete")


def dunning_of(world: World) -> Object:
    """Whether the provider retries failed invoices itself, when, and what it does after the last."""
    found: Object = world.state.get("dunning", NO_DUNNING)
    return found


def set_dunning(world: World, *, owner: Any, retries_days: Any, then: Any) -> Object:
    """Let the provider do its own dunning, or not.

    Raises:
        ApiError: a value that there is not.
    """
    if owner not in OWNERS:
        raise invalid(f"owner is one of {', '.join(OWNERS)}; this is {owner!r}", param="owner")
    if then not in ENDINGS:
        raise invalid(f"then is one of {', '.join(ENDINGS)}; this is {then!r}", param="then")
    days = USUAL_RETRIES_DAYS if retries_days is None else retries_days
    if not isinstance(days, list) or not all(isinstance(d, int) and 0 < d <= 60 for d in days):
        raise invalid(
            "retries_days is a list of days (1 to 60) from one attempt to the next", param="retries_days"
        )
    world.state["dunning"] = (
        {"owner": owner, "retries_days": days, "then": then} if owner == "provider" else NO_DUNNING
    )
    world.put(world.state)
    return dunning_of(world)


def settle_standing(world: World, invoice: Object, *, failed: bool = False) -> None:
    """Bring the invoice's subscription in line with it; a failed one is scheduled for its next retry."""
    subscription = billed_subscription(world, invoice)
    if failed:
        _schedule(world, invoice, subscription)
    if subscription is None or subscription["status"] in ENDED:
        return
    if subscription["latest_invoice"] != invoice["id"]:
        return
    status = subscription["status"]
    if failed and status in ("active", "trialing"):
        world.change(subscription, "customer.subscription.updated", status="past_due")
    elif not failed and status in WAITING and not (status == "incomplete" and invoice["status"] == "void"):
        world.change(subscription, "customer.subscription.updated", status="active")


def _schedule(world: World, invoice: Object, subscription: Object | None) -> None:
    """The next retry, if the provider does its own; after the last one what its settings say."""
    dunning = dunning_of(world)
    done = invoice["attempt_count"] - 1
    if done < len(dunning["retries_days"]) and not _ended(subscription):
        invoice["auto_advance"] = True
        invoice["next_payment_attempt"] = world.now + dunning["retries_days"][done] * DAY_S
        return
    invoice["auto_advance"], invoice["next_payment_attempt"] = False, None
    if dunning["owner"] == "provider" and subscription is not None and not _ended(subscription):
        if dunning["then"] == "cancel":
            end_subscription(world, subscription, reason="payment_failed")
        elif dunning["then"] == "unpaid":
            world.change(subscription, "customer.subscription.updated", status="unpaid")


def _ended(subscription: Object | None) -> bool:
    return subscription is not None and subscription["status"] in ENDED


def end_subscription(
    world: World, subscription: Object, *, reason: str, status: str = "canceled", at: int | None = None
) -> None:
    """End a subscription; its open invoices stay and are no longer collected by themselves."""
    ended = world.now if at is None else at
    subscription.update(
        status=status,
        ended_at=ended,
        canceled_at=subscription["canceled_at"] or ended,
        cancellation_details={**subscription["cancellation_details"], "reason": reason},
    )
    world.put(subscription)
    for invoice in world.store.of("invoice", "subscription", subscription["id"]):
        if invoice["status"] in ("open", "draft"):
            world.change(invoice, "invoice.updated", auto_advance=False, next_payment_attempt=None)
    kind = "customer.subscription.deleted" if status == "canceled" else "customer.subscription.updated"
    world.emit(kind, subscription)
