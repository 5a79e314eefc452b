"""From the provider's events to profiles and facts on the bus, over the real handlers and tables."""

import json
import random
import time
from typing import Any

import pytest
from stemtide.facts import fold_facts
from stemtide.ports import UnavailableError
from stemtide.profile import Profile
from stemtide.store.records import Records

from tests.billing_cloud import HOUR_S, Cloud

DAY_S = 24 * HOUR_S


def catalog(cloud: Cloud) -> dict[str, str]:
    """Prices by plan."""
    found = {}
    for plan, amount in (("starter", 2900), ("business", 9900)):
        product = cloud.api("POST", "/v1/products", name=plan)["id"]
        found[plan] = cloud.api(
            "POST",
            "/v1/prices",
            product=product,
            currency="usd",
            unit_amount=amount,
            lookup_key=plan,
            recurring={"interval": "month"},
        )["id"]
    return found


def customer(cloud: Cloud, **metadata: str) -> str:
    made = cloud.api("POST", "/v1/customers", metadata=metadata, payment_method="pm_card_visa")
    method = next(iter(cloud.payments.payment_methods(made["id"])))["id"]
    cloud.api("POST", f"/v1/customers/{made['id']}", invoice_settings={"default_payment_method": method})
    return str(made["id"])


def subscribe(cloud: Cloud, who: str, price: str, **more: Any) -> dict[str, Any]:
    return cloud.api(
        "POST", "/v1/subscriptions", customer=who, items=[{"price": price, "quantity": 1}], **more
    )


def profile(cloud: Cloud, account: str = "acme") -> Profile:
    record = Records(cloud.table["accounts"]).read(account)
    assert record is not None
    assert record.profile == fold_facts(cloud.facts(account), 10**14)
    return record.profile


def deliver(cloud: Cloud, events: list[dict[str, Any]]) -> None:
    for event in events:
        assert cloud.send(event)["statusCode"] == 200
    cloud.work()


def test_a_subscription_is_a_profile_within_one_event(cloud: Cloud) -> None:
    prices = catalog(cloud)
    who = customer(cloud, account="acme")
    subscribe(cloud, who, prices["starter"])

    deliver(cloud, cloud.events())

    found = profile(cloud)
    assert (found.plan, found.mrr, found.subscribed) == ("starter", 2900, True)
    assert (found.currency, found.stripe_customer_id) == ("USD", who)
    assert found.renewal_date is not None
    indexed = Records(cloud.table["accounts"])
    assert indexed.read("acme") is not None
    assert [one for one in cloud.table["billing"].scan()["Items"] if "open_state" in one] == []


def test_rows_36_and_37_the_same_event_ten_times_and_out_of_order_is_one_effect(cloud: Cloud) -> None:
    prices = catalog(cloud)
    who = customer(cloud, account="acme")
    one = subscribe(cloud, who, prices["starter"])
    item = one["items"]["data"][0]["id"]
    deliver(cloud, cloud.events())
    cloud.pass_time(DAY_S)
    cloud.api("POST", f"/v1/subscriptions/{one['id']}", items=[{"id": item, "price": prices["business"]}])
    cloud.pass_time(DAY_S)
    cloud.api("DELETE", f"/v1/subscriptions/{one['id']}")
    events = cloud.events() * 10
    random.Random(7).shuffle(events)

    deliver(cloud, events)
    deliver(cloud, events[:20])

    assert [(fact.kind, fact.data.get("plan")) for fact in cloud.facts() if fact.kind != "traits"] == [
        ("started", "starter"),
        ("ended", "starter"),
    ]
    assert (profile(cloud).subscribed, profile(cloud).terms) == (False, ())
    canceled = [one for one in cloud.published if one["type"] == "SubscriptionCanceled"]
    assert len({one["id"] for one in canceled}) == len(canceled) == 1
    assert canceled[0]["plans"] == ["business"]


def test_row_37_an_event_that_is_done_is_known_for_longer_than_it_may_come_again(cloud: Cloud) -> None:
    subscribe(cloud, customer(cloud, account="acme"), catalog(cloud)["starter"])
    events = cloud.events()
    deliver(cloud, events)
    facts = cloud.facts()

    rows = [one for one in cloud.table["billing"].scan()["Items"] if str(one["pk"]).startswith("event#")]
    answers = {json.loads(cloud.send(event)["body"])["received"] for event in events}

    assert answers <= {"known", "ignored"}
    assert rows
    assert all(int(one["expires_at"]) - time.time() > 34 * DAY_S for one in rows)
    assert cloud.facts() == facts


