"""The provider's events: which concern us, and what of one is claimed.

An event only tells which object to look at. What has become of it is read at the provider when the event is
worked off, so it does not matter how often, how late and in which order events come.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from stemtide.billing.objects import Kind, MalformedError
from stemtide.billing.reading import part, reference, text, whole

PARTNER_SOURCE: Final = "aws.partner/stripe.com"
"""How the sources of the provider's events on EventBridge begin."""
REFRESH: Final = "stemtide.refresh"
"""The type of our own claims: everything of a customer is to be read anew."""
OF_CUSTOMERS: Final = frozenset({"metadata", "discount", "discounts", "currency", "invoice_settings"})
"""What of a customer concerns us, where an update says what has changed."""
_ID: Final = re.compile(r"[A-Za-z0-9_.]{1,128}", re.ASCII)
_CARD: Final = "payment_method."
_ABOUT: Final = (
    ("customer.subscription.", Kind.SUBSCRIPTION),
    ("customer.discount.", Kind.CUSTOMER),
    ("customer.source.", None),
    ("customer.tax_id.", None),
    ("customer.", Kind.CUSTOMER),
    ("invoice.upcoming", None),
    ("invoice.", Kind.INVOICE),
    ("charge.refund", Kind.CHARGE),
    ("charge.dispute.", Kind.CHARGE),
    ("refund.", Kind.CHARGE),
    (f"{_CARD}detached", None),
    (_CARD, Kind.CUSTOMER),
)
"""The first that a type begins with decides; other types do not concern us, nor do those with None."""


class State(StrEnum):
    """Where a claimed event is that has not been worked off; one that has been has none."""

    PENDING = "pending"
    UNMAPPED = "unmapped"
    FAILED = "failed"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the provider: which object it is about, when it happened (`created_ms`) and when it arrived
    (`arrived_ms`, real time), by which way (`via`).

    `customer` is None where the event does not name one.
    """

    id: str
    type: str
    kind: Kind
    object_id: str
    customer: str | None
    created_ms: int
    arrived_ms: int
    via: str


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed event that waits, and why."""

    claim: Claim
    state: State
    reason: str | None = None
    tries: int = 0


def claim_of(event: Any, *, arrived_ms: int, via: str) -> Claim | None:
    """The claim of an event, None for one that does not concern us.

    Raises:
        MalformedError: this is no event of the provider.
    """
    if not isinstance(event, Mapping) or event.get("object") != "event":
        raise MalformedError("this is no event of the provider")
    name, found = text(event, "type"), part(event, "data", "object")
    event_id = text(event, "id")
    if _ID.fullmatch(event_id) is None:
        raise MalformedError("the event's id is none")
    created_ms = whole(event, "created") * 1000
    about = _about(name)
    if about is None or _changes_nothing(name, event):
        return None
    named = _names(about, found)
    if named is None and name.startswith(_CARD):
        return None  # a card that is nobody's
    if named is None:
        raise MalformedError(f"{event_id} ({name[:60]}) names no {about}")
    return Claim(
        id=event_id,
        type=name,
        kind=about,
        object_id=named,
        customer=named if about is Kind.CUSTOMER else reference(found.get("customer")),
        created_ms=created_ms,
        arrived_ms=arrived_ms,
        via=via,
    )


def refresh_of(customer: str, *, at_ms: int, arrived_ms: int) -> Claim:
    """A claim of ours to read everything of a customer anew; at `at_ms` it was seen to differ."""
    return Claim(
        id=f"refresh.{customer}",
        type=REFRESH,
        kind=Kind.CUSTOMER,
        object_id=customer,
        customer=customer,
        created_ms=at_ms,
        arrived_ms=arrived_ms,
        via="reconcile",
    )


def _changes_nothing(name: str, event: Mapping[str, Any]) -> bool:
    """Whether an update of a customer changes nothing that concerns us."""
    changed = part(event, "data").get("previous_attributes")
    return name == "customer.updated" and isinstance(changed, Mapping) and not OF_CUSTOMERS & set(changed)


def _about(name: str) -> Kind | None:
    return next((kind for prefix, kind in _ABOUT if name.startswith(prefix)), None)


def _names(kind: Kind, found: Mapping[str, Any]) -> str | None:
    """The id of the object; of a charge, a refund or a dispute the payment (or charge) that it is about."""
    if kind is Kind.CHARGE:
        named = reference(found.get("payment_intent")) or reference(found.get("charge"))
        return named or (reference(found) if found.get("object") == "charge" else None)
    if kind is Kind.CUSTOMER and found.get("object") != "customer":
        return reference(found.get("customer"))  # a discount, a card
    return reference(found)
