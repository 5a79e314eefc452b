"""Which events concern us, and which read takes another's place."""

from typing import Any

import pytest
from stemtide.billing.events import Claim, claim_of
from stemtide.billing.forward import Move, Read, move
from stemtide.billing.normalise import invoice_of
from stemtide.billing.objects import Customer, Kind, MalformedError, Subscription

from tests.billing_provider import invoice


def claimed(kind: str, found: dict[str, Any], **event: Any) -> Claim | None:
    made = {"id": "evt_1", "object": "event", "type": kind, "created": 7, "data": {"object": found}} | event
    return claim_of(made, arrived_ms=9, via="webhook")


@pytest.mark.parametrize(
    ("kind", "found", "about"),
    [
        ("customer.updated", {"id": "cus_1", "object": "customer"}, (Kind.CUSTOMER, "cus_1", "cus_1")),
        (
            "customer.subscription.updated",
            {"id": "sub_1", "customer": "cus_1"},
            (Kind.SUBSCRIPTION, "sub_1", "cus_1"),
        ),
        (
            "customer.discount.deleted",
            {"id": "di_1", "object": "discount", "customer": "cus_1"},
            (Kind.CUSTOMER, "cus_1", "cus_1"),
        ),
        (
            "payment_method.attached",
            {"id": "pm_1", "object": "payment_method", "customer": "cus_1"},
            (Kind.CUSTOMER, "cus_1", "cus_1"),
        ),
        (
            "payment_method.automatically_updated",
            {"id": "pm_1", "object": "payment_method", "customer": "cus_1"},
            (Kind.CUSTOMER, "cus_1", "cus_1"),
        ),
        ("invoice.paid", {"id": "in_1", "customer": {"id": "cus_1"}}, (Kind.INVOICE, "in_1", "cus_1")),
        (
            "charge.refunded",
            {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "customer": "cus_1"},
            (Kind.CHARGE, "pi_1", "cus_1"),
        ),
        (
            "charge.dispute.created",
            {"id": "du_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_1"},
            (Kind.CHARGE, "pi_1", None),
        ),
    ],
)
def test_an_event_is_claimed_for_the_object_it_is_about(
    kind: str, found: dict[str, Any], about: tuple[Kind, str, str | None]
) -> None:
    claim = claimed(kind, found)

    assert claim is not None
    assert (claim.kind, claim.object_id, claim.customer) == about
    assert (claim.created_ms, claim.arrived_ms) == (7000, 9)


@pytest.mark.parametrize("kind", ["invoice.upcoming", "payout.paid", "customer.tax_id.created", "ping"])
def test_other_events_do_not_concern_us(kind: str) -> None:
    assert claimed(kind, {}) is None


@pytest.mark.parametrize("kind", ["payment_method.detached", "payment_method.updated"])
def test_a_card_that_is_nobodys_does_not_concern_us(kind: str) -> None:
    assert claimed(kind, {"id": "pm_1", "object": "payment_method", "customer": None}) is None


@pytest.mark.parametrize(
    ("changed", "concerns"),
    [
        ({"balance": 1}, False),
        ({"delinquent": True}, False),
        ({"metadata": {}}, True),
        ({"discount": None}, True),
        ({"invoice_settings": {"default_payment_method": None}}, True),
        (None, True),
    ],
)
def test_an_update_of_a_customer_concerns_us_by_what_has_changed(changed: Any, concerns: bool) -> None:
    found = {"id": "cus_1", "object": "customer"}

    claim = claimed("customer.updated", found, data={"object": found, "previous_attributes": changed})

    assert (claim is not None) is concerns


def test_any_update_of_a_subscription_concerns_us() -> None:
    found = {"id": "sub_1", "object": "subscription", "customer": "cus_1"}
    data = {"object": found, "previous_attributes": {"items": {}}}

    assert claimed("customer.subscription.updated", found, data=data) is not None


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        {"object": "v2.core.event", "id": "evt_1"},
        {
            "object": "event",
            "id": "evt#1",
            "type": "invoice.paid",
            "created": 1,
            "data": {"object": {"id": "in"}},
        },
        {
            "object": "event",
            "id": "evt_1",
            "type": "invoice.paid",
            "created": "1",
            "data": {"object": {"id": "in"}},
        },
        {"object": "event", "id": "evt_1", "type": "invoice.paid", "created": 1, "data": {"object": {}}},
        {"object": "event", "id": "evt_1", "type": "invoice.paid", "created": 1},
    ],
)
def test_what_is_no_event_is_refused(event: Any) -> None:
    with pytest.raises(MalformedError):
        claim_of(event, arrived_ms=0, via="webhook")


def subscribed(status: str) -> Subscription:
    return Subscription(id="sub_1", customer="cus_1", status=status, currency="USD", items=(), start_ms=0)


@pytest.mark.parametrize(("begun", "expected"), [(10, Move.WRITE), (9, Move.READ_AGAIN), (11, Move.WRITE)])
def test_row_36_only_a_read_that_began_when_the_stored_one_had_ended_is_the_later(
    begun: int, expected: Move
) -> None:
    read = Read(begun_ms=begun, ended_ms=20)

    assert move(subscribed("active"), 10, subscribed("past_due"), read) is expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("canceled", "active", Move.KEEP),
        ("canceled", "canceled", Move.WRITE),
        ("incomplete_expired", "active", Move.KEEP),
        ("past_due", "active", Move.WRITE),
        ("unpaid", "active", Move.WRITE),
    ],
)
def test_row_36_a_subscription_that_is_over_stays_over(before: str, after: str, expected: Move) -> None:
    assert move(subscribed(before), 0, subscribed(after), Read(begun_ms=1, ended_ms=2)) is expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("paid", "open", Move.KEEP),
        ("void", "paid", Move.KEEP),
        ("paid", "paid", Move.WRITE),  # a refund may have come
        ("uncollectible", "paid", Move.WRITE),
        ("open", "draft", Move.WRITE),
    ],
)
def test_row_36_an_invoice_that_is_settled_stays_so(before: str, after: str, expected: Move) -> None:
    was, now = (invoice_of(invoice("1", "cus_1", 5, status=status)) for status in (before, after))

    assert move(was, 0, now, Read(begun_ms=1, ended_ms=2)) is expected


def test_a_deleted_customer_stays_so() -> None:
    gone = Customer(id="cus_1", deleted=True)

    assert move(gone, 0, Customer(id="cus_1"), Read(begun_ms=1, ended_ms=2)) is Move.KEEP
    assert move(gone, 0, gone, Read(begun_ms=1, ended_ms=2)) is Move.WRITE