def test_row_39_an_event_whose_batch_was_given_up_after_its_claim_is_handed_on_again(cloud: Cloud) -> None:
    subscribe(cloud, customer(cloud, account="acme"), catalog(cloud)["starter"])
    early = int(time.time()) - 1200
    answers = [cloud.send(event, arrival_s=early) for event in cloud.events()]
    cloud.forget_changes("billing")
    cloud.work()
    before = cloud.facts()

    found = cloud.reconcile()

    assert {answer["statusCode"] for answer in answers} == {200}
    assert before == []
    assert found["again"] > 0
    assert profile(cloud).plan == "starter"


def test_row_38_what_never_arrived_is_made_up_for_by_one_reconcile(cloud: Cloud) -> None:
    prices = catalog(cloud)
    who = customer(cloud, account="acme")
    subscribe(cloud, who, prices["business"])

    found = cloud.reconcile()

    assert found["claimed"] > 0
    assert profile(cloud).plan == "business"
    again = cloud.reconcile()
    assert (again["claimed"], again["differed"]) == (0, 0)


def test_row_38_after_more_than_the_provider_lists_all_subscriptions_are_read(cloud: Cloud) -> None:
    prices = catalog(cloud)
    who = customer(cloud, account="acme")
    one = subscribe(cloud, who, prices["starter"])
    deliver(cloud, cloud.events())
    item = one["items"]["data"][0]["id"]
    cloud.api("POST", f"/v1/subscriptions/{one['id']}", items=[{"id": item, "price": prices["business"]}])
    cloud.pass_time(89 * DAY_S)

    found = cloud.reconcile()

    assert found["walked"] == 1
    assert profile(cloud).plan == "business"


def test_what_is_nobodys_waits_and_is_told_when_the_account_names_the_customer(cloud: Cloud) -> None:
    prices = catalog(cloud)
    who = customer(cloud)
    subscribe(cloud, who, prices["starter"])
    deliver(cloud, cloud.events())
    waiting = [one["open_state"] for one in cloud.table["billing"].scan()["Items"] if "open_state" in one]

    assert set(waiting) == {"unmapped"}
    assert cloud.facts() == []

    Records(cloud.table["accounts"]).write_profile(
        "acme", Profile(stripe_customer_id=who), facts=0, as_of_ms=0
    )
    found = cloud.reconcile()

    assert found["unmapped"] == len(waiting) == found["again"]
    assert profile(cloud).mrr == 2900
    assert [one for one in cloud.table["billing"].scan()["Items"] if "open_state" in one] == []


def test_a_failed_payment_and_then_a_payment_are_told_once_each(cloud: Cloud) -> None:
    prices = catalog(cloud)
    who = customer(cloud, account="acme")
    subscribe(cloud, who, prices["starter"])
    deliver(cloud, cloud.events())
    card = cloud.api("POST", "/v1/payment_methods", type="card", card={"number": "4000000000000341"})
    cloud.api("POST", f"/v1/payment_methods/{card['id']}/attach", customer=who)
    cloud.api("POST", f"/v1/customers/{who}", invoice_settings={"default_payment_method": card["id"]})
    cloud.pass_time(32 * DAY_S)
    deliver(cloud, cloud.events()[::-1])

    failed = [one for one in cloud.published if one["type"] == "InvoicePaymentFailed"]
    assert [(one["account"], one["amount_remaining"], one["attempt_count"]) for one in failed] == [
        ("acme", 2900, 1)
    ]
    assert profile(cloud).mrr == 2900  # past due counts

    good = cloud.api("POST", "/v1/payment_methods", type="card", card={"token": "tok_visa"})
    cloud.api("POST", f"/v1/payment_methods/{good['id']}/attach", customer=who)
    cloud.api("POST", f"/v1/invoices/{failed[0]['invoice']}/pay", payment_method=good["id"])
    deliver(cloud, cloud.events())

    settled = [one for one in cloud.published if one["type"] == "InvoiceSettled"]
    assert {(one["invoice"], one["outcome"]) for one in settled} >= {(failed[0]["invoice"], "paid")}
    ids = [one["id"] for one in cloud.published]
    assert len(ids) == len(set(ids))


def test_another_card_is_told_once_and_no_other_change_of_the_customer(cloud: Cloud) -> None:
    prices = catalog(cloud)
    who = customer(cloud, account="acme")
    subscription = subscribe(cloud, who, prices["starter"])["id"]
    deliver(cloud, cloud.events())
    before = len(cloud.events())
    cloud.api("POST", f"/v1/customers/{who}", metadata={"account": "acme", "note": "new"})
    deliver(cloud, cloud.events()[before:])
    assert changed_methods(cloud) == []

    card = cloud.api("POST", "/v1/payment_methods", type="card", card={"token": "tok_mastercard"})
    cloud.api("POST", f"/v1/payment_methods/{card['id']}/attach", customer=who)
    cloud.api("POST", f"/v1/customers/{who}", invoice_settings={"default_payment_method": card["id"]})
    cloud.api("POST", f"/v1/subscriptions/{subscription}", default_payment_method=card["id"])
    deliver(cloud, cloud.events()[before:] * 2)

    assert changed_methods(cloud) == [(who, None), (who, subscription)]


