"""Facts about money on the deployed stack: whatever becomes of webhooks, the profile is the provider's."""

import json
import time
from typing import Any

import pytest

from infra.local.home import Home
from tests.e2e import activity
from tests.e2e.conftest import stemtide
from tests.e2e.payments import Payments
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

WAIT_S = 60


@pytest.fixture(scope="module")
def payments(stack: Stack) -> Payments:
    return Payments(stack)


def profile(home: Home, stack: Stack, payments: Payments, account: str) -> dict[str, Any]:
    """The profile when everything in flight is worked off."""
    payments.delivered()
    stemtide(home, "drain", "--timeout", str(WAIT_S))
    return dict(activity.record(stack, account)["profile"])


def test_a_subscription_is_in_the_profile_through_a_webhook(
    home: Home, stack: Stack, payments: Payments
) -> None:
    who = payments.customer(account="e2e-bill-1")
    payments.subscribe(who, "business")

    found = profile(home, stack, payments, "e2e-bill-1")

    assert (found["plan"], found["mrr"], found["currency"]) == ("business", 9900, "USD")
    assert found["stripe_customer_id"] == who
    assert stemtide(home, "billing", "list")["events"] == []


def test_complaint_11_held_doubled_and_shuffled_webhooks_end_the_same(
    home: Home, stack: Stack, payments: Payments
) -> None:
    who = payments.customer(account="e2e-bill-2")
    one = payments.subscribe(who, "starter")
    assert profile(home, stack, payments, "e2e-bill-2")["plan"] == "starter"
    payments.control("webhooks/hold", {})
    payments.control("webhooks/duplicate", {"times": 3})
    payments.control("webhooks/shuffle", {"seed": 7})
    (item,) = payments.v1.subscriptions.retrieve(one.id).items.data
    payments.v1.subscriptions.update(
        one.id, {"items": [{"id": item.id, "price": payments.prices["business"]}]}
    )
    payments.v1.subscriptions.cancel(one.id)
    payments.control("webhooks/release", {})

    found = profile(home, stack, payments, "e2e-bill-2")

    assert found["subscribed"] is False
    rows = stack.client("dynamodb").query(
        TableName=stack.facts["tables"]["accounts"],
        KeyConditionExpression="account = :a AND begins_with(#i, :f)",
        ExpressionAttributeNames={"#i": "item"},
        ExpressionAttributeValues={":a": {"S": "e2e-bill-2"}, ":f": {"S": "fact#"}},
    )["Items"]
    facts = [json.loads(row["fact"]["S"]) for row in rows]
    assert [fact["kind"] for fact in facts if fact["kind"] == "ended"] == ["ended"]
    assert len({fact["id"] for fact in facts}) == len(facts)


def test_what_never_arrives_is_made_up_for_by_a_reconcile(
    home: Home, stack: Stack, payments: Payments
) -> None:
    payments.control("webhooks/hold", {})
    who = payments.customer(account="e2e-bill-3")
    payments.subscribe(who, "starter")

    found = stemtide(home, "billing", "reconcile")
    stemtide(home, "drain", "--timeout", str(WAIT_S))

    assert found["claimed"] > 0
    assert activity.record(stack, "e2e-bill-3")["profile"]["mrr"] == 2900
    payments.control("webhooks/release", {})


def test_what_is_nobodys_is_listed_and_goes_on_when_the_account_is_named(
    home: Home, stack: Stack, payments: Payments
) -> None:
    who = payments.customer()
    payments.subscribe(who, "business")
    payments.delivered()
    stemtide(home, "drain", "--timeout", str(WAIT_S))

    waiting = stemtide(home, "billing", "list", "--state", "unmapped")["events"]
    assert {event["customer"] for event in waiting} == {who}
    assert stemtide(home, "status")["billing"]["unmapped"] == len(waiting)

    group = {
        "type": "group",
        "messageId": "e2e-bill-4",
        "userId": "crm",
        "groupId": "e2e-bill-4",
        "traits": {"name": "Four", "stripe_customer_id": who},
    }
    activity.post(stack, [group])
    stemtide(home, "drain", "--timeout", str(WAIT_S))
    stemtide(home, "billing", "reconcile")

    assert profile(home, stack, payments, "e2e-bill-4")["plan"] == "business"
    assert stemtide(home, "billing", "list")["events"] == []
    told = stemtide(home, "status")["billing"]
    assert (told["pending"], told["unmapped"], told["failed"]) == (0, 0, 0)
    assert told["last_reconcile"] is not None


def test_a_discount_of_an_item_in_another_currency_than_its_price_is_in_the_mrr(
    home: Home, stack: Stack, payments: Payments
) -> None:
    who = payments.customer(account="e2e-bill-6")
    price = payments.v1.prices.create(
        {
            "product_data": {"name": "Six"},
            "currency": "usd",
            "unit_amount": 1000,
            "currency_options": {"jpy": {"unit_amount": 1500}},
            "recurring": {"interval": "month"},
        }
    )
    product = str(price.product)
    coupon = payments.v1.coupons.create(
        {"percent_off": 20, "duration": "forever", "applies_to": {"products": [product]}}
    )
    payments.v1.subscriptions.create(
        {
            "customer": who,
            "currency": "jpy",
            "items": [{"price": price.id, "quantity": 3, "discounts": [{"coupon": coupon.id}]}],
        }
    )

    found = profile(home, stack, payments, "e2e-bill-6")

    assert (found["plan"], found["mrr"], found["currency"]) == ("Six", 3600, "JPY")


def test_an_event_over_the_bus_is_taken_in(home: Home, stack: Stack, payments: Payments) -> None:
    payments.control("webhooks/hold", {})
    who = payments.customer(account="e2e-bill-5")
    payments.subscribe(who, "starter")
    newest = payments.v1.events.list({"limit": 20}).data
    event = next(e for e in newest if e.type == "customer.subscription.created")
    # nobody but the partner itself may put such a source on a bus, so its rule's target is called
    stack.client("lambda").invoke(
        FunctionName="stemtide-stripe-events",
        Payload=json.dumps(
            {
                "source": "aws.partner/stripe.com/ed_test",
                "detail-type": event.type,
                "detail": event.to_dict(for_json=True),
            }
        ),
    )
    deadline = time.monotonic() + WAIT_S
    while stack.call("GET", "/v1/accounts/e2e-bill-5", role="viewer").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    payments.control("webhooks/release", {})

    assert profile(home, stack, payments, "e2e-bill-5")["plan"] == "starter"
