"""Payment attempts on invoices: what the network answers, and what follows from it."""

from collections.abc import Callable
from typing import Any

from payments import invoicing, scripting
from payments.errors import ApiError, invalid, server_error
from payments.outcomes import Outcome
from payments.shapes import payments
from payments.standing import settle_standing
from payments.store import Object
from payments.world import World

RECEIVABLE = ("open", "uncollectible")


def pay(world: World, invoice: Object, *, payment_method: str | None) -> None:
    """Collect an invoice because somebody asks for it, with the outcome that the script says.

    Raises:
        ApiError: it cannot be paid, the card was declined (402), or the provider answers 500.
    """
    if invoice["status"] == "draft":
        invoicing.finalize(world, invoice)
        settle_if_nothing_is_due(world, invoice)
        if invoice["status"] == "paid":
            return
    check_receivable(invoice)
    method = _method_of(world, invoice, payment_method)
    outcome = scripting.next_outcome(world, invoice["customer"], method)
    if not outcome.happens:
        raise server_error()
    error = attempt(world, invoice, method, outcome, automatic=False)
    world.fault = outcome.fault
    if error is not None:
        raise error


def collect(world: World, invoice: Object) -> bool:
    """Collect an open invoice by itself, at a renewal or a retry; whether it is paid.

    Nobody waits for the answer: a lost reply or a 500 after the fact is a payment, a 500 before it a failure.
    """
    try:
        method = _method_of(world, invoice, None)
    except ApiError:  # no card to try: an attempt without a charge
        count_up(invoice, automatic=True)
        _failed(world, invoice)
        return False
    outcome = scripting.next_outcome(world, invoice["customer"], method)
    if not outcome.happens:
        outcome = Outcome(decline_code="processing_error")
    return attempt(world, invoice, method, outcome, automatic=True) is None


def check_receivable(invoice: Object) -> None:
    """Raises ApiError unless the invoice can be paid."""
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] not in RECEIVABLE:
        raise invoicing.unfit(invoice, "paid")


def settle_if_nothing_is_due(world: World, invoice: Object) -> None:
    """An open invoice with nothing due is paid, without an attempt."""
    if invoice["status"] == "open" and invoice["amount_remaining"] == 0:
        _paid(world, invoice, attempted=True)


def attempt(
    world: World, invoice: Object, method: Object, outcome: Outcome, *, automatic: bool
) -> ApiError | None:
    """One attempt to collect what remains of an invoice; the error to answer if it was declined."""
    payment = _open_payment(world, invoice)
    intent = world.store.need("payment_intent", payment["payment"]["payment_intent"])
    charge = payments.charge(
        world.new_id("ch"),
        created=world.now,
        intent=intent,
        amount=invoice["amount_remaining"],
        method=method,
    )
    charge["_invoice"], charge["_key"] = invoice["id"], world.key
    count_up(invoice, automatic=automatic)
    if outcome.decline_code is None:
        _succeeded(world, invoice, payment, intent, charge)
        return None
    return _declined(world, invoice, intent, charge, outcome, method)


def count_up(invoice: Object, *, automatic: bool) -> None:
    """Any first attempt counts, later ones only when they are automatic (API reference, `attempt_count`)."""
    if automatic or invoice["attempt_count"] == 0:
        invoice["attempt_count"] += 1
    invoice["attempted"] = True


def receive(world: World, invoice: Object, amount: int, method: Object) -> None:
    """The customer pays (a part of) an invoice without being asked: a charge of its own."""
    if amount == invoice["amount_remaining"]:
        attempt(world, invoice, method, Outcome(), automatic=False)
        return
    payment = invoicing.ask_for(world, invoice, amount, default=False)
    intent = world.store.need("payment_intent", payment["payment"]["payment_intent"])
    charge = payments.charge(
        world.new_id("ch"), created=world.now, intent=intent, amount=amount, method=method
    )
    charge["_invoice"], charge["_key"] = invoice["id"], None
    _succeeded(world, invoice, payment, intent, charge)
    for waiting in world.store.of("invoice_payment", "invoice", invoice["id"]):
        if waiting["status"] == "open":
            left = invoice["amount_remaining"]
            world.change(waiting, None, amount_requested=left)
            intent = world.store.need("payment_intent", waiting["payment"]["payment_intent"])
            world.change(intent, None, amount=left)


def _open_payment(world: World, invoice: Object) -> Object:
    for payment in world.store.of("invoice_payment", "invoice", invoice["id"]):
        if payment["status"] == "open":
            if payment["amount_requested"] != invoice["amount_remaining"]:
                world.change(payment, None, amount_requested=invoice["amount_remaining"])
            return payment
    return invoicing.ask_for(world, invoice, invoice["amount_remaining"], default=True)