def test_a_card_that_was_renewed_is_told(cloud: Cloud) -> None:
    who = customer(cloud, account="acme")
    deliver(cloud, cloud.events())
    before = len(cloud.events())
    [card] = cloud.payments.payment_methods(who)
    cloud.api("POST", f"/v1/payment_methods/{card['id']}", card={"exp_year": 2040, "exp_month": 1})

    deliver(cloud, cloud.events()[before:])

    assert changed_methods(cloud) == [(who, None)]


def changed_methods(cloud: Cloud) -> list[tuple[str, str | None]]:
    """Customer and subscription of each `PaymentMethodChanged`."""
    told = [one for one in cloud.published if one["type"] == "PaymentMethodChanged"]
    assert len({one["id"] for one in told}) == len(told)
    return [(one["customer"], one["subscription"]) for one in told]


def test_a_refund_of_all_is_told_by_the_charges_of_the_invoice(cloud: Cloud) -> None:
    prices = catalog(cloud)
    who = customer(cloud, account="acme")
    subscribe(cloud, who, prices["starter"])
    deliver(cloud, cloud.events())
    charge = next(iter(cloud.payments.charges(customer=who)))
    cloud.api("POST", "/v1/refunds", charge=charge["id"])

    deliver(cloud, cloud.events())

    assert [one["outcome"] for one in cloud.published if one["type"] == "InvoiceSettled"] == [
        "paid",
        "refunded",
    ]


@pytest.mark.parametrize(
    ("currency", "mrr"), [("jpy", 12_300), ("kwd", 12_300), ("isk", 123), ("eur", 12_300)]
)
def test_row_44_amounts_become_isos_minor_units(cloud: Cloud, currency: str, mrr: int) -> None:
    """Krónur have none, and are told in hundredths."""
    product = cloud.api("POST", "/v1/products", name="pro")["id"]
    price = cloud.api(
        "POST",
        "/v1/prices",
        product=product,
        currency=currency,
        unit_amount=12_300,
        recurring={"interval": "month"},
    )
    who = customer(cloud, account="acme")
    subscribe(cloud, who, price["id"])

    deliver(cloud, cloud.events())

    assert (profile(cloud).mrr, profile(cloud).currency) == (mrr, currency.upper())


def test_an_object_that_cannot_be_used_fails_its_event_and_holds_up_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = catalog(cloud)
    who, other = customer(cloud, account="acme"), customer(cloud, account="globex")
    bad = subscribe(cloud, who, prices["starter"])["id"]
    subscribe(cloud, other, prices["business"])
    real = cloud.payments.subscription

    def broken(name: str) -> Any:
        found = real(name)
        return {**found, "currency": None} if name == bad else found

    monkeypatch.setattr(cloud.payments, "subscription", broken)
    deliver(cloud, cloud.events())

    failed = [one for one in cloud.table["billing"].scan()["Items"] if one.get("open_state") == "failed"]
    assert failed
    assert all("currency" in one["reason"] for one in failed)
    assert profile(cloud, "globex").plan == "business"
    assert cloud.reconcile()["failed"] == len(failed)


def test_while_the_provider_is_down_events_come_again_and_are_not_lost(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = catalog(cloud)
    who = customer(cloud, account="acme")
    subscribe(cloud, who, prices["starter"])

    def down(_: str) -> Any:
        raise UnavailableError("down")

    with monkeypatch.context() as patched:
        patched.setattr(cloud.payments, "customer", down)
        for event in cloud.events():
            cloud.send(event)
        with pytest.raises(AssertionError, match="itemIdentifier"):
            cloud.work()

    states = [one["open_state"] for one in cloud.table["billing"].scan()["Items"] if "open_state" in one]
    assert set(states) == {"pending"}


def test_an_event_over_the_bus_and_the_same_over_http_are_one(cloud: Cloud) -> None:
    prices = catalog(cloud)
    who = customer(cloud, account="acme")
    subscribe(cloud, who, prices["starter"])
    [event] = [one for one in cloud.events() if one["type"] == "customer.subscription.created"]

    cloud.functions["stripe_events"].handler(
        {"source": "aws.partner/stripe.com/ed_1", "detail-type": event["type"], "detail": event}, None
    )
    answer = cloud.send(event)

    assert answer["body"] == '{"received":"known"}'
    cloud.work()
    assert profile(cloud).plan == "starter"
