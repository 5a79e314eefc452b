"""One look at each object of a batch; what is told of accounts with several customers and subscriptions."""

import dataclasses
import math

import pytest
from stemtide.as_of import end_of_day_ms
from stemtide.billing.batch import Arrived, work_batch
from stemtide.billing.events import Claim, State
from stemtide.billing.movements import movements
from stemtide.billing.mrr import Level, levels
from stemtide.billing.objects import Kind
from stemtide.billing.working import DONE, Worked
from stemtide.facts import fold_facts, standing_at, terms_known
from stemtide.features.profile_columns import Basis, facts_of
from stemtide.features.view import Fact
from stemtide.ports import UnavailableError

from tests.billing_memory import PLANS, Memory
from tests.billing_provider import invoice, item, price, subscription

BUSINESS = price("business", 2500, lookup_key="business")
STARTER = price("starter", 1000, lookup_key="starter")
SMS = price("sms", 300, nickname="SMS")


def arrived(number: int, name: str, created: int) -> Arrived:
    claim = Claim(
        id=f"evt_{number}",
        type="invoice.paid",
        kind=Kind.INVOICE,
        object_id=name,
        customer="cus_1",
        created_ms=created,
        arrived_ms=0,
        via="webhook",
    )
    return Arrived(sequence=str(number), claim=claim)


def test_events_about_one_object_are_one_look_by_the_latest_of_them() -> None:
    worked: list[str] = []
    finished: list[str] = []

    outcome = work_batch(
        [arrived(1, "in_1", 5), arrived(2, "in_2", 1), arrived(3, "in_1", 9), arrived(4, "in_1", 7)],
        work=lambda claim: worked.append(claim.id) or DONE,
        finish=lambda claim, _: finished.append(claim.id),
        spent=lambda: False,
    )

    assert worked == ["evt_3", "evt_2"]
    assert sorted(finished) == ["evt_1", "evt_2", "evt_3", "evt_4"]
    assert (outcome.done, outcome.again) == (4, [])


def test_one_object_that_cannot_be_read_holds_up_no_other_and_two_end_the_batch() -> None:
    def work(claim: Claim) -> Worked:
        if claim.object_id in ("in_1", "in_3"):
            raise UnavailableError("down")
        return DONE

    outcome = work_batch(
        [arrived(n, f"in_{n}", n) for n in (1, 2, 3, 4)],
        work=work,
        finish=lambda *_: None,
        spent=lambda: False,
    )

    assert (outcome.done, outcome.again) == (1, ["1", "3", "4"])


def test_when_the_time_is_up_the_rest_comes_again() -> None:
    left = [False, True]

    outcome = work_batch(
        [arrived(n, f"in_{n}", n) for n in (1, 2)],
        work=lambda _: Worked(state=State.FAILED, reason="x"),
        finish=lambda *_: None,
        spent=lambda: left.pop(0),
    )

    assert (len(outcome.failed), outcome.again) == (1, ["2"])


def memory_with(*customers: str) -> Memory:
    memory = Memory()
    for name in customers:
        memory.deliver(
            memory.provider.change(
                {"id": name, "object": "customer", "metadata": {"account": "acme"}}, "customer.created"
            )
        )
    return memory


def subscribed(memory: Memory, name: str, customer: str, *items: dict[str, object], **more: object) -> None:
    found = subscription(name, customer, *items, at_s=1000, **more)
    memory.deliver(memory.provider.change(found, "customer.subscription.updated"))


def test_two_customers_of_one_account_are_one_profile() -> None:
    memory = memory_with("cus_1", "cus_2")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    subscribed(memory, "2", "cus_2", item(BUSINESS, quantity=2), item(SMS))

    profile = fold_facts(memory.told(), 10**15)

    assert (profile.plan, profile.mrr) == ("business", 2500 + 5000 + 300)
    assert {(term.plan, term.addon) for term in profile.terms} == {("business", False), ("SMS", True)}


EUROS = price("business", 2300, lookup_key="business", currency="eur")


def mrr_of(memory: Memory) -> Level:
    """What the account pays at last."""
    return levels(memory.told(), 10**14, currency="USD")[-1]


def test_currencies_of_two_customers_are_never_added_up() -> None:
    memory = memory_with("cus_1", "cus_2", "cus_3")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    alone = mrr_of(memory)
    memory.provider.now_s += 100
    subscribed(memory, "2", "cus_2", item(EUROS, quantity=2), start_date=memory.provider.now_s)
    both = mrr_of(memory)
    subscribed(memory, "3", "cus_3", item(BUSINESS))
    more = mrr_of(memory)

    assert [(one.currency, one.mrr, one.unknown) for one in (alone, both, more)] == [
        ("USD", 2500, 0),
        ("USD", 2500, 1),
        ("USD", 5000, 1),
    ]
    told = memory.books["acme"].book.told
    assert {name: (line.addon, line.quantity) for name, line in told.items()} == {
        "business": (False, 2),
        "business (EUR)": (True, 2),
    }
    assert fold_facts(memory.told(), 10**15).currency == "USD"


