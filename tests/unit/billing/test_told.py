"""What a change of a row of the billing table tells on the bus."""

import dataclasses
from typing import Any

import pytest
from stemtide.billing.normalise import invoice_of
from stemtide.billing.objects import Customer, Item, Subscription
from stemtide.billing.ports import Stored
from stemtide.billing.told import (
    NEWS_MS,
    InvoicePaymentFailed,
    InvoiceSettled,
    PaymentMethodChanged,
    SubscriptionCanceled,
    SubscriptionStarted,
    billing_event,
)

from tests.billing_provider import invoice


def billed(account: str | None = "acme", *, refunded: int = 0, disputed: bool = False, **more: Any) -> Stored:
    charges = [{"payment_intent": "pi_1", "amount_refunded": refunded, "disputed": disputed}]
    known = invoice_of(invoice("1", "cus_1", 500, **more), charges=charges)
    return Stored(known=known, version=1, read_ms=1, seen_ms=1, account=account)


def ended(*, seen_ms: int, status: str = "canceled", account: str | None = "acme") -> Stored:
    item = Item(id="si", price="p", product="q", plan="business", interval="month")
    known = Subscription(
        id="sub_1", customer="cus_1", status=status, currency="USD", items=(item,), start_ms=0, ended_ms=1000
    )
    return Stored(known=known, version=1, read_ms=1, seen_ms=seen_ms, account=account)


FAILED_ONCE = billed(attempt_count=1)
FAILED_TWICE = billed(attempt_count=2)
PAID = billed(status="paid", amount_paid=500, amount_remaining=0, attempt_count=1)


def test_each_try_of_the_provider_that_failed_is_told_once() -> None:
    first, second = billing_event(FAILED_ONCE, billed()), billing_event(FAILED_TWICE, FAILED_ONCE)

    assert isinstance(first, InvoicePaymentFailed)
    assert isinstance(second, InvoicePaymentFailed)
    assert (first.attempt_count, second.attempt_count, first.amount_remaining) == (1, 2, 500)
    assert first.id != second.id
    assert billing_event(FAILED_ONCE, None) == first
    assert billing_event(FAILED_TWICE, FAILED_TWICE) is None


@pytest.mark.parametrize(
    "row",
    [
        billed(),
        billed(status="draft", attempt_count=1),
        billed(attempt_count=1, amount_remaining=0),
        billed(None, attempt_count=1),
        billed(status="deleted", attempt_count=1),
        billed(amount_paid=100, refunded=100),
    ],
    ids=["not tried", "a draft", "nothing left", "nobody's", "deleted", "a part came and went"],
)
def test_what_nobody_owes_is_told_to_nobody(row: Stored) -> None:
    assert billing_event(row, None) is None


def test_a_row_whose_account_becomes_known_tells_it_then() -> None:
    assert billing_event(FAILED_ONCE, billed(None, attempt_count=1)) == billing_event(FAILED_ONCE, None)


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        (PAID, "paid"),
        (billed(status="void"), "void"),
        (billed(status="uncollectible"), "uncollectible"),
        (billed(status="paid", amount_paid=500, refunded=500), "refunded"),
        (billed(status="paid", amount_paid=500, refunded=499), "paid"),
        (billed(status="paid", amount_paid=500, disputed=True), "disputed"),
        (billed(status="paid", amount_paid=0), "paid"),
        (billed(status="paid", amount_paid=1, refunded=1), "refunded"),
        (billed(status="paid", amount_paid=500, refunded=501), "refunded"),
        (billed(status="void", amount_paid=500, refunded=500), "void"),
        (billed(status="uncollectible", amount_paid=500, refunded=500), "uncollectible"),
    ],
)
def test_an_invoice_is_settled_in_one_way(row: Stored, outcome: str) -> None:
    told = billing_event(row, FAILED_ONCE)

    assert isinstance(told, InvoiceSettled)
    assert told.outcome == outcome
    assert billing_event(row, row) is None