def _succeeded(world: World, invoice: Object, payment: Object, intent: Object, charge: Object) -> None:
    amount = charge["amount"]
    world.put(charge)
    world.emit("charge.succeeded", charge)
    world.change(
        intent,
        None,
        amount=amount,
        amount_received=amount,
        last_payment_error=None,
        latest_charge=charge["id"],
        payment_method=charge["payment_method"],
        status="succeeded",
    )
    world.emit("payment_intent.succeeded", intent)
    times = {**payment["status_transitions"], "paid_at": world.now}
    world.change(payment, None, amount_paid=amount, status="paid", status_transitions=times)
    world.emit("invoice_payment.paid", payment)
    invoice["amount_paid"] += amount
    invoice["amount_remaining"] -= amount
    if invoice["amount_remaining"] == 0:
        _paid(world, invoice, attempted=True)
    else:
        world.put(invoice)
        world.emit("invoice.updated", invoice)


def _paid(world: World, invoice: Object, *, attempted: bool) -> None:
    invoice.update(
        status="paid",
        attempted=attempted,
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions={**invoice["status_transitions"], "paid_at": world.now},
    )
    invoice.pop("status_details", None)
    world.put(invoice)
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    customer = world.store.need("customer", invoice["customer"])
    world.change(customer, "customer.updated", delinquent=False)
    settle_standing(world, invoice)


def pay_out_of_band(world: World, invoice: Object) -> None:
    """Paid in cash or by transfer: no charge."""
    invoice["amount_remaining"] = 0
    invoice["amount_paid"] = invoice["amount_due"]
    _paid(world, invoice, attempted=invoice["attempted"])


def _declined(
    world: World,
    invoice: Object,
    intent: Object,
    charge: Object,
    outcome: Outcome,
    method: Object,
) -> ApiError:
    message = "Your card was declined."
    charge.update(
        amount_captured=0,
        balance_transaction=None,
        captured=False,
        failure_code=outcome.error_code,
        failure_message=message,
        outcome=_network(outcome),
        paid=False,
        status="failed",
    )
    world.put(charge)
    error: dict[str, Any] = {"charge": charge["id"], "code": outcome.error_code}
    error["decline_code"] = outcome.decline_code
    if outcome.advice_code is not None:
        error["advice_code"] = outcome.advice_code
    last = {"type": "card_error", "message": message, **error, "payment_method": _plain(method)}
    world.change(intent, None, last_payment_error=last, latest_charge=charge["id"], payment_method=None)
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)
    _failed(world, invoice)
    if outcome.decline_code == "authentication_required":
        world.emit("invoice.payment_action_required", invoice)
    return ApiError(402, "card_error", message, **error, payment_intent=_plain(intent))


def _network(outcome: Outcome) -> Object:
    return {
        "advice_code": outcome.advice_code,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network",
        "reason": outcome.decline_code,
        "seller_message": "The bank did not approve the payment.",
        "type": "issuer_declined",
    }


def _plain(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key[0] != "_"}


def _failed(world: World, invoice: Object) -> None:
    settle_standing(world, invoice, failed=True)
    world.put(invoice)
    world.emit("invoice.payment_failed", invoice)
    world.emit("invoice.updated", invoice)
    customer = world.store.need("customer", invoice["customer"])
    world.change(customer, "customer.updated", delinquent=True)


def card_of(world: World, invoice: Object, *, make: Callable[[World, None], Object] | None = None) -> Object:
    """The card that the invoice would be collected from; without one `make` makes one of the moment.

    Raises:
        ApiError: there is none and none is made.
    """
    try:
        return _method_of(world, invoice, None)
    except ApiError:
        if make is None:
            raise
        return make(world, None)


def _method_of(world: World, invoice: Object, asked: str | None) -> Object:
    customer = world.store.need("customer", invoice["customer"])
    subscription = invoicing.billed_subscription(world, invoice)
    candidates = (
        asked,
        invoice["default_payment_method"],
        subscription["default_payment_method"] if subscription else None,
        customer["invoice_settings"]["default_payment_method"],
    )
    for method_id in candidates:
        method = world.store.find("payment_method", method_id) if method_id else None
        if method is not None and method["customer"] == customer["id"]:
            return method
        if method_id is not None and method_id == asked:
            raise invalid(
                f"The customer does not have a payment method with the ID {asked}. "
                "The payment method must be attached to the customer.",
                code="resource_missing",
                param="payment_method",
            )
    raise invalid(
        "There is no `default_payment_method` set on this Customer or Invoice. "
        "Please set either before paying.",
        code="resource_missing",
        param="payment_method",
    )
