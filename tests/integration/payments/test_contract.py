"""What the product needs of a payment provider, held by the official client at the server and in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from stemtide.billing.provider import CardDeclinedError, ProviderRefusedError
from stemtide.ports import ThrottledError, UnavailableError

from tests.payment_benches import START_S, Bench, memory_bench, running


@pytest.fixture(params=["official client", "in memory"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "in memory":
        yield memory_bench()
    else:
        with running(tmp_path) as running_bench:
            yield running_bench


def test_what_is_not_there_is_none(bench: Bench) -> None:
    assert bench.port.customer("cus_none") is None
    assert bench.port.subscription("sub_none") is None
    assert bench.port.invoice("in_none") is None


def test_a_deleted_customer_is_none(bench: Bench) -> None:
    customer = bench.customer()
    assert bench.port.customer(customer) is not None

    bench.ask("DELETE", f"/v1/customers/{customer}")

    assert bench.port.customer(customer) is None


def test_a_subscription_comes_with_its_items_prices_and_discounts(bench: Bench) -> None:
    coupon = bench.ask("POST", "/v1/coupons", percent_off=25.5, duration="forever")["id"]
    made = bench.subscribe(
        bench.customer(),
        bench.price(5000, "eur"),
        items=[{"price": bench.price(5000, "eur"), "quantity": 3}],
        discounts=[{"coupon": coupon}],
    )

    found = bench.port.subscription(made["id"])

    assert found is not None
    item = found["items"]["data"][0]
    assert (item["quantity"], item["price"]["unit_amount"], item["price"]["currency"]) == (3, 5000, "eur")
    assert item["price"]["recurring"]["interval"] == "month"
    assert item["price"]["unit_amount_decimal"] == "5000"
    assert item["current_period_end"] > item["current_period_start"] == START_S
    assert found["discounts"][0]["source"]["coupon"]["percent_off"] == 25.5


def test_a_subscription_with_many_items_comes_with_all_of_them(bench: Bench) -> None:
    prices = [bench.price(100 + n) for n in range(13)]
    made = bench.subscribe(bench.customer(), prices[0], items=[{"price": price} for price in prices])

    found = bench.port.subscription(made["id"])
    listed = next(iter(bench.port.subscriptions()))

    assert found is not None
    for subscription in (found, listed):
        assert subscription["items"]["has_more"] is False
        assert [item["price"]["id"] for item in subscription["items"]["data"]] == prices


def test_discounts_of_items_come_with_what_their_coupons_take_off(bench: Bench) -> None:
    coupon = bench.ask("POST", "/v1/coupons", percent_off=20, duration="forever")["id"]
    discounted = {"price": bench.price(5000), "discounts": [{"coupon": coupon}]}
    made = bench.subscribe(bench.customer(), "", items=[{"price": bench.price(1000)}, discounted])

    found = bench.port.subscription(made["id"])

    assert found is not None
    plain, less = found["items"]["data"]
    assert plain["discounts"] == []
    assert [one["source"]["coupon"]["percent_off"] for one in less["discounts"]] == [20]


def test_a_coupon_comes_with_the_products_and_the_currencies_that_it_is_for(bench: Bench) -> None:
    price = bench.ask("GET", f"/v1/prices/{bench.price()}")
    limited = bench.ask(
        "POST",
        "/v1/coupons",
        amount_off=300,
        currency="usd",
        currency_options={"eur": {"amount_off": 250}},
        duration="forever",
        applies_to={"products": [price["product"]]},
    )
    item = {"price": price["id"], "discounts": [{"coupon": limited["id"]}]}
    made = bench.subscribe(bench.customer(), "", items=[item], discounts=[{"coupon": limited["id"]}])

    found = bench.port.subscription(made["id"])

    assert found is not None
    assert "applies_to" not in limited
    for [discount] in (found["discounts"], found["items"]["data"][0]["discounts"]):
        coupon = discount["source"]["coupon"]
        assert coupon["applies_to"] == {"products": [price["product"]]}
        assert coupon["currency_options"] == {"eur": {"amount_off": 250}}


@pytest.mark.parametrize("beside", [0, 12], ids=["one item", "more items than an object carries"])
def test_a_price_comes_with_its_amounts_in_other_currencies(bench: Bench, beside: int) -> None:
    def in_both(euros: int) -> str:
        asked = {"product_data": {"name": "Pro"}, "currency": "usd", "unit_amount": 1000}
        options = {"eur": {"unit_amount": euros}}
        recurring = {"interval": "month"}
        made = bench.ask("POST", "/v1/prices", recurring=recurring, currency_options=options, **asked)
        assert "currency_options" not in made
        return str(made["id"])

    items = [{"price": in_both(900 + n)} for n in range(1 + beside)]
    made = bench.subscribe(bench.customer(), "", items=items, currency="eur")

    found = bench.port.subscription(made["id"])

    assert found is not None
    prices = [item["price"] for item in found["items"]["data"]]
    assert (found["currency"], {price["currency"] for price in prices}) == ("eur", {"usd"})
    assert [price["currency_options"]["eur"]["unit_amount"] for price in prices] == [
        900 + n for n in range(1 + beside)
    ]
    assert {price["product"]["name"] for price in prices} == {"Pro"}


def test_an_invoice_comes_with_its_payments_and_its_subscription(bench: Bench) -> None:
    _, subscription, invoice = bench.past_due()

    found = bench.port.invoice(invoice)

    assert found is not None
    assert found["parent"]["subscription_details"]["subscription"] == subscription
    assert (found["status"], found["attempt_count"], found["attempted"]) == ("open", 1, True)
    assert (found["amount_due"], found["amount_remaining"], found["next_payment_attempt"]) == (
        5000,
        5000,
        None,
    )
    assert found["hosted_invoice_url"].startswith("https://")
    assert [payment["status"] for payment in found["payments"]["data"]] == ["open"]


def test_lists_are_complete_over_many_pages_and_newest_first(bench: Bench) -> None:
    price, customer = bench.price(), bench.customer()
    made = [bench.subscribe(customer, price)["id"] for _ in range(104)]

    assert [row["id"] for row in bench.port.subscriptions()] == made[::-1]
    assert [row["id"] for row in bench.port.subscriptions(customer=customer)] == made[::-1]
    assert len({row["id"] for row in bench.port.invoices(customer=customer, status="paid")}) == 104
    assert len(list(bench.port.charges(customer=customer))) == 104
    assert list(bench.port.invoices(customer=customer, status="open")) == []
    assert list(bench.port.subscriptions(customer="cus_other")) == []


def test_canceled_subscriptions_are_listed_too(bench: Bench) -> None:
    made = bench.subscribe(bench.customer(), bench.price())["id"]

    bench.port.cancel_subscription(made, key="c", reason="dunning exhausted")

    assert [(row["id"], row["status"]) for row in bench.port.subscriptions()] == [(made, "canceled")]


def test_paying_an_open_invoice_makes_the_subscription_active(bench: Bench) -> None:
    customer, subscription, invoice = bench.past_due()

    paid = bench.port.pay_invoice(invoice, key="k")

    assert (paid["status"], paid["amount_remaining"], paid["amount_paid"]) == ("paid", 0, 5000)
    assert paid["payments"]["data"][0]["status"] == "paid"
    assert (bench.port.subscription(subscription) or {})["status"] == "active"
    statuses = [charge["status"] for charge in bench.port.charges(customer=customer)]
    assert statuses == ["succeeded", "failed", "succeeded"]


def test_a_declined_payment_says_why_and_charges_nothing(bench: Bench) -> None:
    customer, _, invoice = bench.past_due()
    bench.script(customer, {"decline_code": "lost_card", "advice_code": "do_not_try_again"})

    with pytest.raises(CardDeclinedError) as declined:
        bench.port.pay_invoice(invoice, key="k")

    newest = next(iter(bench.port.charges(customer=customer)))
    assert (declined.value.decline_code, declined.value.advice_code) == ("lost_card", "do_not_try_again")
    assert (newest["id"], newest["paid"], newest["amount_captured"]) == (declined.value.charge, False, 0)
    assert (bench.port.invoice(invoice) or {})["amount_remaining"] == 5000


def test_paying_with_another_card_uses_it(bench: Bench) -> None:
    customer, _, invoice = bench.past_due()
    other = bench.ask("POST", "/v1/payment_methods/pm_card_mastercard/attach", customer=customer)["id"]

    bench.port.pay_invoice(invoice, key="k", payment_method=other)

    newest = next(iter(bench.port.charges(customer=customer)))
    assert newest["payment_method"] == other
    assert {card["id"] for card in bench.port.payment_methods(customer)} > {other}


def test_a_card_of_somebody_else_is_refused(bench: Bench) -> None:
    _, _, invoice = bench.past_due()
    foreign = bench.ask("POST", "/v1/payment_methods/pm_card_visa/attach", customer=bench.customer())["id"]

    with pytest.raises(ProviderRefusedError) as refused:
        bench.port.pay_invoice(invoice, key="k", payment_method=foreign)

    assert refused.value.code == "resource_missing"


def test_a_paid_invoice_is_not_paid_again(bench: Bench) -> None:
    customer, _, invoice = bench.past_due()
    bench.port.pay_invoice(invoice, key="one")

    with pytest.raises(ProviderRefusedError) as refused:
        bench.port.pay_invoice(invoice, key="two")

    assert (refused.value.code, refused.value.status) == ("invoice_already_paid", 400)
    assert (
        len([c for c in bench.port.charges(customer=customer) if c["paid"]]) == 2
    )  # the first period, this one


def test_a_void_invoice_is_not_paid(bench: Bench) -> None:
    _, _, invoice = bench.past_due()
    bench.ask("POST", f"/v1/invoices/{invoice}/void")

    with pytest.raises(ProviderRefusedError):
        bench.port.pay_invoice(invoice, key="k")


def test_the_same_key_answers_the_same_and_charges_once(bench: Bench) -> None:
    customer, _, invoice = bench.past_due()

    first = bench.port.pay_invoice(invoice, key="k")
    again = bench.port.pay_invoice(invoice, key="k")

    assert again == first
    assert len(list(bench.port.charges(customer=customer))) == 3


def test_a_declined_key_stays_declined_until_it_is_forgotten(bench: Bench) -> None:
    customer, _, invoice = bench.past_due()
    bench.script(customer, "insufficient_funds", "succeed")

    for _ in range(2):
        with pytest.raises(CardDeclinedError):
            bench.port.pay_invoice(invoice, key="k")
    bench.clock.advance(days=1, seconds=1)

    assert bench.port.pay_invoice(invoice, key="k")["status"] == "paid"


def test_a_key_is_not_taken_for_another_request(bench: Bench) -> None:
    bench.port.create_coupon(key="k", coupon={"percent_off": 10, "duration": "once"})

    with pytest.raises(ProviderRefusedError) as refused:
        bench.port.create_coupon(key="k", coupon={"percent_off": 20, "duration": "once"})

    assert (refused.value.code, refused.value.status) == ("idempotency_error", 400)


def test_a_lost_reply_leaves_the_charge_and_the_key_tells_it(bench: Bench) -> None:
    customer, _, invoice = bench.past_due()
    bench.script(customer, "lost_reply")

    with pytest.raises(UnavailableError) as lost:
        bench.port.pay_invoice(invoice, key="k")

    assert not isinstance(lost.value, ThrottledError)
    assert (bench.port.invoice(invoice) or {})["status"] == "paid"
    assert bench.port.pay_invoice(invoice, key="k")["status"] == "paid"
    assert len(list(bench.port.charges(customer=customer))) == 3


@pytest.mark.parametrize(("when", "status"), [("before", "open"), ("after", "paid")])
def test_a_500_is_saved_under_its_key_whether_it_happened_or_not(
    bench: Bench, when: str, status: str
) -> None:
    customer, _, invoice = bench.past_due()
    bench.script(customer, {"outcome": "500", "when": when})

    for _ in range(3):
        with pytest.raises(UnavailableError):
            bench.port.pay_invoice(invoice, key="k")

    assert (bench.port.invoice(invoice) or {})["status"] == status


def test_what_remains_after_a_partial_payment_is_what_is_charged(bench: Bench) -> None:
    customer, _, invoice = bench.past_due()
    note = bench.ask("POST", "/v1/credit_notes", invoice=invoice, amount=1200)

    paid = bench.port.pay_invoice(invoice, key="k")

    assert note["amount"] == 1200
    assert next(iter(bench.port.charges(customer=customer)))["amount"] == 3800
    assert (paid["amount_due"], paid["amount_paid"], paid["amount_remaining"]) == (3800, 3800, 0)


@pytest.mark.parametrize(("currency", "amount"), [("jpy", 5000), ("kwd", 12340), ("isk", 50000)])
def test_amounts_are_minor_units_of_their_currency(bench: Bench, currency: str, amount: int) -> None:
    customer, _, invoice = bench.past_due(amount=amount, currency=currency)

    paid = bench.port.pay_invoice(invoice, key="k")

    newest = next(iter(bench.port.charges(customer=customer)))
    assert (paid["amount_paid"], newest["amount"], newest["currency"]) == (amount, amount, currency)


def test_a_canceled_subscription_says_why_and_is_not_canceled_again(bench: Bench) -> None:
    _, subscription, invoice = bench.past_due()

    ended = bench.port.cancel_subscription(subscription, key="a", reason="dunning exhausted")

    assert (ended["status"], ended["ended_at"]) == ("canceled", bench.clock.now_s)
    assert ended["cancellation_details"] == {
        "comment": "dunning exhausted",
        "feedback": None,
        "reason": "cancellation_requested",
    }
    assert (bench.port.invoice(invoice) or {})["auto_advance"] is False
    with pytest.raises(ProviderRefusedError) as refused:
        bench.port.cancel_subscription(subscription, key="b", reason="again")
    assert (refused.value.status, refused.value.code) == (404, "resource_missing")


def test_a_coupon_and_a_code_for_one_customer_are_made_once(bench: Bench) -> None:
    customer = bench.customer()
    offer = {"id": "offer-1", "percent_off": 20, "duration": "repeating", "duration_in_months": 3}
    code = {
        "promotion": {"type": "coupon", "coupon": "offer-1"},
        "code": "BACK20",
        "customer": customer,
        "max_redemptions": 1,
        "expires_at": bench.clock.now_s + 86_400,
    }

    coupons = [bench.port.create_coupon(key="c", coupon=offer) for _ in range(2)]
    codes = [bench.port.create_promotion_code(key="p", promotion_code=code) for _ in range(2)]

    assert coupons[0] == coupons[1]
    assert codes[0] == codes[1]
    assert (codes[0]["code"], codes[0]["customer"], codes[0]["max_redemptions"]) == ("BACK20", customer, 1)
    assert codes[0]["promotion"]["coupon"] == "offer-1"
    with pytest.raises(ProviderRefusedError) as refused:
        bench.port.create_coupon(key="other", coupon=offer)
    assert refused.value.code == "resource_already_exists"


def offer(bench: Bench, customer: str, coupon: str, code: str) -> str:
    """A code of one customer's for a coupon of its own: what the provider calls it."""
    terms = {"id": coupon, "percent_off": 20, "duration": "repeating", "duration_in_months": 3}
    bench.port.create_coupon(key=f"{coupon}-coupon", coupon=terms)
    asked = {
        "promotion": {"type": "coupon", "coupon": coupon},
        "code": code,
        "customer": customer,
        "max_redemptions": 1,
    }
    return str(bench.port.create_promotion_code(key=f"{coupon}-code", promotion_code=asked)["id"])


