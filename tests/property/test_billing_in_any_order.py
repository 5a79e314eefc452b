"""Whatever comes twice, late, out of order or never: after one reconcile all is as the provider says."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stemtide.billing.normalise import invoice_of, subscription_of
from stemtide.billing.objects import Kind
from stemtide.billing.plan_names import PlanNames
from stemtide.billing.reconcile import LISTED_S
from stemtide.facts import fold_facts
from stemtide.profile import Profile

from tests.billing_memory import PLANS, Memory
from tests.billing_provider import MONTH_S, TestProvider, coupon_of, invoice, item, price, subscription

ACCOUNT = {"metadata": {"account": "acme"}}
PRICES = {
    "starter": price("starter", 1000, lookup_key="starter"),
    "business": price("business", 2500, lookup_key="business"),
    "sms": price("sms", 300, nickname="SMS"),
}


class Crash(Exception):  # noqa: N818 - what it is
    """The process ends here."""


class Story:
    """Changes at the provider, each with its events. Changes to what is over, or not there, are none."""

    def __init__(self, provider: TestProvider) -> None:
        self.provider = provider
        provider.change({"id": "cus_1", "object": "customer", **ACCOUNT}, "customer.created")

    def act(self, what: str, which: int, number: int) -> None:
        provider, name = self.provider, f"sub_{which}"
        provider.now_s += number * 3600 + 1
        found = provider.objects.get(name)
        if what == "subscribe" and found is None:
            one = item(PRICES["starter"], quantity=number + 1, start_s=provider.now_s)
            new = subscription(str(which), "cus_1", one, at_s=provider.now_s)
            provider.change(new, "customer.subscription.created")
        elif what == "subscribe":
            return
        elif what == "bill" and f"in_{which}{number}" not in provider.objects:
            provider.change(
                invoice(f"{which}{number}", "cus_1", 1000, at_s=provider.now_s), "invoice.created"
            )
        elif what in ("bill", "pay"):
            self._settle(f"in_{which}{number}", pays=what == "pay")
        elif found is not None and found["status"] not in ("canceled",):
            getattr(self, what)(found, number)

    def _settle(self, name: str, *, pays: bool) -> None:
        found = self.provider.objects.get(name)
        if pays and found is not None and found["status"] == "open":
            found |= {"status": "paid", "amount_paid": found["amount_due"], "amount_remaining": 0}
            self.provider.change(found, "invoice.paid")

    def seats(self, found: dict[str, Any], number: int) -> None:
        found["items"]["data"][0]["quantity"] = number + 1
        self._updated(found)

    def switch(self, found: dict[str, Any], number: int) -> None:
        found["items"]["data"][0]["price"] = PRICES[("starter", "business")[number % 2]]
        self._updated(found)

    def add(self, found: dict[str, Any], number: int) -> None:
        found["items"]["data"][1:] = [item(PRICES["sms"], quantity=number)] if number else []
        self._updated(found)

    def discount(self, found: dict[str, Any], number: int) -> None:
        found["discounts"] = [coupon_of(percent_off=number * 10)] if number else []
        self._updated(found)

    def forget(self, found: dict[str, Any], number: int) -> None:
        """Nobody can read the discount any more."""
        found["discounts"] = ["di_unread"] if number else []
        self._updated(found)

    def renew(self, found: dict[str, Any], number: int) -> None:
        for one in found["items"]["data"]:
            one["current_period_start"] += MONTH_S
            one["current_period_end"] += MONTH_S
        self.provider.now_s = max(self.provider.now_s, found["items"]["data"][0]["current_period_start"])
        self._updated(found)

    def status(self, found: dict[str, Any], number: int) -> None:
        found["status"] = ("active", "past_due", "unpaid", "trialing", "paused")[number]
        self._updated(found)

    def cancel(self, found: dict[str, Any], number: int) -> None:
        found |= {"status": "canceled", "canceled_at": self.provider.now_s, "ended_at": self.provider.now_s}
        self.provider.change(found, "customer.subscription.deleted")

    def _updated(self, found: dict[str, Any]) -> None:
        self.provider.change(found, "customer.subscription.updated")


ACTS = st.tuples(
    st.sampled_from(
        [
            "subscribe",
            "subscribe",
            "seats",
            "switch",
            "add",
            "discount",
            "forget",
            "renew",
            "status",
            "cancel",
            "bill",
            "pay",
        ]
    ),
    st.integers(1, 2),
    st.integers(0, 4),
)
DELIVERIES = st.tuples(st.just("deliver"), st.integers(0, 30), st.integers(1, 60))
"""Which of the events so far, and the step at which the process dies (mostly none is reached)."""


def plan_of(of_item: dict[str, Any]) -> str:
    return of_item["price"]["lookup_key"] or "SMS"


def mrr_of(running: list[dict[str, Any]]) -> int:
    """MRR told differently: monthly prices, one percentage off; of a plan with a price that nobody knows
    nothing counts."""
    found: dict[str, list[int | None]] = {}
    for one in running:
        for of_item in one["items"]["data"]:
            found.setdefault(plan_of(of_item), []).append(price_of(one, of_item))
    known = [amounts for amounts in found.values() if None not in amounts]
    return sum(amount for amounts in known for amount in amounts if amount is not None)


def price_of(one: dict[str, Any], of_item: dict[str, Any]) -> int | None:
    if one["status"] not in ("active", "past_due"):
        return 0
    if "di_unread" in one["discounts"]:
        return None
    off = sum(discount["source"]["coupon"]["percent_off"] for discount in one["discounts"])
    return int(of_item["price"]["unit_amount"] * of_item["quantity"] * (100 - off) + 50) // 100


def check_end(memory: Memory) -> None:
    """The rows are the provider's objects, and the profile says what they say.

    Of an invoice whose events are listed no more nobody may have heard.
    """
    provider = memory.provider
    for name, found in provider.objects.items():
        if found["object"] == "subscription":
            row = memory.objects[("cus_1", Kind.SUBSCRIPTION, name)]
            assert row.known == subscription_of(
                found, names=PlanNames(plans=PLANS), as_of_ms=provider.now_s * 1000
            )
        elif found["object"] == "invoice" and found["created"] >= provider.now_s - LISTED_S:
            assert memory.objects[("cus_1", Kind.INVOICE, name)].known == invoice_of(found)
    running = [
        one
        for one in provider.objects.values()
        if one["object"] == "subscription" and one["status"] in ("active", "past_due", "trialing", "paused")
    ]
    profile = profile_of(memory)
    told = any(fact.kind == "started" for fact in memory.told())
    assert profile.subscribed is (bool(running) if told else None)
    plans = {plan_of(one) for sub in running for one in sub["items"]["data"]}
    assert {term.plan for term in profile.terms} == plans
    assert (profile.mrr or 0) == mrr_of(running)
    if running:
        assert profile.plan == max(plans, key=["SMS", "starter", "business"].index)
        assert (profile.currency, profile.stripe_customer_id) == ("USD", "cus_1")
    ids = [fact.id for fact in memory.told()]
    assert len(ids) == len(set(ids))
    assert all(stored.book.owed == () for stored in memory.books.values())


def profile_of(memory: Memory) -> Profile:
    return fold_facts(memory.told(), 10**15)


def dying_at(number: int) -> Callable[[str], None]:
    left = [number]

    def step(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    return step


@settings(max_examples=600, deadline=None)
@given(log=st.lists(ACTS | DELIVERIES, max_size=40))
@example(  # an old event, worked off last, tells of a plan that another's change must not end
    log=[("subscribe", 2, 0), ("deliver", 0, 6), ("subscribe", 1, 0), ("deliver", 0, 8), ("switch", 1, 1)]
)
def test_one_reconcile_makes_all_as_the_provider_says(log: list[tuple[str, int, int]]) -> None:
    memory = Memory()
    story = Story(memory.provider)
    for what, which, number in log:
        if what != "deliver":
            story.act(what, which, number)
            continue
        memory.step = dying_at(number)
        with suppress(Crash):
            memory.deliver(memory.provider.told[which % len(memory.provider.told)])
        memory.step = lambda _: None

    memory.reconcile()
    memory.reconcile()

    check_end(memory)
    assert memory.waiting(None) == []


@settings(max_examples=600, deadline=None)
@given(
    start=st.lists(ACTS, min_size=1, max_size=8),
    races=st.lists(st.tuples(ACTS, st.integers(0, 30), st.integers(1, 25)), min_size=1, max_size=5),
)
def test_whoever_works_in_between_the_end_is_the_same(
    start: list[tuple[str, int, int]], races: list[tuple[tuple[str, int, int], int, int]]
) -> None:
    """In the middle of working off an event, at any step, the provider changes and another event is worked
    off: as two invocations do it side by side."""
    memory = Memory()
    story = Story(memory.provider)
    for act in start:
        story.act(*act)
    for act, which, number in races:
        left = [number]

        def meanwhile(_: str, act: tuple[str, int, int] = act, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                story.act(*act)
                memory.deliver(memory.provider.told[-1])

        memory.step = memory.provider.reading = meanwhile
        memory.deliver(memory.provider.told[which % len(memory.provider.told)])
        memory.step = memory.provider.reading = lambda _: None

    memory.reconcile()

    check_end(memory)


@settings(max_examples=200, deadline=None)
@given(
    before=st.lists(ACTS.filter(lambda act: act[1] == 1), max_size=12),
    after=st.lists(ACTS.filter(lambda act: act[1] == 1), max_size=12),
    shuffled=st.data(),
    lost=st.sets(st.integers(0, 30)),
)
def test_the_order_of_what_waits_changes_no_fact(
    before: list[tuple[str, int, int]],
    after: list[tuple[str, int, int]],
    shuffled: st.DataObject,
    lost: set[int],
) -> None:
    """All that had happened to a subscription when the first of its events is worked off is told by it,
    whichever it is. (Of two of one plan the sum is told, in the order in which they are read.)"""

    def played() -> tuple[Memory, list[dict[str, Any]]]:
        memory = Memory()
        story = Story(memory.provider)
        for act in before:
            story.act(*act)
            memory.deliver(memory.provider.told[-1])
        known = len(memory.provider.told)
        for act in after:
            story.act(*act)
        return memory, memory.provider.told[known:]

    (one, waiting), (other, again) = played(), played()
    for event in waiting:
        one.deliver(event)
    one.reconcile()
    for event in shuffled.draw(st.permutations(again + again[:3])):
        if int(event["id"].removeprefix("evt_")) % 31 not in lost:
            other.deliver(event)
    other.reconcile()

    assert said(other) == said(one)
    check_end(other)


def said(memory: Memory) -> list[tuple[str, list[tuple[str, Any]]]]:
    return sorted(((fact.kind, sorted(fact.data.items())) for fact in memory.told()), key=repr)


def told_story() -> Memory:
    """One of each kind of fact; all but the last change is told."""
    memory = Memory()
    story = Story(memory.provider)
    for act in [("subscribe", 1, 0), ("seats", 1, 3), ("renew", 1, 0)]:
        story.act(*act)
        memory.deliver(memory.provider.told[-1])
    story.act("switch", 1, 1)
    return memory


def steps_of(run: Callable[[Memory], Any]) -> int:
    counted: list[str] = []
    memory = told_story()
    memory.step = counted.append
    run(memory)
    return len(counted)


LAST = steps_of(lambda memory: memory.deliver(memory.provider.told[-1]))


@pytest.mark.parametrize("number", range(1, LAST + 1))
def test_row_39_a_crash_at_any_step_loses_and_doubles_no_fact(number: int) -> None:
    whole, memory = told_story(), told_story()
    whole.deliver(whole.provider.told[-1])
    event = memory.provider.told[-1]
    memory.step = dying_at(number)

    with pytest.raises(Crash):
        memory.deliver(event)
    memory.step = lambda _: None
    memory.deliver(event)

    assert facts_without_known(memory) == facts_without_known(whole)
    assert LAST >= 10
    check_end(memory)


def facts_without_known(memory: Memory) -> list[tuple[str, int, str, dict[str, Any]]]:
    return [(fact.id, fact.at_ms, fact.kind, fact.data) for fact in memory.told()]


def test_the_kinds_of_facts_follow_what_happened() -> None:
    memory = told_story()
    memory.deliver(memory.provider.told[-1])
    Story.act(_resumed(memory), "cancel", 1, 0)
    memory.deliver(memory.provider.told[-1])

    assert [(fact.kind, fact.data.get("plan")) for fact in memory.told() if fact.kind != "traits"] == [
        ("started", "starter"),
        ("changed", "starter"),
        ("started", "starter"),  # the next period
        ("ended", "starter"),
        ("started", "business"),
        ("ended", "business"),
    ]


def _resumed(memory: Memory) -> Story:
    story = Story.__new__(Story)
    story.provider = memory.provider
    return story
