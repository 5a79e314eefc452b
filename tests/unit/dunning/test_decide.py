"""What is done next about unpaid invoices: each rule by an example, and what must hold of every history."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import Final, MailStep, Policy
from stemtide.dunning.decide import (
    LOOK_AGAIN_MS,
    Action,
    Cancel,
    Ending,
    Mail,
    Retry,
    Settle,
    Stop,
    Wait,
    decide,
)
from stemtide.dunning.declines import DAY_MS, Decline
from stemtide.dunning.facts import Attempt, Card, Facts, Invoice, InvoiceStatus, Mailed, Outcome

UTC = ZoneInfo("UTC")
START = 1_767_603_600_000  # 2026-01-05 09:00 UTC
POLICY = Policy(
    retry_days=(1.0, 3.0, 5.0),
    paydays=(),
    mails=(
        MailStep(name="first", after_days=0.0),
        MailStep(name="reminder", after_days=4.0),
        MailStep(name="final_notice", after_days=7.0, last=True),
    ),
    end_days=10.0,
)
CARD = Card(method="pm_1", fingerprint="fp_1")
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
    card=CARD,
    asked_cards=("fp_1",),
    decline=Decline.SOFT,
    decline_code="do_not_honor",
    declined_ms=START,
    card_tries_ms=(START,),
)


def told(*steps: str, days: float = 0) -> tuple[Mailed, ...]:
    return tuple(Mailed(invoice="in_1", step=step, at_ms=START + round(days * DAY_MS)) for step in steps)


def at(
    facts: Facts, days: float, *, owner: CollectionOwner = CollectionOwner.OWN, policy: Policy = POLICY
) -> Action:
    return decide(facts, policy, owner=owner, zone=UTC, now_ms=START + round(days * DAY_MS))


def with_(**changes: Any) -> Facts:
    """The facts with changes; a card whose decline was hard is refused, as it is read."""
    if changes.get("decline") not in (None, Decline.SOFT):
        changes = {"refused_cards": FACTS.asked_cards} | changes
    return msgspec.structs.replace(FACTS, **changes)


def invoice(**changes: Any) -> Invoice:
    return msgspec.structs.replace(INVOICE, **changes)


def attempt(number: int, days: float, outcome: Outcome = Outcome.DECLINED, card: str = "fp_1") -> Attempt:
    return Attempt(
        key=f"k{number}", invoice="in_1", card=card, at_ms=START + round(days * DAY_MS), outcome=outcome
    )


def test_the_first_mail_is_sent_at_once() -> None:
    assert at(FACTS, 0) == Mail(invoice="in_1", step="first", template="payment_failed")


def test_after_it_the_first_retry_is_awaited() -> None:
    found = at(with_(mailed=told("first")), 0.1)

    assert found == Wait(until_ms=START + DAY_MS, reason="retry")


def test_a_retry_is_made_when_it_is_due() -> None:
    found = at(with_(mailed=told("first")), 1)

    assert found == Retry(invoice="in_1", method="pm_1", fingerprint="fp_1")


def test_nothing_is_retried_that_is_paid() -> None:
    paid = with_(invoices=(invoice(status=InvoiceStatus.PAID, due=0),))

    for days in (0, 1, 5, 30):
        assert at(paid, days) == Stop(ending=Ending.RECOVERED, reason="paid")


@pytest.mark.parametrize(
    "change",
    [
        {"status": InvoiceStatus.VOID},
        {"status": InvoiceStatus.UNCOLLECTIBLE},
        {"due": 0},
        {"contested": True},
        {"status": InvoiceStatus.DRAFT},
    ],
)
def test_what_is_not_owed_any_more_ends_the_episode(change: dict[str, object]) -> None:
    assert at(with_(invoices=(invoice(**change),)), 1) == Stop(ending=Ending.SETTLED, reason="nothing_due")


def test_a_refunded_payment_is_no_recovery() -> None:
    refunded = with_(invoices=(invoice(status=InvoiceStatus.PAID, due=0, contested=True),))

    assert at(refunded, 1) == Stop(ending=Ending.SETTLED, reason="nothing_due")


def test_a_canceled_subscription_is_not_dunned() -> None:
    assert at(with_(invoices=(invoice(over=True),)), 1) == Stop(
        ending=Ending.CANCELED, reason="subscription_canceled"
    )


def test_a_held_customer_is_let_alone() -> None:
    assert at(with_(held="do_not_contact"), 1) == Stop(ending=Ending.HELD, reason="do_not_contact")


def test_a_try_of_unknown_outcome_is_settled_before_anything_else() -> None:
    unknown = with_(attempts=(attempt(1, 1, Outcome.CLAIMED),), held="erased")

    assert at(unknown, 1) == Settle(key="k1", invoice="in_1")


@pytest.mark.parametrize("decline", [Decline.NEEDS_CARD, Decline.AUTHENTICATE, Decline.STOP])
def test_after_a_hard_decline_the_card_is_never_tried_again(decline: Decline) -> None:
    facts = with_(decline=decline, mailed=told("first", "reminder"))

    assert not [days for days in range(30) if isinstance(at(facts, days), Retry)]


@pytest.mark.parametrize(
    ("decline", "template"),
    [
        (Decline.SOFT, "payment_failed"),
        (Decline.NEEDS_CARD, "payment_needs_card"),
        (Decline.AUTHENTICATE, "payment_needs_authentication"),
        (Decline.STOP, "payment_needs_card"),
        (None, "payment_failed"),
    ],
)
def test_the_letter_fits_the_decline(decline: Decline | None, template: str) -> None:
    assert at(with_(decline=decline), 0) == Mail(invoice="in_1", step="first", template=template)


def test_an_assistants_letter_tells_when_the_provider_tries_again() -> None:
    later = with_(invoices=(invoice(next_try_ms=START + DAY_MS),))

    assert at(later, 0, owner=CollectionOwner.ASSIST).template == "payment_failed"
    assert at(FACTS, 0, owner=CollectionOwner.ASSIST).template == "payment_needs_card"


def test_an_invoice_that_the_provider_tries_by_itself_is_not_tried() -> None:
    facts = with_(invoices=(invoice(next_try_ms=START + 2 * DAY_MS),), mailed=told("first"))

    assert not [days for days in (1, 2, 3) if isinstance(at(facts, days), Retry)]


def test_an_expired_card_is_not_tried_and_another_asked_for() -> None:
    facts = with_(card=Card(method="pm_1", fingerprint="fp_1", expired=True))

    assert at(facts, 1) == Mail(invoice="in_1", step="first", template="payment_needs_card")


def test_another_card_is_tried_at_once_whatever_the_last_decline_said() -> None:
    facts = with_(
        card=Card(method="pm_2", fingerprint="fp_2"),
        decline=Decline.NEEDS_CARD,
        mailed=told("first"),
        card_tries_ms=(),
    )

    assert at(facts, 0.2) == Retry(invoice="in_1", method="pm_2", fingerprint="fp_2")


def test_another_card_is_tried_at_once_only_once() -> None:
    tried = with_(
        card=Card(method="pm_2", fingerprint="fp_2"),
        asked_cards=("fp_1", "fp_2"),
        declined_ms=START + DAY_MS // 5,
        mailed=told("first"),
        attempts=(attempt(1, 0.2, card="fp_2"),),
    )

    assert isinstance(at(tried, 0.3), Wait)


def test_the_networks_advice_delays_the_next_try() -> None:
    facts = with_(advice="27", mailed=told("first"))

    assert not isinstance(at(facts, 3.9), Retry)
    assert isinstance(at(facts, 4), Retry)


def test_after_an_outage_overdue_tries_keep_their_distance() -> None:
    late = with_(
        mailed=told("first", "reminder", days=6),
        attempts=(attempt(1, 6),),
        declined_ms=START + 6 * DAY_MS,
    )

    assert not isinstance(at(late, 6.5), Retry)
    assert isinstance(at(late, 7), Retry)


def test_after_an_outage_only_the_latest_mail_is_sent() -> None:
    found = at(with_(attempts=tuple(attempt(n, n) for n in (1, 2, 3))), 5)

    assert found == Mail(
        invoice="in_1", step="reminder", template="payment_needs_card", instead_of=("first",)
    )


def test_an_invoice_is_tried_eight_times_at_most() -> None:
    facts = with_(invoices=(invoice(tries=8),), mailed=told("first", "reminder"))

    assert not [days for days in range(30) if isinstance(at(facts, days), Retry)]


def test_a_card_is_tried_fifteen_times_in_thirty_days_at_most() -> None:
    tries = tuple(START - DAY_MS * n for n in range(15))
    facts = with_(card_tries_ms=tries, mailed=told("first"))

    assert not isinstance(at(facts, 1), Retry)
    assert isinstance(at(with_(card_tries_ms=tries[:14], mailed=told("first")), 1), Retry)


def test_the_end_cancels_and_then_says_so() -> None:
    facts = with_(
        attempts=tuple(attempt(n, n) for n in (1, 2, 3)),
        mailed=(*told("first", "reminder"), *told("final_notice", days=7)),
    )

    assert isinstance(at(facts, 9.9), Wait)
    assert at(facts, 10) == Cancel(invoice="in_1", subscription="sub_1")
    over = msgspec.structs.replace(facts, invoices=(invoice(over=True),), given_up=True)
    assert at(over, 10.1) == Stop(ending=Ending.EXHAUSTED, reason="not_collected")


def test_nobody_is_given_up_without_the_notice_and_its_days() -> None:
    unheard = with_(attempts=tuple(attempt(n, n) for n in (1, 2, 3)), mailed=told("first", "reminder"))

    assert at(unheard, 20) == Mail(invoice="in_1", step="final_notice", template="payment_final_notice")
    heard = msgspec.structs.replace(unheard, mailed=(*unheard.mailed, *told("final_notice", days=20)))
    assert not isinstance(at(heard, 22.9), Cancel)
    assert isinstance(at(heard, 23), Cancel)


def test_a_policy_may_leave_the_subscription_alone() -> None:
    policy = msgspec.structs.replace(POLICY, end=Final.LEAVE)
    facts = with_(
        attempts=tuple(attempt(n, n) for n in (1, 2, 3)), mailed=told("first", "reminder", "final_notice")
    )

    assert at(facts, 20, policy=policy) == Stop(ending=Ending.EXHAUSTED, reason="not_collected")


def test_of_two_unpaid_invoices_the_earliest_is_the_anchor_and_then_the_other() -> None:
    second = invoice(id="in_2", created_ms=START + 5 * DAY_MS, failed_ms=START + 5 * DAY_MS)
    both = with_(invoices=(second, INVOICE), mailed=told("first"))
    one_paid = with_(
        invoices=(second, invoice(status=InvoiceStatus.PAID, due=0)),
        mailed=told("first"),
        declined_ms=START + 5 * DAY_MS,
    )

    assert at(both, 1) == Retry(invoice="in_1", method="pm_1", fingerprint="fp_1")
    assert at(one_paid, 5) == Mail(invoice="in_2", step="first", template="payment_failed")


def test_collection_that_is_paused_waits_or_ends() -> None:
    facts = with_(mailed=told("first"))

    later = msgspec.structs.replace(facts, invoices=(invoice(paused_until_ms=START + 9 * DAY_MS),))
    for_good = msgspec.structs.replace(facts, invoices=(invoice(paused_until_ms=0),))

    assert at(later, 1) == Wait(until_ms=START + DAY_MS + LOOK_AGAIN_MS, reason="paused")
    assert at(for_good, 1) == Stop(ending=Ending.PAUSED, reason="collection_paused")


def test_an_onlooker_neither_writes_nor_charges_nor_cancels() -> None:
    found = [at(FACTS, days, owner=CollectionOwner.OBSERVE) for days in range(30)]

    assert {type(one) for one in found} == {Wait, Stop}
    assert found[-1] == Stop(ending=Ending.UNRESOLVED, reason="collection_owner_is_observe")


def test_an_assistant_writes_and_never_charges_or_cancels() -> None:
    found = [at(FACTS, days, owner=CollectionOwner.ASSIST) for days in range(10)]
    told_all = with_(mailed=told("first", "reminder", "final_notice", days=7))

    assert {type(one) for one in found} == {Mail}
    assert at(told_all, 20, owner=CollectionOwner.ASSIST) == Stop(
        ending=Ending.UNRESOLVED, reason="collection_owner_is_assist"
    )


def test_nobody_waits_longer_than_a_day_without_a_look() -> None:
    facts = with_(decline=Decline.NEEDS_CARD, mailed=told("first"))

    assert at(facts, 0.5) == Wait(until_ms=START + DAY_MS // 2 + LOOK_AGAIN_MS, reason="mail")