def test_a_refund_after_the_payment_is_told_again_under_another_id() -> None:
    paid = billing_event(PAID, FAILED_ONCE)
    refunded = billing_event(billed(status="paid", amount_paid=500, refunded=500), PAID)

    assert paid is not None
    assert refunded is not None
    assert paid.id != refunded.id


def test_the_end_of_a_subscription_is_told_unless_it_is_history() -> None:
    assert NEWS_MS == 30 * 86_400_000
    told = billing_event(ended(seen_ms=1000 + NEWS_MS), None)

    assert isinstance(told, SubscriptionCanceled)
    assert (told.as_of, told.plans) == ("1970-01-01T00:00:01.000Z", ("business",))
    assert billing_event(ended(seen_ms=1001 + NEWS_MS), None) is None
    assert billing_event(ended(seen_ms=2000, status="unpaid"), None) is None
    assert billing_event(ended(seen_ms=2000, account=None), None) is None
    assert billing_event(ended(seen_ms=2000), ended(seen_ms=1500)) is None


def held(
    cards: str | None, version: int = 2, *, account: str | None = "acme", deleted: bool = False
) -> Stored:
    known = Customer(id="cus_1", cards=cards, deleted=deleted)
    return Stored(known=known, version=version, read_ms=1, seen_ms=1000, account=account)


def charged(method: str | None, version: int = 2, *, status: str = "active") -> Stored:
    known = Subscription(
        id="sub_1", customer="cus_1", status=status, currency="USD", items=(), start_ms=0, method=method
    )
    return Stored(known=known, version=version, read_ms=1, seen_ms=1000, account="acme")


def test_other_cards_of_a_customer_are_told_each_time() -> None:
    first, back = billing_event(held("b"), held("a", 1)), billing_event(held("a", 3), held("b"))

    assert isinstance(first, PaymentMethodChanged)
    assert isinstance(back, PaymentMethodChanged)
    assert (first.customer, first.subscription, first.as_of) == ("cus_1", None, "1970-01-01T00:00:01.000Z")
    assert first.id != back.id
    assert billing_event(held("b"), held("a", 1)) == first  # the same change again is the same fact


def test_another_payment_method_of_a_subscription_is_told() -> None:
    told = billing_event(charged("pm_2"), charged(None, 1))

    assert isinstance(told, PaymentMethodChanged)
    assert (told.customer, told.subscription) == ("cus_1", "sub_1")


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (held("a", 1), None),
        (held("a"), held("a", 1)),
        (held("a"), held(None, 1)),
        (held("b", account=None), held("a", 1, account=None)),
        (held(None, deleted=True), held("a", 1)),
        (charged("pm_1"), charged("pm_1", 1)),
        (charged("pm_2", status="incomplete_expired"), charged("pm_1", 1)),
    ],
    ids=["new", "the same", "of before", "nobody's", "deleted", "as it was", "never begun"],
)
def test_cards_that_are_the_same_or_of_no_use_are_told_to_nobody(new: Stored, old: Stored | None) -> None:
    assert billing_event(new, old) is None


def test_a_subscription_that_has_begun_is_told_once_whatever_becomes_of_its_payments() -> None:
    begun = charged("pm_1", 1)

    told = billing_event(begun, None)

    assert isinstance(told, SubscriptionStarted)
    assert (told.customer, told.subscription, told.account) == ("cus_1", "sub_1", "acme")
    assert billing_event(charged("pm_1", status="past_due"), begun) is None


def test_a_subscription_that_had_begun_long_before_it_was_seen_is_no_news() -> None:
    seen = dataclasses.replace(charged("pm_1", 1), seen_ms=NEWS_MS + 1)

    assert billing_event(seen, None) is None


def test_the_end_of_a_subscription_is_told_before_its_card() -> None:
    told = billing_event(ended(seen_ms=2000), charged("pm_1", 1))

    assert isinstance(told, SubscriptionCanceled)