def test_the_codes_of_a_coupon_are_found_and_no_other_ones(bench: Bench) -> None:
    customer = bench.customer()
    first, second = (offer(bench, customer, f"offer-{n}", f"BACK{n}") for n in (1, 2))

    found = [[code["id"] for code in bench.port.promotion_codes(coupon=f"offer-{n}")] for n in (1, 2, 3)]

    assert found == [[first], [second], []]


def test_a_code_that_was_taken_is_found_too_and_says_so(bench: Bench) -> None:
    customer = bench.customer()
    code = offer(bench, customer, "offer-1", "BACK1")
    bench.subscribe(customer, bench.price(), discounts=[{"promotion_code": code}])

    [found] = bench.port.promotion_codes(coupon="offer-1")

    assert (found["id"], found["active"], found["times_redeemed"]) == (code, False, 1)


def test_a_customer_comes_back_with_its_code_and_the_new_subscription_says_with_which(bench: Bench) -> None:
    customer, price = bench.customer(), bench.price(5000)
    first = bench.subscribe(customer, price)["id"]
    bench.port.cancel_subscription(first, key="c", reason="not_collected")
    code = offer(bench, customer, "offer-1", "BACK1")
    bench.clock.advance(days=3)

    bench.subscribe(customer, price, discounts=[{"promotion_code": code}])

    back, old = bench.port.subscriptions(customer=customer)
    assert (old["id"], old["status"], old["cancellation_details"]["comment"]) == (
        first,
        "canceled",
        "not_collected",
    )
    assert (back["status"], back["created"]) == ("active", bench.clock.now_s)
    [discount] = back["discounts"]
    assert (discount["promotion_code"], discount["source"]["coupon"]["id"]) == (code, "offer-1")
    newest = next(iter(bench.port.charges(customer=customer)))
    assert newest["amount"] == 4000
    told = [event["type"] for event in bench.port.events(since_s=bench.clock.now_s)]
    assert "customer.subscription.created" in told


