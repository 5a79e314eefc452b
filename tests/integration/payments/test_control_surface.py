"""What tests, demos and people do to the provider beside its API."""

from typing import Any

import pytest

from tests.payment_benches import DAY_S, Bench, control


def post(bench: Bench, path: str, body: Any = None) -> dict[str, Any]:
    status, answer = control(bench.url, "POST", f"/_control/{path}", {} if body is None else body)
    assert status == 200, answer
    return dict(answer)


def charges(bench: Bench, query: str = "") -> list[dict[str, Any]]:
    _, answer = control(bench.url, "GET", f"/_control/charges{query}")
    return list(answer["charges"])


def test_a_script_decides_attempt_by_attempt_and_then_what_holds(bench: Bench) -> None:
    customer, _, invoice = bench.past_due()
    post(
        bench,
        "script",
        {
            "customer": customer,
            "outcomes": ["card_declined", {"decline_code": "made_up_code", "advice_code": "try_again_later"}],
            "then": "insufficient_funds",
        },
    )

    for key in ("a", "b", "c", "d"):
        bench.provider.handle("POST", f"/v1/invoices/{invoice}/pay", {}, {"idempotency-key": key})

    rows = charges(bench, f"?invoice={invoice}")
    assert [row["decline_code"] for row in rows] == [
        "insufficient_funds",
        "generic_decline",
        "made_up_code",
        "insufficient_funds",
        "insufficient_funds",
    ]
    assert [row["idempotency_key"] for row in rows] == [None, "a", "b", "c", "d"]
    assert {row["status"] for row in rows} == {"failed"}
    assert set(rows[0]) >= {"invoice", "amount", "currency", "idempotency_key", "status", "at"}


@pytest.mark.parametrize(
    "outcomes",
    [
        ["no_such_word"],
        [{"outcome": "succeed", "decline_code": "lost_card"}],
        [{"outcome": "decline"}],
        [{"lost_reply": True, "500": True}],
        [{"decline_code": "Bad Code"}],
        [{"advice_code": "do_not_try_again"}],
        [{"outcome": "lost_reply", "when": "after"}],
        [{"decline": "lost_card"}],
        [7],
        "succeed",
    ],
)
def test_an_outcome_that_there_is_not_is_refused_and_nothing_is_written(bench: Bench, outcomes: Any) -> None:
    customer = bench.customer()
    post(bench, "script", {"customer": customer, "outcomes": ["succeed"]})

    status, answer = control(
        bench.url, "POST", "/_control/script", {"customer": customer, "outcomes": outcomes}
    )

    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert control(bench.url, "GET", f"/_control/script?customer={customer}")[1]["outcomes"] == ["succeed"]


def test_a_script_may_be_added_to(bench: Bench) -> None:
    customer = bench.customer()
    post(bench, "script", {"customer": customer, "outcomes": ["succeed"], "then": "lost_card"})

    added = post(bench, "script", {"customer": customer, "outcomes": ["500"], "append": True})

    assert added == {"customer": customer, "outcomes": ["succeed", "500"], "then": "lost_card"}


def test_an_invoice_can_be_failed_paid_in_part_and_in_full(bench: Bench) -> None:
    _, subscription, invoice = bench.past_due()

    failed = post(bench, f"invoices/{invoice}/fail", {"decline_code": "lost_card"})
    part = post(bench, f"invoices/{invoice}/pay", {"amount": 2000})
    rest = post(bench, f"invoices/{invoice}/pay")

    assert failed["attempt_count"] == 2
    assert (part["status"], part["amount_paid"], part["amount_remaining"]) == ("open", 2000, 3000)
    assert (rest["status"], rest["amount_paid"], rest["amount_remaining"]) == ("paid", 5000, 0)
    assert [
        row["amount"] for row in charges(bench, f"?invoice={invoice}") if row["status"] == "succeeded"
    ] == [2000, 3000]
    assert bench.ask("GET", f"/v1/subscriptions/{subscription}")["status"] == "active"
    found = bench.port.invoice(invoice)
    assert found is not None
    assert sorted(row["amount_paid"] for row in found["payments"]["data"]) == [2000, 3000]


def test_paid_out_of_band_charges_no_card(bench: Bench) -> None:
    _, _, invoice = bench.past_due()
    before = charges(bench)

    paid = post(bench, f"invoices/{invoice}/pay", {"out_of_band": True})

    assert paid["status"] == "paid"
    assert charges(bench) == before


def test_a_void_ends_an_invoice_and_the_subscription_is_active_again(bench: Bench) -> None:
    _, subscription, invoice = bench.past_due()

    assert post(bench, f"invoices/{invoice}/void")["status"] == "void"

    assert bench.ask("GET", f"/v1/subscriptions/{subscription}")["status"] == "active"
    assert control(bench.url, "POST", f"/_control/invoices/{invoice}/pay", {})[0] == 400