def test_an_account_whose_plan_goes_over_to_another_currency_is_transferred() -> None:
    memory = memory_with("cus_1", "cus_2")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    memory.provider.now_s += 7200
    subscribed(memory, "2", "cus_2", item(EUROS), start_date=memory.provider.now_s)
    before = mrr_of(memory)
    memory.provider.now_s += 7200
    subscribed(memory, "1", "cus_1", item(BUSINESS), status="canceled", ended_at=memory.provider.now_s)

    found = [
        (one.kind, one.currency, one.amount)
        for one in movements(levels(memory.told(), 10**14, currency="USD"))
    ]

    assert (before.currency, before.mrr) == ("USD", 2500)
    assert found == [("new", "USD", 2500), ("transfer", "USD", -2500), ("transfer", "EUR", 2300)]
    assert fold_facts(memory.told(), 10**15).mrr == 2300


def test_an_add_on_in_another_currency_than_the_plan_has_no_known_price() -> None:
    euros = price("sms", 300, nickname="SMS", currency="eur")
    memory = memory_with("cus_1", "cus_2")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    subscribed(memory, "2", "cus_2", item(euros))
    told = memory.books["acme"].book.told
    subscribed(memory, "2", "cus_2", item(SMS))
    moved = memory.books["acme"].book.told

    assert (told["business"].mrr, told["SMS (EUR)"].mrr, told["SMS (EUR)"].addon) == (2500, None, True)
    assert (moved["SMS"].mrr, "SMS (EUR)" in moved) == (300, False)
    assert mrr_of(memory).mrr == 2800


def test_a_price_that_is_not_known_any_more_does_not_stay_what_it_was() -> None:
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    memory.provider.now_s += 100
    subscribed(memory, "1", "cus_1", item(BUSINESS), discounts=["di_unread"])
    unknown, profile = mrr_of(memory), fold_facts(memory.told(), 10**15)
    memory.provider.now_s += 100
    subscribed(memory, "1", "cus_1", item(BUSINESS))

    assert (unknown.mrr, unknown.unknown, unknown.subscribed) == (0, 1, True)
    assert (profile.plan, profile.mrr, profile.subscribed) == ("business", None, True)
    assert (mrr_of(memory).mrr, mrr_of(memory).unknown) == (2500, 0)


def test_the_end_of_one_of_two_subscriptions_is_no_churn() -> None:
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    subscribed(memory, "2", "cus_1", item(BUSINESS))
    memory.provider.now_s += 100
    subscribed(memory, "1", "cus_1", item(BUSINESS), status="canceled", ended_at=memory.provider.now_s)

    profile = fold_facts(memory.told(), 10**15)

    assert (profile.subscribed, profile.mrr) == (True, 2500)
    assert [fact.kind for fact in memory.told() if fact.kind == "ended"] == []


def test_a_customer_that_becomes_another_accounts_ends_here_and_starts_there() -> None:
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    memory.provider.now_s += 100
    moved = {"id": "cus_1", "object": "customer", "metadata": {"account": "globex"}}
    memory.deliver(memory.provider.change(moved, "customer.updated"))

    here, there = (fold_facts(memory.told(account), 10**15) for account in ("acme", "globex"))

    assert (here.subscribed, here.stripe_customer_id) == (False, None)
    assert (there.subscribed, there.plan, there.stripe_customer_id) == (True, "business", "cus_1")


def test_an_unpaid_subscription_has_ended_and_is_back_when_it_is_paid() -> None:
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    for status in ("past_due", "unpaid", "active"):
        memory.provider.now_s += 86_400
        subscribed(memory, "1", "cus_1", item(BUSINESS), status=status)

    kinds = [(fact.kind, fact.at_ms // 86_400_000) for fact in memory.told() if fact.kind != "traits"]

    assert [kind for kind, _ in kinds] == ["started", "ended", "started"]
    assert kinds[2][1] > kinds[1][1]


def test_a_configured_plan_is_the_accounts_before_a_dearer_one() -> None:
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(STARTER), item(SMS, quantity=100))

    profile = fold_facts(memory.told(), 10**15)

    assert (profile.plan, profile.mrr) == ("starter", 1000 + 30_000)


def test_a_sum_with_a_price_that_nobody_knows_is_not_known() -> None:
    tiers = price("business", 0, lookup_key="business", billing_scheme="tiered", tiers_mode="volume")
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    subscribed(memory, "2", "cus_1", item(tiers))

    assert memory.books["acme"].book.told["business"].mrr is None


def test_of_two_that_end_at_once_one_without_saying_when_the_event_dates_the_end() -> None:
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(BUSINESS))
    subscribed(memory, "2", "cus_1", item(BUSINESS))
    memory.provider.now_s += 5000
    memory.provider.objects["sub_1"] |= {"status": "canceled", "ended_at": 3000}
    memory.provider.objects["sub_2"] |= {"status": "unpaid"}
    found = {"id": "cus_1", "object": "customer", "metadata": {"account": "acme"}}
    memory.deliver(memory.provider.change(found, "customer.updated"))

    assert [fact.at_ms for fact in memory.told() if fact.kind == "ended"] == [memory.provider.now_s * 1000]


