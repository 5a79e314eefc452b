"""The official client talks to the stand-in unchanged, and what it is told keeps Stripe's rules."""

import pytest
import stripe

from tests.payment_benches import API_KEY, DAY_S, START_S, Bench


@pytest.fixture
def client(bench: Bench) -> stripe.StripeClient:
    return stripe.StripeClient(API_KEY, base_addresses={"api": bench.url}, max_network_retries=0)


def price_of(client: stripe.StripeClient, amount: int, currency: str = "usd", interval: str = "month") -> str:
    product = client.v1.products.create({"name": "Pro"})
    price = client.v1.prices.create(
        {
            "product": product.id,
            "currency": currency,
            "unit_amount": amount,
            "recurring": {"interval": interval},  # type: ignore[typeddict-item]
        }
    )
    return price.id


def customer_of(client: stripe.StripeClient, card: str = "pm_card_visa") -> str:
    customer = client.v1.customers.create({"email": "ada@example.com", "metadata": {"account": "a-1"}})
    method = client.v1.payment_methods.attach(card, {"customer": customer.id})
    client.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    return customer.id


def test_another_key_is_not_let_in(bench: Bench) -> None:
    client = stripe.StripeClient("sk_test_other", base_addresses={"api": bench.url})

    with pytest.raises(stripe.AuthenticationError):
        client.v1.customers.list()


def test_a_subscription_lives_from_its_first_payment_to_its_end(
    client: stripe.StripeClient, bench: Bench
) -> None:
    price, customer = price_of(client, 5000), customer_of(client)

    made = client.v1.subscriptions.create({"customer": customer, "items": [{"price": price, "quantity": 3}]})
    bench.clock.advance(days=31)
    renewed = client.v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice"]})
    client.v1.subscriptions.update(made.id, {"cancel_at_period_end": True})
    bench.clock.advance(days=31)
    ended = client.v1.subscriptions.retrieve(made.id)

    item = renewed["items"]["data"][0]
    assert (made.status, renewed.status, ended.status) == ("active", "active", "canceled")
    assert (item.current_period_start, item.current_period_end) == (
        START_S + 31 * DAY_S,
        START_S + 62 * DAY_S,
    )
    assert (renewed.latest_invoice.status, renewed.latest_invoice.amount_due) == ("draft", 15000)  # type: ignore[union-attr]
    assert ended.ended_at == START_S + 62 * DAY_S
    assert [row.id for row in client.v1.subscriptions.list({"customer": customer})] == []
    assert [row.id for row in client.v1.subscriptions.list({"customer": customer, "status": "all"})] == [
        made.id
    ]


def test_a_card_that_is_declined_leaves_a_first_subscription_incomplete_and_then_expired(
    client: stripe.StripeClient, bench: Bench
) -> None:
    price, customer = price_of(client, 5000), customer_of(client, "pm_card_chargeCustomerFail")

    made = client.v1.subscriptions.create({"customer": customer, "items": [{"price": price}]})
    bench.clock.advance(seconds=23 * 3600)
    expired = client.v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice"]})

    assert (made.status, expired.status) == ("incomplete", "incomplete_expired")
    assert expired.latest_invoice.status == "void"  # type: ignore[union-attr]


def test_a_refused_first_payment_leaves_nothing_when_that_is_asked_for(
    client: stripe.StripeClient, bench: Bench
) -> None:
    price, customer = price_of(client, 5000), customer_of(client, "pm_card_chargeCustomerFail")
    coupon = client.v1.coupons.create({"percent_off": 10, "duration": "once"})
    before = bench.ask("GET", "/v1/events", limit=100)

    with pytest.raises(stripe.CardError):
        client.v1.subscriptions.create(
            {
                "customer": customer,
                "items": [{"price": price}],
                "payment_behavior": "error_if_incomplete",
                "discounts": [{"coupon": coupon.id}],
            }
        )

    assert list(client.v1.subscriptions.list({"status": "all"})) == []
    assert list(client.v1.invoices.list()) == []
    assert client.v1.coupons.retrieve(coupon.id).times_redeemed == 0
    assert bench.ask("GET", "/v1/events", limit=100) == before


