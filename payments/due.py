"""When something happens to an object by itself."""

from typing import Any, Final

HOUR_S: Final = 3600
INCOMPLETE_FOR_S: Final = 23 * HOUR_S
"""How long a first invoice may stay unpaid (Stripe's documentation of subscriptions)."""
ENDED: Final = ("canceled", "incomplete_expired")
EVENTS_KEPT_S: Final = 30 * 24 * HOUR_S
KEYS_KEPT_S: Final = 24 * HOUR_S


def due_at(obj: dict[str, Any]) -> int | None:
    """The next instant (epoch s) at which the object changes by itself, None when it waits for somebody."""
    kind = obj["object"]
    if kind == "subscription":
        return _of_subscription(obj)
    if kind == "invoice":
        return _of_invoice(obj)
    return None


def _of_subscription(subscription: dict[str, Any]) -> int | None:
    if subscription["status"] in ENDED:
        return None
    if subscription["status"] == "incomplete":
        return int(subscription["created"]) + INCOMPLETE_FOR_S
    pause = subscription["pause_collection"]
    candidates = [subscription["cancel_at"], pause["resumes_at"] if pause else None]
    if subscription["status"] != "paused":
        candidates.append(subscription["_period_end"])
    return min((at for at in candidates if at is not None), default=None)


def _of_invoice(invoice: dict[str, Any]) -> int | None:
    at = None
    if invoice["status"] == "draft":
        at = invoice["automatically_finalizes_at"] if invoice["auto_advance"] else None
    elif invoice["status"] == "open":
        sent = invoice["collection_method"] == "send_invoice"
        at = invoice["due_date"] if sent else invoice["next_payment_attempt"]
    return at
