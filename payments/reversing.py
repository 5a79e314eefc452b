"""Money that goes back: refunds, disputes, credit notes on what is still open."""

from typing import Final

from payments import collecting, money
from payments.calendar import DAY_S
from payments.errors import invalid
from payments.shapes import invoices, payments
from payments.store import Object
from payments.world import World

EVIDENCE_DAYS: Final = 7
DISPUTE_ENDS: Final = ("won", "lost")


def refund(world: World, charge: Object, *, amount: int | None, reason: str | None) -> Object:
    """Give back (a part of) what a charge collected.

    Raises:
        ApiError: it collected nothing, or not that much is left of it.
    """
    left = charge["amount"] - charge["amount_refunded"]
    if not charge["paid"] or charge["disputed"]:
        raise invalid(f"Charge {charge['id']} cannot be refunded.", param="charge")
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        raise invalid(
            f"Refund amount ({money.shown(amount, charge['currency'])}) is greater than unrefunded amount on "
            f"charge ({money.shown(left, charge['currency'])})",
            param="amount",
        )
    money.checked_amount(amount, charge["currency"], param="amount")
    made = payments.refund(world.new_id("re"), created=world.now, charge=charge, amount=amount, reason=reason)
    world.put(made)
    total = charge["amount_refunded"] + amount
    world.emit("refund.created", made)
    world.change(charge, "charge.refunded", amount_refunded=total, refunded=total == charge["amount"])
    return made


def dispute(world: World, charge: Object, *, reason: str) -> Object:
    """The cardholder disputes a charge.

    Raises:
        ApiError: it collected nothing, or is disputed already.
    """
    if not charge["paid"] or charge["disputed"]:
        raise invalid(f"Charge {charge['id']} cannot be disputed.")
    due_by = world.now + EVIDENCE_DAYS * DAY_S
    made = payments.dispute(
        world.new_id("dp"), created=world.now, charge=charge, reason=reason, due_by=due_by
    )
    world.put(made)
    world.change(charge, "charge.updated", disputed=True)
    world.emit("charge.dispute.created", made)
    return made


def close_dispute(world: World, made: Object, *, status: str) -> Object:
    """A dispute is decided.

    Raises:
        ApiError: it was before, or the status is no end.
    """
    if status not in DISPUTE_ENDS:
        raise invalid(f"status is one of {', '.join(DISPUTE_ENDS)}; this is {status!r}", param="status")
    if made["status"] in DISPUTE_ENDS:
        raise invalid("This dispute is already closed.")
    return world.change(made, "charge.dispute.closed", status=status)


def credit(world: World, invoice: Object, *, amount: int, reason: str | None) -> Object:
    """A credit note on an open invoice: that much less is due.

    Raises:
        ApiError: the invoice is not open, or less remains.
    """
    if invoice["status"] != "open":
        raise invalid(
            "This stand-in credits open invoices only; refund the charge of a paid one.", param="invoice"
        )
    if not 0 < amount <= invoice["amount_remaining"]:
        raise invalid("The credit note is greater than what remains of the invoice.", param="amount")
    money.checked_amount(amount, invoice["currency"], param="amount")
    issued = len(world.store.of("credit_note", "invoice", invoice["id"])) + 1
    number = f"{invoice['number']}-CN-{issued:02d}"
    note = invoices.credit_note(
        world.new_id("cn"), created=world.now, invoice=invoice, amount=amount, number=number, reason=reason
    )
    world.put(note)
    world.emit("credit_note.created", note)
    world.change(
        invoice,
        "invoice.updated",
        amount_due=invoice["amount_due"] - amount,
        amount_remaining=invoice["amount_remaining"] - amount,
        pre_payment_credit_notes_amount=invoice["pre_payment_credit_notes_amount"] + amount,
    )
    collecting.settle_if_nothing_is_due(world, invoice)
    return note