def test_a_trial_ends_with_its_first_bill(client: stripe.StripeClient, bench: Bench) -> None:
    made = client.v1.subscriptions.create(
        {
            "customer": customer_of(client),
            "items": [{"price": price_of(client, 5000)}],
            "trial_period_days": 14,
        }
    )

    bench.clock.advance(days=14, seconds=3600)
    after = client.v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice"]})

    assert (made.status, made.trial_end) == ("trialing", START_S + 14 * DAY_S)
    assert (after.status, after.latest_invoice.amount_paid) == ("active", 5000)  # type: ignore[union-attr]


def test_another_plan_and_quantity_bill_from_the_next_period_on(
    client: stripe.StripeClient, bench: Bench
) -> None:
    small, large = price_of(client, 1000), price_of(client, 9000)
    made = client.v1.subscriptions.create({"customer": customer_of(client), "items": [{"price": small}]})
    item = made["items"]["data"][0].id

    changed = client.v1.subscriptions.update(
        made.id, {"items": [{"id": item, "price": large, "quantity": 2}], "proration_behavior": "none"}
    )
    updated = [*bench.port.events(since_s=0, types=["customer.subscription.updated"])][-1]
    bench.clock.advance(days=31, seconds=3600)
    invoices = list(client.v1.invoices.list({"subscription": made.id}))

    assert changed["items"]["data"][0].price.unit_amount == 9000
    assert [invoice.amount_paid for invoice in invoices] == [18000, 1000]
    assert updated["data"]["previous_attributes"]["items"]["data"][0]["price"]["unit_amount"] == 1000


def test_a_change_that_is_refused_half_way_changes_nothing(client: stripe.StripeClient) -> None:
    made = client.v1.subscriptions.create(
        {"customer": customer_of(client), "items": [{"price": price_of(client, 1000)}]}
    )
    item = made["items"]["data"][0].id

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.update(
            made.id,
            {
                "items": [{"id": item, "quantity": 7}, {"price": price_of(client, 500)}],
                "discounts": [{"coupon": "none"}],
            },
        )

    after = client.v1.subscriptions.retrieve(made.id)
    assert [(row.id, row.quantity) for row in after["items"]["data"]] == [(item, 1)]


@pytest.mark.parametrize(
    ("coupon", "paid"),
    [
        ({"percent_off": 33.3, "duration": "once"}, [667, 1000, 1000, 1000]),
        ({"percent_off": 50, "duration": "repeating", "duration_in_months": 2}, [500, 500, 1000, 1000]),
        ({"amount_off": 300, "currency": "usd", "duration": "forever"}, [700, 700, 700, 700]),
        ({"amount_off": 3000, "currency": "usd", "duration": "once"}, [0, 1000, 1000, 1000]),
    ],
)
def test_coupons_take_off_what_they_say_for_as_long_as_they_say(
    client: stripe.StripeClient, bench: Bench, coupon: dict[str, object], paid: list[int]
) -> None:
    made = client.v1.coupons.create(coupon)  # type: ignore[arg-type]

    subscription = client.v1.subscriptions.create(
        {
            "customer": customer_of(client),
            "items": [{"price": price_of(client, 1000)}],
            "discounts": [{"coupon": made.id}],
        }
    )
    bench.clock.advance(days=31 + 31 + 28, seconds=3600)
    invoices = [*client.v1.invoices.list({"subscription": subscription.id}).auto_paging_iter()]

    assert [invoice.amount_paid for invoice in invoices[::-1]] == paid
    assert all(
        invoice.total == invoice.subtotal - sum(d.amount for d in invoice.total_discount_amounts or [])
        for invoice in invoices
    )


