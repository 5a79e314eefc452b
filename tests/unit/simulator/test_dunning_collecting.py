"""A failed payment is collected by the product's own decision, in a world that nobody sees into."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.config_dunning import MAX_TRIES, Final, Policy
from stemtide.dunning.decide import Ending
from stemtide.dunning.declines import NEVER_AGAIN

from simulator.dunning.assumptions import Declined, shipped
from simulator.dunning.collecting import By, collect
from simulator.dunning.failures import Answer, draw
from tests.failed_payments import DAY, POLICY, START, TIME_ONLY, failure, world


def test_a_card_that_works_again_is_found_by_the_next_retry() -> None:
    found = collect(failure(works_ms=START + DAY + 1), POLICY)

    assert (found.ending, found.by, found.retries) == (Ending.RECOVERED, By.RETRY, 2)
    assert found.recovered_ms == START + 3 * DAY


def test_what_is_never_paid_is_tried_as_planned_told_and_canceled() -> None:
    found = collect(failure(), POLICY)

    assert (found.ending, found.canceled, found.retries, found.mails) == (Ending.EXHAUSTED, True, 3, 2)
    assert (found.recovered_ms, found.by) == (None, None)


def test_a_policy_that_leaves_the_subscription_cancels_nothing() -> None:
    found = collect(failure(), msgspec.structs.replace(POLICY, end=Final.LEAVE))

    assert (found.ending, found.canceled) == (Ending.EXHAUSTED, False)


@pytest.mark.parametrize("code", [*sorted(NEVER_AGAIN), "authentication_required", "unheard_of"])
def test_a_hard_decline_is_never_retried_even_if_the_card_would_work(code: str) -> None:
    found = collect(failure(code=code, works_ms=START), POLICY)

    assert (found.retries, found.mails, found.ending) == (0, 2, Ending.EXHAUSTED)


def test_another_card_in_answer_to_a_mail_is_charged_at_once() -> None:
    answers = (Answer(after_ms=DAY // 2), None)

    found = collect(failure(code="expired_card", answers=answers), POLICY)

    assert (found.by, found.retries, found.mails) == (By.NEW_CARD, 1, 1)
    assert found.recovered_ms == START + DAY // 2


def test_another_card_that_fails_is_one_more_decline() -> None:
    answers = (Answer(after_ms=DAY // 2, works=False), Answer(after_ms=DAY))

    found = collect(failure(code="expired_card", answers=answers), POLICY)

    assert (found.by, found.mails) == (By.NEW_CARD, 2)
    assert found.recovered_ms == START + 8 * DAY


def test_a_payment_that_must_be_confirmed_is_confirmed_without_a_charge() -> None:
    answers = (Answer(after_ms=DAY // 2),)

    found = collect(failure(code="authentication_required", answers=answers), POLICY)

    assert (found.by, found.retries, found.recovered_ms) == (By.CUSTOMER, 0, START + DAY // 2)


def test_who_acts_without_a_mail_is_noticed() -> None:
    found = collect(failure(code="expired_card", acts_ms=START + 2 * DAY), POLICY)

    assert (found.by, found.recovered_ms) == (By.NEW_CARD, START + 2 * DAY)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 18), min_size=1, max_size=MAX_TRIES - 1, unique=True),
    st.data(),
    st.integers(0, 2**20),
)
def test_where_only_time_matters_more_retries_never_recover_less(
    days: list[int], data: st.DataObject, seed: int
) -> None:
    fewer = data.draw(st.lists(st.sampled_from(days), unique=True))
    policies = [_retrying(some) for some in (days, fewer)]

    more, less = (
        [collect(one, policy) for one in draw(TIME_ONLY, count=15, seed=seed)] for policy in policies
    )

    for a, b in zip(more, less, strict=True):
        assert (a.recovered_ms is not None) >= (b.recovered_ms is not None)
        assert a.retries <= len(days)


def _retrying(days: list[int]) -> Policy:
    return Policy(retry_days=tuple(float(day) for day in days), paydays=())


def test_in_a_world_of_hard_declines_nothing_is_retried() -> None:
    hard = world(*(Declined(code=code, share=1.0, works_again=((1.0, 1.0),)) for code in sorted(NEVER_AGAIN)))

    found = [collect(one, POLICY) for one in draw(hard, count=50, seed=1)]

    assert [one.retries for one in found] == [0] * 50


def test_no_invoice_of_the_shipped_world_is_tried_more_often_than_the_cap() -> None:
    eager = Policy(retry_days=tuple(float(day) for day in range(1, MAX_TRIES)))

    found = [collect(one, eager) for one in draw(shipped(), count=200, seed=3)]

    assert max(one.retries for one in found) == MAX_TRIES - 1  # the first charge was a try, too
