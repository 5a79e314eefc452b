"""The figures of a summary, against counts by hand; its intervals, against how often they hold."""

import numpy as np
import pytest
from stemtide.dunning.decide import Ending

from simulator.dunning.assumptions import Declined, shipped
from simulator.dunning.collecting import By, Collected, collect
from simulator.dunning.failures import draw
from simulator.dunning.summary import BY_DAYS, summarise
from tests.failed_payments import DAY, POLICY, START, failure, world


def paid(days: float, *, amount: int = 100, currency: str = "EUR", customer: str = "a") -> Collected:
    return Collected(
        failure=failure(amount=amount, currency=currency, customer=customer),
        ending=Ending.RECOVERED,
        retries=2,
        mails=1,
        canceled=False,
        recovered_ms=START + round(days * DAY),
        by=By.RETRY,
    )


def unpaid(*, amount: int = 100, currency: str = "EUR", customer: str = "b") -> Collected:
    return Collected(
        failure=failure(amount=amount, currency=currency, customer=customer),
        ending=Ending.EXHAUSTED,
        retries=6,
        mails=4,
        canceled=True,
    )


def test_recovery_is_counted_by_whole_days_since_the_failure() -> None:
    results = [paid(0.5), paid(1), paid(3.99), paid(21.5), paid(22), unpaid()]

    found = summarise("p", results, cost_per_retry=0, seed=1)

    by_day = {day: round(one.count) for day, one in found.recovered_by_day.items()}
    assert by_day == {0: 1, 1: 2, 3: 3, 5: 3, 7: 3, 10: 3, 14: 3, 21: 4}
    assert (found.recovered.count, found.recovered.of) == (5, 6)


def test_money_is_counted_by_currency_and_never_added_over_them() -> None:
    results = [paid(1, amount=100), unpaid(amount=300), paid(1, amount=7000, currency="JPY", customer="c")]

    found = summarise("p", results, cost_per_retry=0, seed=1)

    assert {name: (one.recovered, one.due, one.share.value) for name, one in found.money.items()} == {
        "EUR": (100, 400, 0.25),
        "JPY": (7000, 7000, 1.0),
    }


def test_retries_mails_cost_and_cancellations_are_counted() -> None:
    found = summarise("p", [paid(1), paid(2), unpaid()], cost_per_retry=15, seed=1)

    assert (found.retries, found.cost) == (10, 150)
    assert found.retries_per_invoice.value == pytest.approx(10 / 3)
    assert (found.mails, found.customers, found.mails_per_customer.value) == (6, 2, 3.0)
    assert (found.canceled.count, found.by) == (1, {"retry": 2, "new_card": 0, "customer": 0})


def test_another_policy_is_compared_on_the_same_payments() -> None:
    first, second = (
        [paid(1), unpaid(), unpaid(customer="c"), unpaid(customer="d")],
        [
            paid(1),
            paid(2, customer="b"),
            unpaid(customer="c"),
            unpaid(customer="d"),
        ],
    )

    found = summarise("p", second, cost_per_retry=0, seed=1, against=first)

    assert found.lead is not None
    assert found.lead.value == 0.25
    assert found.lead.low >= 0
    assert summarise("p", first, cost_per_retry=0, seed=1).lead is None


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    results = [*(paid(1, customer=f"p{n}") for n in range(9)), unpaid()]

    found = summarise("p", results, cost_per_retry=0, seed=1).recovered

    assert found.low == pytest.approx(0.5958, abs=5e-4)
    assert found.high == pytest.approx(0.9821, abs=5e-4)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    assumed = world(Declined(code="try_again_later", share=1.0, works_again=((1.0, 0.5),)))
    wide = {"share": 0, "money": 0}
    runs = 120
    for seed in range(runs):
        results = [collect(one, POLICY) for one in draw(assumed, count=60, seed=seed)]
        found = summarise("p", results, cost_per_retry=0, seed=seed)
        wide["share"] += found.recovered.low <= 0.5 <= found.recovered.high
        wide["money"] += found.money["EUR"].share.low <= 0.5 <= found.money["EUR"].share.high

    assert all(0.86 <= held / runs <= 1 for held in wide.values()), wide


def test_payments_of_one_customer_are_no_independent_witnesses() -> None:
    apart = [collect(one, POLICY) for one in draw(shipped(), count=200, seed=1)]
    together = [
        Collected(
            failure=failure(customer=f"c{n % 4}", amount=one.failure.amount),
            ending=one.ending,
            retries=6 if n % 4 < 2 else 0,
            mails=one.mails,
            canceled=one.canceled,
        )
        for n, one in enumerate(apart)
    ]
    alone = [
        Collected(
            failure=failure(customer=f"c{n}", amount=one.failure.amount),
            ending=one.ending,
            retries=one.retries,
            mails=one.mails,
            canceled=one.canceled,
        )
        for n, one in enumerate(together)
    ]

    spread = [
        np.ptp([estimate.low, estimate.high])
        for results in (together, alone)
        for estimate in [summarise("p", results, cost_per_retry=0, seed=1).retries_per_invoice]
    ]

    assert spread[0] > 3 * spread[1]


def test_figures_of_the_shipped_world_are_near_the_published_ones() -> None:
    from stemtide.config_dunning import Policy

    results = [collect(one, Policy()) for one in draw(shipped(), count=1500, seed=7)]

    found = summarise("p", results, cost_per_retry=0, seed=7)

    assert 0.476 - 0.05 <= found.recovered.value <= 0.57 + 0.05
    assert 0.8 <= found.recovered_by_day[10].count / found.recovered.count <= 0.95
    assert list(found.recovered_by_day) == list(BY_DAYS)