def test_a_paid_invoice_can_be_refunded_and_disputed(bench: Bench) -> None:
    _, _, invoice = bench.past_due()
    post(bench, f"invoices/{invoice}/pay")

    post(bench, f"invoices/{invoice}/refund", {"amount": 1500})
    post(bench, f"invoices/{invoice}/dispute", {"reason": "fraudulent"})
    dispute = bench.ask("GET", "/v1/disputes")["data"][0]
    post(bench, f"disputes/{dispute['id']}/close", {"status": "lost"})

    kinds = [event["type"] for event in bench.port.events(since_s=0)]
    assert {"charge.refunded", "charge.dispute.created", "charge.dispute.closed"} < set(kinds)
    assert charges(bench, f"?invoice={invoice}")[-1]["amount_refunded"] == 1500
    assert bench.ask("GET", f"/v1/disputes/{dispute['id']}")["status"] == "lost"


def test_a_renewal_can_be_brought_forward(bench: Bench) -> None:
    customer = bench.customer()
    subscription = bench.subscribe(customer, bench.price())["id"]
    bench.script(customer, "insufficient_funds")

    renewed = post(bench, f"subscriptions/{subscription}/renew")

    assert renewed["status"] == "past_due"
    assert bench.ask("GET", f"/v1/invoices/{renewed['latest_invoice']}")["status"] == "open"


def test_the_provider_can_do_its_own_dunning(bench: Bench) -> None:
    post(bench, "dunning", {"owner": "provider", "retries_days": [3, 5], "then": "cancel"})
    customer, subscription, invoice = bench.past_due()
    bench.script(customer, then="insufficient_funds")
    planned = bench.ask("GET", f"/v1/invoices/{invoice}")

    bench.clock.advance(days=3)
    after_one = bench.ask("GET", f"/v1/invoices/{invoice}")
    bench.clock.advance(days=5)
    ended = bench.ask("GET", f"/v1/subscriptions/{subscription}")

    assert planned["next_payment_attempt"] > bench.clock.now_s - 8 * DAY_S
    assert (planned["attempt_count"], after_one["attempt_count"]) == (1, 2)
    assert (ended["status"], ended["cancellation_details"]["reason"]) == ("canceled", "payment_failed")
    assert bench.ask("GET", f"/v1/invoices/{invoice}")["attempt_count"] == 3


def test_a_base_of_customers_is_seeded_once_and_silently(bench: Bench) -> None:
    row = {
        "id": "cus_seeded",
        "name": "Acme",
        "email": "a@example.com",
        "metadata": {"account": "acme"},
        "subscriptions": [
            {
                "id": "sub_seeded",
                "product": "Pro",
                "unit_amount": 9900,
                "currency": "eur",
                "quantity": 2,
                "started": bench.clock.now_s - 45 * DAY_S,
            }
        ],
        "outcomes": ["insufficient_funds"],
    }

    first = post(bench, "seed", {"customers": [row]})
    again = post(bench, "seed", {"customers": [row]})

    found = bench.port.subscription("sub_seeded")
    assert first == again == {"customers": [{"id": "cus_seeded", "subscriptions": ["sub_seeded"]}]}
    assert found is not None
    item = found["items"]["data"][0]
    assert item["current_period_start"] <= bench.clock.now_s < item["current_period_end"]
    assert (found["status"], item["quantity"], item["price"]["unit_amount"]) == ("active", 2, 9900)
    assert list(bench.port.events(since_s=0)) == []
    bench.clock.now_s = item["current_period_end"] + 3600
    assert (bench.port.subscription("sub_seeded") or {})["status"] == "past_due"


def test_planned_faults_meet_any_route_and_are_used_up(bench: Bench) -> None:
    post(bench, "faults", {"method": "POST", "path": "/v1/coupons", "fault": "500_after", "times": 1})
    post(bench, "faults", {"method": "POST", "path": "/v1/coupons", "fault": "429"})
    coupon = {"percent_off": 10, "duration": "once"}

    answers = [
        bench.provider.handle("POST", "/v1/coupons", coupon, {"idempotency-key": key})
        for key in ("a", "b", "a", "c")
    ]

    assert [status for status, _, _ in answers] == [500, 429, 500, 200]
    assert len(bench.ask("GET", "/v1/coupons")["data"]) == 2


def test_what_there_is_not_is_answered_plainly(bench: Bench) -> None:
    for method, path in (("POST", "nothing"), ("POST", "invoices/in_none/pay"), ("GET", "invoices/x/pay")):
        status, answer = control(bench.url, method, f"/_control/{path}", {} if method == "POST" else None)
        assert (status, answer["error"]["type"]) == (404, "invalid_request_error")
    _, _, invoice = bench.past_due()
    status, answer = control(bench.url, "POST", f"/_control/invoices/{invoice}/pay", {"amuont": 5})
    assert (status, "amuont" in answer["error"]["message"]) == (400, True)


def test_pages_of_other_sites_may_not_act(bench: Bench) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        status, _ = control(bench.url, "POST", "/_control/webhooks/hold", {}, headers)
        assert status == 403
    assert control(bench.url, "GET", "/_control/webhooks")[1]["holding"] is False
