"""What is done next, at the very instants and counts at which it changes."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import MAX_TRIES, MailStep, Policy
from stemtide.dunning.decide import (
    CARD_WINDOW_MS,
    MAX_CARD_TRIES,
    Action,
    Cancel,
    Ending,
    Retry,
    Stop,
    Wait,
    decide,
    end_ms_of,
    may_try,
    next_try_ms,
)
from stemtide.dunning.declines import DAY_MS, Decline
from stemtide.dunning.facts import Attempt, Card, Facts, Invoice, InvoiceStatus, Mailed, Outcome

UTC = ZoneInfo("UTC")
START = 1_767_603_600_000  # 2026-01-05 09:00 UTC
POLICY = Policy(
    retry_days=(1.0, 3.0, 12.0),
    paydays=(),
    mails=(MailStep(name="first", after_days=0.0), MailStep(name="final_notice", after_days=7.0, last=True)),
    end_days=10.0,
)
INVOICE = Invoice(
    id="in_1",
    status=InvoiceStatus.OPEN,
    due=9900,
    currency="EUR",
    created_ms=START,
    failed_ms=START,
    tries=1,
    subscription="sub_1",
)
FACTS = Facts(
    account="acme",
    customer="cus_1",
    started_ms=START,
    invoices=(INVOICE,),
    card=Card(method="pm_1", fingerprint="fp_1"),
    asked_cards=("fp_1",),
    decline=Decline.SOFT,
    declined_ms=START,
    card_tries_ms=(START,),
    mailed=(
        Mailed(invoice="in_1", step="first", at_ms=START),
        Mailed(invoice="in_1", step="final_notice", at_ms=START + 7 * DAY_MS),
    ),
)


def day(days: float) -> int:
    return START + round(days * DAY_MS)


def with_(**changes: Any) -> Facts:
    return msgspec.structs.replace(FACTS, **changes)


def attempt(days: float, *, card: str = "fp_1", invoice: str = "in_1", **more: Any) -> Attempt:
    told = {"outcome": Outcome.DECLINED, **more}
    return Attempt(key=f"k{days}", invoice=invoice, card=card, at_ms=day(days), **told)


def at(
    facts: Facts, now_ms: int, *, owner: CollectionOwner = CollectionOwner.OWN, policy: Policy = POLICY
) -> Action:
    return decide(facts, policy, owner=owner, zone=UTC, now_ms=now_ms)


@given(
    st.integers(0, 12),
    st.integers(0, 10),
    st.lists(st.integers(-40 * DAY_MS, 10 * DAY_MS), max_size=25),
    st.booleans(),
)
def test_the_caps_are_counted_as_by_hand(tries: int, own: int, offsets: list[int], at_the_edge: bool) -> None:
    edge = [-CARD_WINDOW_MS, -CARD_WINDOW_MS + 1, 0, 1] if at_the_edge else []
    invoice = msgspec.structs.replace(INVOICE, tries=tries)
    others = [attempt(n, invoice=name) for n in range(9) for name in ("in_0", "in_2")]
    facts = with_(
        attempts=(*(attempt(n) for n in range(own)), *others),
        card_tries_ms=tuple(START + offset for offset in (*offsets, *edge)),
    )

    lately = sum(-30 * DAY_MS < offset <= 0 for offset in (*offsets, *edge))
    allowed = max(tries, own) <= MAX_TRIES - 1 and lately <= MAX_CARD_TRIES - 1
    assert may_try(invoice, facts, at_ms=START) is allowed


@pytest.mark.parametrize(
    ("offset_ms", "counts"), [(-30 * DAY_MS, False), (-30 * DAY_MS + 1, True), (0, True), (1, False)]
)
def test_a_cards_tries_count_for_thirty_days_to_the_millisecond(offset_ms: int, counts: bool) -> None:
    others = tuple(day(-n) for n in range(1, 15))

    facts = with_(card_tries_ms=(*others, START + offset_ms))

    assert may_try(INVOICE, facts, at_ms=START) is not counts


@pytest.mark.parametrize("tries", [MAX_TRIES, MAX_TRIES + 1])
def test_at_and_beyond_the_cap_an_invoice_is_not_tried(tries: int) -> None:
    facts = with_(invoices=(msgspec.structs.replace(INVOICE, tries=tries),))

    assert next_try_ms(facts, POLICY, owner=CollectionOwner.OWN, zone=UTC) is None


@pytest.mark.parametrize("count", [MAX_CARD_TRIES, MAX_CARD_TRIES + 1])
def test_a_card_at_its_cap_is_tried_when_the_earliest_try_that_counts_is_thirty_days_ago(count: int) -> None:
    long_ago = day(-35)
    counting = tuple(day(-28) + n * 1000 for n in range(count))

    found = next_try_ms(
        with_(card_tries_ms=(long_ago, *counting)), POLICY, owner=CollectionOwner.OWN, zone=UTC
    )

    assert found == counting[count - MAX_CARD_TRIES] + CARD_WINDOW_MS


def test_a_pause_is_over_at_its_instant() -> None:
    paused = with_(invoices=(msgspec.structs.replace(INVOICE, paused_until_ms=day(2)),))

    assert at(paused, day(2) - 1) == Wait(until_ms=day(2), reason="paused")
    assert isinstance(at(paused, day(2)), Retry)
    assert isinstance(at(paused, day(2) + 1), Retry)


def test_an_onlooker_gives_up_at_the_end_and_stays_so() -> None:
    over = Stop(ending=Ending.UNRESOLVED, reason="collection_owner_is_observe")

    found = [at(FACTS, day(days), owner=CollectionOwner.OBSERVE) for days in (9.5, 10, 10.5, 40)]

    assert found == [Wait(until_ms=day(10), reason="provider_collects"), over, over, over]


def test_a_retry_that_is_planned_after_the_end_is_never_made() -> None:
    facts = with_(attempts=(attempt(1), attempt(3)), declined_ms=day(3))

    assert {type(at(facts, day(days))) for days in (10, 11, 12, 12.5, 30)} == {Cancel}


def test_at_the_end_nothing_is_tried_any_more() -> None:
    policy = msgspec.structs.replace(POLICY, retry_days=(10.0,))

    assert isinstance(at(FACTS, day(10), policy=policy), Cancel)
    assert next_try_ms(FACTS, policy, owner=CollectionOwner.OWN, zone=UTC) is None
    assert {type(at(FACTS, day(days))) for days in (10, 11, 30)} == {Cancel}  # the first was never made


@pytest.mark.parametrize("days", [0, 7])
def test_at_the_instant_of_a_mail_that_was_sent_the_next_thing_is_awaited(days: int) -> None:
    facts = with_(attempts=(attempt(1), attempt(3)), declined_ms=day(3)) if days else FACTS

    found = at(facts, day(days))

    assert isinstance(found, Wait)
    assert found.until_ms > day(days)


def test_the_end_is_that_of_the_earliest_unpaid_invoice() -> None:
    later = msgspec.structs.replace(INVOICE, id="in_2", created_ms=day(2), failed_ms=day(2))

    assert end_ms_of(with_(invoices=(later, INVOICE)), POLICY) == day(10)
    assert end_ms_of(with_(invoices=(later,)), POLICY) == day(12)
    assert end_ms_of(with_(invoices=()), POLICY) is None


def test_tries_of_other_invoices_are_none_of_this_one() -> None:
    others = (attempt(0.1, invoice="in_0"), attempt(0.2, invoice="in_2"))

    assert next_try_ms(with_(attempts=others), POLICY, owner=CollectionOwner.OWN, zone=UTC) == day(1)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (1.2, 2),  # a quarter of a day later it is afternoon: the next morning
        (1.9, 3),  # a quarter of a day later it is past this morning's hour
    ],
)
def test_tries_that_were_planned_close_keep_that_distance_and_no_other(made: float, expected: float) -> None:
    policy = msgspec.structs.replace(POLICY, retry_days=(1.0, 1.25, 5.0))
    facts = with_(attempts=(attempt(made),), declined_ms=day(made))

    assert next_try_ms(facts, policy, owner=CollectionOwner.OWN, zone=UTC) == day(expected)


def test_the_first_try_keeps_its_distance_from_the_failure() -> None:
    policy = msgspec.structs.replace(POLICY, retry_days=(0.0, 0.25), retry_hour=9)

    assert next_try_ms(FACTS, policy, owner=CollectionOwner.OWN, zone=UTC) == START


@pytest.mark.parametrize(
    ("outcome", "again"), [(Outcome.FAILED, True), (Outcome.DECLINED, False), (Outcome.SUCCEEDED, False)]
)
def test_a_new_card_that_the_provider_refused_to_ask_is_tried_again_a_day_later(
    outcome: Outcome, again: bool
) -> None:
    facts = with_(
        card=Card(method="pm_2", fingerprint="fp_2"),
        card_tries_ms=(),
        attempts=(attempt(0.1, card="fp_2", outcome=outcome),),
    )

    assert not isinstance(at(facts, day(1.1) - 1), Retry)
    assert isinstance(at(facts, day(1.1)), Retry) is again


def test_of_what_comes_at_the_same_instant_the_reason_is_the_first_by_name() -> None:
    policy = msgspec.structs.replace(
        POLICY, mails=(MailStep(name="first", after_days=0.0), MailStep(name="reminder", after_days=1.0))
    )

    assert at(FACTS, day(0.5), policy=policy) == Wait(until_ms=day(1), reason="mail")


def test_tries_that_the_provider_refused_keep_their_distance_too() -> None:
    late = with_(attempts=(attempt(5, outcome=Outcome.FAILED),))

    assert next_try_ms(late, POLICY, owner=CollectionOwner.OWN, zone=UTC) == day(6)


def test_an_instant_before_the_planned_one_is_none_at_which_the_card_may_be_tried() -> None:
    capped = (day(-35), *(day(0.5) + n for n in range(MAX_CARD_TRIES)))

    found = next_try_ms(with_(card_tries_ms=capped), POLICY, owner=CollectionOwner.OWN, zone=UTC)

    assert found is None or found > day(1)  # not five days ago, when it had been tried once
    assert found == next_try_ms(with_(card_tries_ms=capped[1:]), POLICY, owner=CollectionOwner.OWN, zone=UTC)


@pytest.mark.parametrize(("refused", "given"), [("fp_1", "fp_2"), ("fp_2", "fp_1")])
def test_that_the_provider_refused_another_card_does_not_delay_a_new_one(refused: str, given: str) -> None:
    facts = with_(
        card=Card(method="pm_2", fingerprint=given),
        card_tries_ms=(),
        asked_cards=(refused,),
        attempts=(attempt(0.1, card=refused, outcome=Outcome.FAILED),),
    )

    assert isinstance(at(facts, day(0.2)), Retry)