def test_a_path_of_more_than_four_levels_is_not_expanded(client: stripe.StripeClient) -> None:
    subscription = client.v1.subscriptions.create(
        {"customer": customer_of(client), "items": [{"price": price_of(client, 1000)}]}
    )
    deep = "data.discounts.source.coupon"

    client.v1.subscription_items.list({"subscription": subscription.id, "expand": [deep]})

    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        client.v1.subscription_items.list({"subscription": subscription.id, "expand": [f"{deep}.applies_to"]})


def test_a_code_is_for_its_customer_once_and_until_it_expires(
    client: stripe.StripeClient, bench: Bench
) -> None:
    price, customer, other = price_of(client, 1000), customer_of(client), customer_of(client)
    coupon = client.v1.coupons.create({"percent_off": 20, "duration": "once"})

    def code(**more: object) -> str:
        promotion = {"promotion": {"type": "coupon", "coupon": coupon.id}, "customer": customer, **more}
        return client.v1.promotion_codes.create(promotion).id  # type: ignore[arg-type]

    def redeem(who: str, promotion: str) -> stripe.Subscription:
        return client.v1.subscriptions.create(
            {"customer": who, "items": [{"price": price}], "discounts": [{"promotion_code": promotion}]}
        )

    once, soon_over = code(max_redemptions=1), code(expires_at=bench.clock.now_s + 60)
    with pytest.raises(stripe.InvalidRequestError):
        redeem(other, once)
    redeemed = redeem(customer, once)
    with pytest.raises(stripe.InvalidRequestError):
        redeem(customer, once)
    bench.clock.advance(seconds=60)
    with pytest.raises(stripe.InvalidRequestError):
        redeem(customer, soon_over)

    invoice = client.v1.invoices.retrieve(str(redeemed.latest_invoice))
    assert (invoice.total, invoice.amount_paid) == (800, 800)
    assert client.v1.promotion_codes.retrieve(once).active is False


def test_a_customers_credit_is_used_first_and_given_back_by_a_void(
    client: stripe.StripeClient, bench: Bench
) -> None:
    customer = customer_of(client, "pm_card_chargeCustomerFail")
    client.v1.customers.balance_transactions.create(customer, {"amount": -300, "currency": "usd"})
    client.v1.invoice_items.create({"customer": customer, "amount": 1000, "currency": "usd"})
    draft = client.v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})

    opened = client.v1.invoices.finalize_invoice(draft.id)
    used = client.v1.customers.retrieve(customer).balance
    client.v1.invoices.void_invoice(draft.id)

    assert (opened.status, opened.total, opened.amount_due, opened.starting_balance) == (
        "open",
        1000,
        700,
        -300,
    )
    assert (used, client.v1.customers.retrieve(customer).balance) == (0, -300)


def test_an_invoice_without_anything_due_is_paid_when_it_is_finalized(client: stripe.StripeClient) -> None:
    customer = customer_of(client)

    draft = client.v1.invoices.create({"customer": customer})
    opened = client.v1.invoices.finalize_invoice(draft.id)

    assert (opened.status, opened.attempt_count) == ("paid", 0)
    assert list(client.v1.charges.list({"customer": customer})) == []


def test_only_automatic_attempts_count_after_the_first(client: stripe.StripeClient, bench: Bench) -> None:
    customer, _, invoice = bench.past_due()
    bench.script(customer, "insufficient_funds", "insufficient_funds")

    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.invoices.pay(invoice)

    assert client.v1.invoices.retrieve(invoice).attempt_count == 1


