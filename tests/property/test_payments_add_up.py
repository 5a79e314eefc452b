"""Whatever is done to the payment provider, in whatever order: its money adds up and its past stays."""

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from payments.control import Control
from payments.errors import ApiError, LostReplyError
from payments.provider import Provider
from payments.saved import Saved
from payments.webhooks import Webhooks
from tests.payment_benches import Clock

FINAL = ("paid", "void")
OUTCOMES = st.sampled_from(
    ["succeed", "insufficient_funds", "lost_card", "lost_reply", "500", {"outcome": "500", "when": "after"}]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.integers(0, 40)),
        st.tuples(st.just("script"), st.lists(OUTCOMES, max_size=4)),
        st.tuples(st.just("pay"), st.integers(0, 6)),
        st.tuples(st.just("pay again"), st.integers(0, 6)),
        st.tuples(st.just("part"), st.integers(1, 3000)),
        st.tuples(st.just("credit"), st.integers(1, 3000)),
        st.tuples(st.just("balance"), st.integers(-4000, 1000)),
        st.tuples(st.just("refund"), st.integers(1, 3000)),
        st.tuples(
            st.sampled_from(["void", "uncollectible", "fail", "cancel", "renew", "quantity", "pause"]),
            st.integers(0, 3),
        ),
        st.tuples(st.just("dunning"), st.sampled_from(["none", "provider"])),
    ),
    max_size=25,
)


class Life:
    """One customer with one subscription at a provider, to whom things happen."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.provider = Provider(clock=self.clock)
        self.control = Control(self.provider.world, Webhooks(self.provider.world, enabled=[], now=self.clock))
        row = {"id": "cus_1", "subscriptions": [{"id": "sub_1", "unit_amount": 5000}]}
        self.control.answer("POST", "/_control/seed", {"customers": [row]})
        self.seen: dict[str, str] = {}
        self.ended: dict[str, str] = {}
        self.out_of_band = 0

    def newest(self, offset: int = 0) -> str:
        invoices = self.provider.world.store.all("invoice")
        return str(invoices[-1 - offset % len(invoices)]["id"]) if invoices else "in_none"

    def ask(self, method: str, path: str, key: str | None = None, **params: Any) -> int:
        headers = {"idempotency-key": key} if key else {}
        try:
            return self.provider.handle(method, path, params, headers)[0]
        except LostReplyError:
            return 0

    def do(self, what: str, value: Any) -> None:
        paths = {
            "pay": lambda: self.ask("POST", f"/v1/invoices/{self.newest(value)}/pay"),
            "pay again": lambda: self.ask(
                "POST", f"/v1/invoices/{self.newest()}/pay", key=f"{self.newest()}-{value % 2}"
            ),
            "credit": lambda: self.ask("POST", "/v1/credit_notes", invoice=self.newest(), amount=value),
            "balance": lambda: self.ask(
                "POST", "/v1/customers/cus_1/balance_transactions", amount=value, currency="usd"
            ),
            "uncollectible": lambda: self.ask(
                "POST", f"/v1/invoices/{self.newest(value)}/mark_uncollectible"
            ),
            "cancel": lambda: self.ask("DELETE", "/v1/subscriptions/sub_1"),
            "quantity": lambda: self.ask("POST", "/v1/subscriptions/sub_1", metadata={"n": str(value)}),
            "pause": lambda: self.ask(
                "POST", "/v1/subscriptions/sub_1", pause_collection={"behavior": "void"} if value % 2 else ""
            ),
            "advance": lambda: self.clock.advance(days=value),
        }
        controls = {
            "script": ("script", {"customer": "cus_1", "outcomes": value}),
            "part": (f"invoices/{self.newest()}/pay", {"amount": value}),
            "refund": (f"invoices/{self.newest()}/refund", {"amount": value}),
            "void": (f"invoices/{self.newest()}/void", {}),
            "fail": (f"invoices/{self.newest()}/fail", {}),
            "renew": ("subscriptions/sub_1/renew", {}),
            "dunning": ("dunning", {"owner": value, "then": "cancel"}),
        }
        if what in paths:
            paths[what]()
            return
        path, body = controls[what]
        with contextlib.suppress(ApiError):  # not to be done in this state
            self.control.answer("POST", f"/_control/{path}", body)

    def check(self) -> None:
        store = self.provider.world.store
        for invoice in store.all("invoice"):
            self.check_invoice(invoice)
        for event in store.all("event"):
            text = json.dumps(event)
            assert self.seen.setdefault(event["id"], text) == text
        created = [event["created"] for event in store.all("event")]
        assert created == sorted(created)
        customer = store.need("customer", "cus_1")
        moves = sum(row["amount"] for row in store.of("customer_balance_transaction", "customer", "cus_1"))
        assert customer["balance"] == moves

    def check_invoice(self, invoice: dict[str, Any]) -> None:
        store = self.provider.world.store
        charges = [c for c in store.of("charge", "customer", "cus_1") if c["_invoice"] == invoice["id"]]
        assert sum(charge["amount"] for charge in charges if charge["paid"]) == invoice["amount_paid"]
        assert invoice["amount_paid"] + invoice["amount_remaining"] == invoice["amount_due"] >= 0
        assert all(0 <= charge["amount_refunded"] <= charge["amount"] for charge in charges)
        assert (invoice["status"] == "paid") == (
            invoice["status"] != "draft" and bool(invoice["status_transitions"]["paid_at"])
        )
        assert invoice["status"] != "paid" or invoice["amount_remaining"] == 0
        if invoice["status"] in FINAL:
            assert self.ended.setdefault(invoice["id"], invoice["status"]) == invoice["status"]
        else:
            assert invoice["id"] not in self.ended


@settings(max_examples=150)
@given(STEPS)
def test_money_adds_up_and_the_past_stays(steps: list[tuple[str, Any]]) -> None:
    life = Life()

    for what, value in steps:
        life.do(what, value)
        life.provider.tick()
        life.check()


@settings(max_examples=30)
@given(STEPS, STEPS)
def test_a_provider_read_from_its_file_lives_on_as_the_one_that_was_never_stopped(
    before: list[tuple[str, Any]], after: list[tuple[str, Any]]
) -> None:
    kept, stopped = Life(), Life()
    for what, value in before:
        for life in (kept, stopped):
            life.do(what, value)

    with tempfile.TemporaryDirectory() as folder:
        saved = Saved(Path(folder) / "payments.sqlite")
        saved.save(stopped.provider.world.store)
        world = saved.world(seed="")
        saved.close()
    assert world is not None
    stopped.provider = Provider(clock=stopped.clock, world=world)
    stopped.control = Control(world, Webhooks(world, enabled=[], now=stopped.clock))
    for what, value in after:
        for life in (kept, stopped):
            life.do(what, value)
            life.provider.tick()

    for kind, objects in kept.provider.world.store.kinds.items():
        assert stopped.provider.world.store.kinds.get(kind, {}) == objects