def test_a_customer_whose_first_event_died_half_way_is_read_whole_by_the_next() -> None:
    """The process dies when the customer's row says whose it is, and nothing else was read."""
    memory = Memory()
    found = {"id": "cus_1", "object": "customer", "metadata": {"account": "acme"}}
    memory.provider.change(found, "customer.created")
    memory.provider.change(subscription("1", "cus_1", item(BUSINESS)), "customer.subscription.created")
    billed = memory.provider.change(invoice("1", "cus_1", 2500), "invoice.created")

    def die(where: str) -> None:
        if where == "row is in":
            raise Died

    memory.step = die
    with pytest.raises(Died):
        memory.deliver(billed)
    memory.step = lambda _: None
    memory.deliver(billed)

    assert fold_facts(memory.told(), 10**15).plan == "business"


def test_a_row_that_another_wrote_meanwhile_is_read_again() -> None:
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(STARTER))
    key = ("cus_1", Kind.SUBSCRIPTION, "sub_1")
    left = [1]

    def somebody_else(where: str) -> None:
        if where == "row" and left[0]:
            left[0] -= 1
            row = memory.objects[key]
            memory.objects[key] = dataclasses.replace(row, version=row.version + 1)

    memory.step = somebody_else
    subscribed(memory, "1", "cus_1", item(BUSINESS))

    assert left == [0]
    assert fold_facts(memory.told(), 10**15).plan == "business"


class Died(Exception):  # noqa: N818 - what it did
    """The process ended here."""


def test_features_and_labels_see_what_was_known_by_then() -> None:
    """A downgrade and an end, as of the days before and after they became known."""
    memory = memory_with("cus_1")
    day = 86_400
    memory.provider.now_s = 20_000 * day
    subscribed(memory, "1", "cus_1", item(BUSINESS, start_s=20_000 * day))
    memory.provider.now_s += 3 * day
    subscribed(memory, "1", "cus_1", item(STARTER, start_s=20_000 * day))
    memory.provider.now_s += 3 * day
    over = {"status": "canceled", "ended_at": memory.provider.now_s}
    subscribed(memory, "1", "cus_1", item(STARTER, start_s=20_000 * day), **over)

    def seen(on: int) -> dict[Fact, float]:
        values = facts_of(
            standing_at(memory.told(), end_of_day_ms(on)), on, Basis(plans=PLANS, currency="USD")
        )
        return dict(zip(Fact, values, strict=False))

    before, downgraded = seen(20_001), seen(20_004)
    assert (before[Fact.MRR], downgraded[Fact.MRR]) == (25.0, 10.0)
    assert math.isnan(before[Fact.MRR_CHANGE])
    assert downgraded[Fact.MRR_CHANGE] == -0.6
    assert (before[Fact.DOWNGRADES], downgraded[Fact.DOWNGRADES]) == (0, 1)
    assert before[Fact.DAYS_TO_RENEWAL] == 29
    assert downgraded[Fact.DISCOUNT] == 0
    ends = [
        terms_known(memory.told(), end_of_day_ms(on)).base_stretches()[-1].end_ms for on in (20_004, 20_006)
    ]
    assert ends == [None, 20_006 * day * 1000]


def test_a_change_told_by_an_older_event_still_comes_after_what_was_told() -> None:
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(STARTER))
    memory.provider.now_s += 5000
    subscribed(memory, "1", "cus_1", item(STARTER, quantity=3))
    memory.provider.objects["sub_1"]["items"]["data"][0]["price"] = BUSINESS
    old = dict(memory.provider.told[1], id="evt_old")

    memory.deliver(old)

    profile = fold_facts(memory.told(), 10**15)
    assert (profile.plan, profile.subscribed) == ("business", True)


def test_an_older_subscription_told_late_is_the_plan_and_keeps_its_beginning() -> None:
    memory = memory_with("cus_1", "cus_2")
    subscribed(memory, "1", "cus_1", item(STARTER))
    memory.provider.now_s += 5000
    subscribed(memory, "1", "cus_1", item(STARTER, quantity=3))
    subscribed(memory, "2", "cus_2", item(BUSINESS))

    profile = fold_facts(memory.told(), 10**15)

    assert (profile.plan, profile.mrr) == ("business", 2500 + 3000)
    assert profile.base_term is not None
    assert profile.base_term.start_ms == 1_000_000


def test_an_upgrade_in_mid_period_begins_then_and_not_with_the_subscription() -> None:
    memory = memory_with("cus_1")
    subscribed(memory, "1", "cus_1", item(SMS))
    memory.provider.now_s += 5000
    subscribed(memory, "1", "cus_1", item(BUSINESS))

    at = {fact.data["plan"]: fact.at_ms for fact in memory.told() if fact.kind == "started"}

    assert at == {"SMS": 1_000_000, "business": 6_000_000}
