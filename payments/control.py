"""The control surface: what a test, a demo or a person does to the provider that its API cannot do."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from payments import collecting, invoicing, money, periods, reversing, scripting, seeding, standing
from payments.cards import new_card
from payments.errors import invalid
from payments.faults import plan_fault
from payments.outcomes import parsed
from payments.routes.invoices import end
from payments.store import Object
from payments.webhooks import Webhooks
from payments.world import World

Body = Mapping[str, Any]
CHARGED_FIELDS: Final = ("id", "customer", "amount", "currency", "status")


class Control:
    """Answers `/_control/...`; every body is JSON, every unknown name is refused."""

    def __init__(self, world: World, webhooks: Webhooks) -> None:
        self._world = world
        self._webhooks = webhooks
        self._posts: dict[str, Callable[[Body], Object]] = {
            "script": self._script,
            "seed": lambda body: seeding.seed(world, body),
            "dunning": self._dunning,
            "faults": lambda body: plan_fault(world, body),
        }
        self._gets: dict[str, Callable[[Body], Object]] = {
            "script": lambda query: scripting.read(world, needed(query, "customer")),
            "dunning": lambda _: standing.dunning_of(world),
            "charges": self._charges,
            "webhooks": lambda _: webhooks.counts(),
            "status": self._status,
        }

    def answer(self, method: str, path: str, body: Body) -> Object:
        """The answer to a request below `/_control/`.

        Raises:
            ApiError: there is no such route, or its body says what cannot be.
        """
        parts = path.removeprefix("/_control/").split("/")
        if len(parts) == 1:
            plain = (self._posts if method == "POST" else self._gets).get(parts[0])
            if plain is not None:
                return plain(body)
        elif method == "POST" and parts[0] == "webhooks" and len(parts) == 2:
            return self._webhooks.control(parts[1], body)
        elif method == "POST" and parts[0] == "invoices" and len(parts) == 3:
            return self._on_invoice(parts[1], parts[2], body)
        elif method == "POST" and parts[0] == "subscriptions" and len(parts) == 3 and parts[2] == "renew":
            return self._renew(parts[1])
        elif method == "POST" and parts[0] == "disputes" and len(parts) == 3 and parts[2] == "close":
            return self._close(parts[1], body)
        raise invalid(f"There is no control {method} {path}.", status=404)

    def _script(self, body: Body) -> Object:
        only(body, {"customer", "outcomes", "then", "append"})
        outcomes = body.get("outcomes", [])
        if not isinstance(outcomes, list):
            raise invalid("outcomes is a list", param="outcomes")
        written = scripting.write(
            self._world,
            needed(body, "customer"),
            outcomes,
            then=body.get("then"),
            append=body.get("append") is True,
        )
        return shown_script(written)

    def _dunning(self, body: Body) -> Object:
        only(body, {"owner", "retries_days", "then"})
        return standing.set_dunning(
            self._world,
            owner=body.get("owner"),
            retries_days=body.get("retries_days"),
            then=body.get("then", "leave"),
        )

    def _charges(self, query: Body) -> Object:
        only(query, {"customer", "invoice"})
        customer, invoice = query.get("customer"), query.get("invoice")
        rows = [
            {
                **{name: charge[name] for name in CHARGED_FIELDS},
                "invoice": charge["_invoice"],
                "idempotency_key": charge["_key"],
                "decline_code": charge["outcome"]["reason"],
                "amount_refunded": charge["amount_refunded"],
                "at": charge["created"],
            }
            for charge in self._world.store.all("charge")
            if customer in (None, charge["customer"]) and invoice in (None, charge["_invoice"])
        ]
        return {"charges": rows}

    def _status(self, _: Body) -> Object:
        kinds = sorted(self._world.store.kinds)
        counts = {kind: len(self._world.store.kinds[kind]) for kind in kinds if kind[0] != "_"}
        return {"now": self._world.now, "objects": counts, "dunning": standing.dunning_of(self._world)}

    def _renew(self, subscription_id: str) -> Object:
        subscription = self._world.store.need("subscription", subscription_id)
        periods.renew_now(self._world, subscription)
        return {
            "id": subscription["id"],
            "status": subscription["status"],
            "latest_invoice": subscription["latest_invoice"],
        }

    def _close(self, dispute_id: str, body: Body) -> Object:
        only(body, {"status"})
        made = self._world.store.need("dispute", dispute_id)
        return dict(reversing.close_dispute(self._world, made, status=str(body.get("status"))))

    def _on_invoice(self, invoice_id: str, action: str, body: Body) -> Object:
        acts = {
            "fail": self._fail,
            "pay": self._pay,
            "void": self._void,
            "refund": self._refund,
            "dispute": self._dispute,
        }
        act = acts.get(action)
        if act is None:
            raise invalid(f"{action!r} is nothing to do to an invoice: {', '.join(acts)}", status=404)
        invoice = self._world.store.need("invoice", invoice_id)
        act(invoice, body)
        shown = ("id", "status", "amount_due", "amount_paid", "amount_remaining", "attempt_count")
        return {name: invoice[name] for name in shown}

    def _fail(self, invoice: Object, body: Body) -> None:
        only(body, {"decline_code", "advice_code"})
        outcome = parsed({"decline_code": "generic_decline", **body}, place="body")
        if invoice["status"] == "draft":
            invoicing.finalize(self._world, invoice)
            collecting.settle_if_nothing_is_due(self._world, invoice)
        if invoice["status"] != "open":
            raise invoicing.unfit(invoice, "failed")
        method = collecting.card_of(self._world, invoice)
        collecting.attempt(self._world, invoice, method, outcome, automatic=True)

    def _pay(self, invoice: Object, body: Body) -> None:
        only(body, {"amount", "out_of_band"})
        if invoice["status"] == "draft":
            invoicing.finalize(self._world, invoice)
            collecting.settle_if_nothing_is_due(self._world, invoice)
        collecting.check_receivable(invoice)
        if body.get("out_of_band") is True:
            collecting.pay_out_of_band(self._world, invoice)
            return
        amount = body.get("amount", invoice["amount_remaining"])
        if not isinstance(amount, int) or not 0 < amount <= invoice["amount_remaining"]:
            raise invalid("amount is in minor units, at most what remains of the invoice", param="amount")
        money.checked_amount(amount, invoice["currency"], param="amount")
        collecting.receive(
            self._world, invoice, amount, collecting.card_of(self._world, invoice, make=new_card)
        )

    def _void(self, invoice: Object, body: Body) -> None:
        only(body, set())
        end(self._world, invoice, "void")

    def _refund(self, invoice: Object, body: Body) -> None:
        only(body, {"amount", "reason"})
        amount = body.get("amount")
        if amount is not None and not isinstance(amount, int):
            raise invalid("amount is in minor units", param="amount")
        reversing.refund(self._world, self._charge_of(invoice), amount=amount, reason=body.get("reason"))

    def _dispute(self, invoice: Object, body: Body) -> None:
        only(body, {"reason"})
        reversing.dispute(self._world, self._charge_of(invoice), reason=str(body.get("reason", "fraudulent")))

    def _charge_of(self, invoice: Object) -> Object:
        """The latest charge that collected something for the invoice."""
        for payment in reversed(self._world.store.of("invoice_payment", "invoice", invoice["id"])):
            for charge in self._world.store.of(
                "charge", "payment_intent", payment["payment"]["payment_intent"]
            ):
                if charge["paid"]:
                    return charge
        raise invalid(f"Nothing was charged for invoice {invoice['id']}.")


def shown_script(script: Object) -> Object:
    return {"customer": script["id"], "outcomes": script["outcomes"], "then": script["then"]}


def only(body: Body, names: set[str]) -> None:
    """Raises ApiError for a name that the route does not know."""
    unknown = sorted(set(body) - names)
    if unknown:
        raise invalid(
            f"unknown: {', '.join(unknown)}; there is {', '.join(sorted(names)) or 'nothing to give'}"
        )


def needed(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"{name} is missing", param=name)
    return value