def test_the_latest_invoice_decides_whether_a_subscription_is_past_due(
    client: stripe.StripeClient, bench: Bench
) -> None:
    customer, subscription, older = bench.past_due()
    bench.script(customer, "insufficient_funds", "succeed", "succeed")
    bench.clock.advance(days=31)
    newer = str(client.v1.subscriptions.retrieve(subscription).latest_invoice)

    client.v1.invoices.pay(older)
    after_older = client.v1.subscriptions.retrieve(subscription).status
    client.v1.invoices.pay(newer)

    assert newer != older
    assert (after_older, client.v1.subscriptions.retrieve(subscription).status) == ("past_due", "active")


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")],
)
def test_a_paused_collection_charges_nothing_until_it_resumes(
    client: stripe.StripeClient, bench: Bench, behavior: str, status: str
) -> None:
    made = client.v1.subscriptions.create(
        {"customer": customer_of(client), "items": [{"price": price_of(client, 1000)}]}
    )
    resumes = bench.clock.now_s + 40 * DAY_S
    client.v1.subscriptions.update(
        made.id,
        {"pause_collection": {"behavior": behavior, "resumes_at": resumes}},  # type: ignore[typeddict-item]
    )

    bench.clock.advance(days=63, seconds=3600)
    after = client.v1.subscriptions.retrieve(made.id)
    statuses = [invoice.status for invoice in client.v1.invoices.list({"subscription": made.id})]

    assert (after.status, after.pause_collection) == ("active", None)
    assert statuses == ["paid", status, "paid"]


def test_a_refund_is_never_more_than_was_charged(client: stripe.StripeClient) -> None:
    client.v1.subscriptions.create(
        {"customer": customer_of(client), "items": [{"price": price_of(client, 1000)}]}
    )
    charge = next(iter(client.v1.charges.list())).id

    client.v1.refunds.create({"charge": charge, "amount": 400})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"charge": charge, "amount": 601})
    client.v1.refunds.create({"charge": charge})

    after = client.v1.charges.retrieve(charge, {"expand": ["refunds"]})
    assert (after.amount_refunded, after.refunded) == (1000, True)
    assert [refund.amount for refund in after.refunds.data] == [600, 400]  # type: ignore[union-attr]


@pytest.mark.parametrize(("currency", "amount"), [("kwd", 12345), ("isk", 50050), ("ugx", 101)])
def test_an_amount_that_a_currency_cannot_hold_is_refused(
    client: stripe.StripeClient, currency: str, amount: int
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        price_of(client, amount, currency)

    assert refused.value.param == "unit_amount"


def test_mistakes_are_named(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        client.v1.customers.create({"emial": "x"})  # type: ignore[typeddict-unknown-key]
    with pytest.raises(stripe.InvalidRequestError) as lacking:
        client.v1.subscriptions.create({"customer": customer_of(client), "items": []})
    with pytest.raises(stripe.InvalidRequestError) as nobody:
        client.v1.subscriptions.create({"customer": "cus_none", "items": [{"price": "price_none"}]})
    with pytest.raises(stripe.InvalidRequestError) as nowhere:
        client.v1.quotes.list()

    assert (unknown.value.code, unknown.value.param) == ("parameter_unknown", "emial")
    assert (lacking.value.code, lacking.value.param) == ("parameter_missing", "items")
    assert (nobody.value.code, nobody.value.http_status) == ("resource_missing", 404)
    assert nowhere.value.http_status == 404


def test_lists_page_forwards_and_backwards_and_by_time(client: stripe.StripeClient, bench: Bench) -> None:
    made = []
    for _ in range(7):
        made.append(client.v1.customers.create({"email": "x@example.com"}).id)
        bench.clock.advance(seconds=10)

    pages = [row.id for row in client.v1.customers.list({"limit": 3}).auto_paging_iter()]
    newer = client.v1.customers.list({"ending_before": made[3], "limit": 2})
    since = client.v1.customers.list({"created": {"gte": START_S + 30, "lt": START_S + 50}})

    assert pages == made[::-1]
    assert ([row.id for row in newer], newer.has_more) == ([made[5], made[4]], True)
    assert [row.id for row in since] == [made[4], made[3]]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.list({"limit": 101})
