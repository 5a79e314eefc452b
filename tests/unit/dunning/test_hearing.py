"""What dunning hears on the bus, and what it does about it."""

import json
from typing import Any

import msgspec
import pytest
from stemtide.billing.told import (
    BILLING_EVENTS,
    InvoicePaymentFailed,
    PaymentMethodChanged,
    SubscriptionCanceled,
)
from stemtide.dunning.hearing import NAMES, Heard, hear, heard_in
from stemtide.dunning.keeping import Failed

from tests.dunning_bench import Dunning, collect_by_hand, paid

AS_OF = "2026-03-15T08:12:45.000Z"
FAILED = {
    "id": "i",
    "account": "acme",
    "as_of": AS_OF,
    "customer": "cus_1",
    "invoice": "in_1",
    "subscription": "sub_1",
    "currency": "USD",
    "amount_due": 9900,
    "amount_remaining": 9900,
    "attempt_count": 1,
    "next_attempt": None,
    "collection": "charge_automatically",
}
OTHER_CARD = {"id": "i", "account": "acme", "as_of": AS_OF, "customer": "cus_1", "subscription": None}


def body(name: str, detail: dict[str, Any]) -> str:
    return json.dumps({"version": "0", "detail-type": name, "source": "stemtide", "detail": detail})


def test_a_failed_payment_is_heard_with_its_instant() -> None:
    found = heard_in(body("InvoicePaymentFailed", FAILED))

    failed = Failed(account="acme", customer="cus_1", invoice="in_1", failed_ms=1_773_562_365_000)
    assert found == Heard(customer="cus_1", failed=failed)


def test_an_invoice_that_is_paid_by_hand_is_nobodys_failed_payment() -> None:
    found = heard_in(body("InvoicePaymentFailed", {**FAILED, "collection": "send_invoice"}))

    assert found == Heard(customer="cus_1")


def test_another_card_is_heard() -> None:
    assert heard_in(body("PaymentMethodChanged", OTHER_CARD)) == Heard(customer="cus_1")


def test_every_fact_about_billing_is_heard() -> None:
    assert set(NAMES) == {event.__name__ for event in BILLING_EVENTS}
    assert {InvoicePaymentFailed, PaymentMethodChanged, SubscriptionCanceled} <= set(BILLING_EVENTS)


@pytest.mark.parametrize(
    "text",
    [
        body("RiskTierChanged", OTHER_CARD),
        body("PaymentMethodChanged", {}),
        body("InvoicePaymentFailed", {"customer": "cus_1"}),
        "no JSON",
        "{}",
    ],
)
def test_anything_else_is_an_error_and_no_episode(text: str) -> None:
    with pytest.raises((ValueError, KeyError, msgspec.MsgspecError)):
        heard_in(text)


def test_a_failed_payment_opens_an_episode_and_anything_else_wakes_the_one_that_runs() -> None:
    dunning = Dunning()
    failed = Failed(
        account="acme", customer=dunning.customer, invoice=dunning.invoice, failed_ms=dunning.now_ms()
    )
    hear(Heard(customer=dunning.customer), keeper=dunning.keeper)
    assert dunning.episodes.all() == []

    hear(Heard(customer=dunning.customer, failed=failed), keeper=dunning.keeper)
    dunning.step()
    waiting = dunning.task("step")
    dunning.task("wait", token="t1", seen=waiting["seen"])
    hear(Heard(customer=dunning.customer), keeper=dunning.keeper)
    hear(Heard(customer=dunning.customer, failed=failed), keeper=dunning.keeper)

    assert (dunning.row.account, dunning.row.anchor) == ("acme", dunning.invoice)
    assert dunning.runs.woken == ["t1", "t1"]
    assert len(dunning.episodes.all()) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_payment_that_fails_while_the_episode_is_about_to_end_is_collected_all_the_same(when: str) -> None:
    dunning = Dunning(then="do_not_honor")
    other = dunning.subscribe(amount=7000, trial_period_days=1)
    dunning.opened().play(days=0.9)
    later: list[str] = []

    def fails() -> None:
        dunning.bench.clock.advance(days=0.2)
        dunning.bench.provider.tick()
        later.append(str(dunning.bench.ask("GET", f"/v1/subscriptions/{other['id']}")["latest_invoice"]))
        dunning.failed(later[0])

    collect_by_hand(dunning)
    dunning.points.append(("append", when, fails))  # the step that ends the episode
    dunning.step()
    dunning.bench.script(dunning.customer, then="succeed")
    dunning.play()

    assert paid(dunning, later[0]) == [7000]
    assert len(dunning.episodes.all()) == (1 if when == "before" else 2)
    assert all(row.is_over for row, _ in dunning.episodes.all())


def test_a_payment_that_fails_while_another_event_opens_the_episode_is_its_own_or_wakes_it() -> None:
    dunning = Dunning()
    dunning.points.append(("open_episode", "before", dunning.failed))

    opened = dunning.failed()

    [(row, _)] = dunning.episodes.all()
    assert opened == row.id
    assert set(dunning.runs.started) == {row.execution}
