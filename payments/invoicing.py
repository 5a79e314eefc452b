"""Invoices from the draft to the end: lines, totals, customer balance, finalizing, voiding, writing off."""

from typing import Final

from payments import discounting
from payments.errors import ApiError, invalid
from payments.shapes import customers, invoices, payments
from payments.store import Object, subscription_of
from payments.world import World

PAGE_HOST: Final = "https://invoice.local.test"


def draft(
    world: World,
    customer: Object,
    *,
    currency: str,
    reason: str,
    subscription: Object | None = None,
    period: tuple[int, int] | None = None,
) -> Object:
    """A new draft, without an event: the caller adds lines and says `invoice.created`."""
    invoice = invoices.invoice(
        world.new_id("in"), created=world.now, customer=customer, currency=currency, reason=reason
    )
    if period is not None:
        invoice["period_start"], invoice["period_end"] = period
    if subscription is not None:
        invoice["parent"] = {
            "quote_details": None,
            "subscription_details": {
                "metadata": subscription["metadata"],
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        }
        invoice["collection_method"] = subscription["collection_method"]
        invoice["default_payment_method"] = subscription["default_payment_method"]
    return world.put(invoice)


def add_pending(world: World, invoice: Object) -> None:
    """Put the customer's open invoice items of the same currency onto a draft."""
    for item in world.store.of("invoiceitem", "customer", invoice["customer"]):
        if item["invoice"] is None and item["currency"] == invoice["currency"]:
            add_item(world, invoice, item)


def add_item(world: World, invoice: Object, item: Object) -> None:
    """Put an invoice item onto a draft."""
    world.change(item, None, invoice=invoice["id"])
    details = item["pricing"]
    price = world.store.find("price", details["price_details"]["price"]) if details else None
    line = invoices.line(
        world.new_id("il"),
        invoice=invoice["id"],
        amount=item["amount"],
        currency=item["currency"],
        description=item["description"],
        quantity=item["quantity"],
        period=(item["period"]["start"], item["period"]["end"]),
        price=price,
        parent={
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": False,
                "proration_details": None,
                "subscription": None,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        subscription=None,
    )
    add_lines(world, invoice, [line])


def add_lines(world: World, invoice: Object, lines: list[Object]) -> None:
    invoice["lines"] = {**invoice["lines"], "data": [*invoice["lines"]["data"], *lines]}
    total(world, invoice)


def total(world: World, invoice: Object) -> None:
    """Work out a draft's amounts anew from its lines and discounts."""
    lines = invoice["lines"]["data"]
    subtotal = sum(line["amount"] for line in lines)
    off = discounting.taken_off(world, lines, invoice["discounts"], invoice["currency"])
    by_discount: dict[str, int] = {}
    for discount, part in (one for of_line in off for one in of_line):
        by_discount[discount] = by_discount.get(discount, 0) + part
    amount = subtotal - sum(by_discount.values())
    due = max(amount, 0)
    invoice.update(
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal,
        total=amount,
        total_excluding_tax=amount,
        total_discount_amounts=[{"amount": part, "discount": one} for one, part in by_discount.items()],
        amount_due=due,
        amount_remaining=due,
    )
    shown = [
        {**line, "discount_amounts": [{"amount": part, "discount": one} for one, part in of_line]}
        for line, of_line in zip(lines, off, strict=True)
    ]
    invoice["lines"] = {**invoice["lines"], "data": shown}
    world.put(invoice)


def finalize(world: World, invoice: Object) -> None:
    """Open a draft: number it, use the customer's balance, make its payment intent; nothing due is paid.

    Raises:
        ApiError: it is no draft.
    """
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    customer = world.store.need("customer", invoice["customer"])
    starting = customer["balance"] if customer["currency"] in (None, invoice["currency"]) else 0
    due = max(invoice["total"] + starting, 0)
    ending = min(invoice["total"] + starting, 0)
    transitions = {**invoice["status_transitions"], "finalized_at": world.now}
    sequence = customer["next_invoice_sequence"]
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        starting_balance=starting,
        ending_balance=ending,
        amount_due=due,
        amount_remaining=due,
        effective_at=world.now,
        automatically_finalizes_at=None,
        hosted_invoice_url=f"{PAGE_HOST}/i/{invoice['id']}",
        invoice_pdf=f"{PAGE_HOST}/pdf/{invoice['id']}",
        status_transitions=transitions,
    )
    world.change(customer, None, next_invoice_sequence=sequence + 1, currency=invoice["currency"])
    if ending != starting:
        move_balance(world, customer, ending - starting, kind="applied_to_invoice", invoice=invoice["id"])
    if due:
        ask_for(world, invoice, due, default=True)
    world.put(invoice)
    world.emit("invoice.finalized", invoice)


def ask_for(world: World, invoice: Object, amount: int, *, default: bool) -> Object:
    """A new payment intent for (a part of) what an invoice asks; its invoice payment."""
    intent = world.put(
        payments.payment_intent(
            world.new_id("pi"),
            created=world.now,
            customer=invoice["customer"],
            amount=amount,
            currency=invoice["currency"],
        )
    )
    world.emit("payment_intent.created", intent)
    return world.put(
        invoices.invoice_payment(
            world.new_id("inpay"),
            created=world.now,
            invoice=invoice["id"],
            amount=amount,
            currency=invoice["currency"],
            intent=intent["id"],
            default=default,
        )
    )


def move_balance(
    world: World, customer: Object, amount: int, *, kind: str, invoice: str | None = None
) -> Object:
    """Change a customer's balance (negative: credit) by an amount."""
    world.change(customer, "customer.updated", balance=customer["balance"] + amount)
    return world.put(
        customers.balance_transaction(
            world.new_id("cbtxn"),
            created=world.now,
            customer=customer,
            amount=amount,
            kind=kind,
            invoice=invoice,
        )
    )


def end(world: World, invoice: Object, status: str) -> None:
    """Void an open invoice or write it off.

    Raises:
        ApiError: its status does not allow it.
    """
    allowed = ("open", "uncollectible") if status == "void" else ("open",)
    if invoice["status"] not in allowed:
        raise unfit(invoice, "voided" if status == "void" else "marked uncollectible")
    field = "voided_at" if status == "void" else "marked_uncollectible_at"
    world.change(
        invoice,
        None,
        status=status,
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions={**invoice["status_transitions"], field: world.now},
    )
    if status == "void":
        _take_back(world, invoice)
    world.emit("invoice.voided" if status == "void" else "invoice.marked_uncollectible", invoice)


def _take_back(world: World, invoice: Object) -> None:
    """What a voided invoice asked for and used is there again."""
    for payment in world.store.of("invoice_payment", "invoice", invoice["id"]):
        if payment["status"] == "open":
            intent = world.store.need("payment_intent", payment["payment"]["payment_intent"])
            cancel = {"canceled_at": world.now, "cancellation_reason": "void_invoice", "status": "canceled"}
            world.change(intent, "payment_intent.canceled", **cancel)
            times = {**payment["status_transitions"], "canceled_at": world.now}
            world.change(payment, None, status="canceled", status_transitions=times)
    used = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    if used:
        customer = world.store.need("customer", invoice["customer"])
        move_balance(world, customer, -used, kind="unapplied_from_invoice", invoice=invoice["id"])


def unfit(invoice: Object, done: str) -> ApiError:
    """The invoice's status does not allow what is asked."""
    return invalid(f"Invoices with status {invoice['status']} cannot be {done}.", code="invoice_not_editable")


def billed_subscription(world: World, invoice: Object) -> Object | None:
    """The subscription that an invoice bills."""
    found = subscription_of(invoice)
    return None if found is None else world.store.find("subscription", found)