def test_the_portal_is_a_page_of_its_own_for_each_asking(bench: Bench) -> None:
    customer = bench.customer()

    urls = [
        bench.port.portal_url(customer, key=key, return_url="https://example.com") for key in ("a", "a", "b")
    ]

    assert urls[0] == urls[1] != urls[2]
    assert urls[0].startswith("https://")


def test_events_come_oldest_first_from_an_instant_on(bench: Bench) -> None:
    bench.past_due()
    everything = list(bench.port.events(since_s=0))
    middle = everything[len(everything) // 2]["created"]

    later = list(bench.port.events(since_s=middle))
    failed = list(bench.port.events(since_s=0, types=["invoice.payment_failed", "charge.failed"]))

    assert [event["created"] for event in everything] == sorted(event["created"] for event in everything)
    assert later == [event for event in everything if event["created"] >= middle]
    assert {event["type"] for event in failed} == {"invoice.payment_failed", "charge.failed"}
    assert failed[-1]["data"]["object"]["object"] == "invoice"
    assert list(bench.port.events(since_s=bench.clock.now_s + 1)) == []


def test_events_are_kept_for_thirty_days(bench: Bench) -> None:
    bench.customer()
    assert list(bench.port.events(since_s=0))

    bench.clock.advance(days=30, seconds=1)

    assert list(bench.port.events(since_s=0)) == []
