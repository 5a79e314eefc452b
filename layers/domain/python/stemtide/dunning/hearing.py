"""What dunning hears on the bus: a payment has failed, or something else has happened to a customer."""

from typing import Any, Final

import msgspec

from stemtide.as_of import parse_as_of
from stemtide.billing.told import BILLING_EVENTS, InvoicePaymentFailed
from stemtide.dunning.keeping import Failed, Keeper

JOB: Final = "episodes"
"""The hourly look."""
NAMES: Final = tuple(event.__name__ for event in BILLING_EVENTS)
"""The detail types that are heard."""
AUTOMATIC: Final = "charge_automatically"
"""Invoices that are sent to be paid by hand are nobody's failed payment."""


class _Envelope(msgspec.Struct, frozen=True, rename={"detail_type": "detail-type"}):
    detail_type: str
    detail: dict[str, Any]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Something has happened to a customer; `failed` if it was a payment that failed."""

    customer: str
    failed: Failed | None = None


def heard_in(body: str) -> Heard:
    """What an event of the bus, as it lies in the queue, tells.

    Raises:
        ValueError, KeyError, msgspec.MsgspecError: an event of another sort.
    """
    envelope = msgspec.json.decode(body, type=_Envelope)
    if envelope.detail_type not in NAMES:
        raise ValueError(f"{envelope.detail_type} is no fact about billing")
    customer = str(envelope.detail["customer"])
    if envelope.detail_type != InvoicePaymentFailed.__name__:
        return Heard(customer=customer)
    told = msgspec.convert(envelope.detail, InvoicePaymentFailed, strict=False)
    if told.collection != AUTOMATIC:
        return Heard(customer=customer)
    failed = Failed(
        account=told.account, customer=customer, invoice=told.invoice, failed_ms=parse_as_of(told.as_of)
    )
    return Heard(customer=customer, failed=failed)


def hear(heard: Heard, *, keeper: Keeper) -> None:
    """Open an episode, or let the one that runs look.

    Raises:
        UnavailableError: outcome unknown; the same again is safe.
    """
    if heard.failed is not None:
        keeper.payment_failed(heard.failed)
    else:
        keeper.happened(heard.customer)
