"""Customers who left, on the deployed stack: asked back, made an offer, let alone when they want to be."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from stemtide.calls import DAY_MS
from stemtide.dunning.ledger import Kind
from stemtide.plays.keeping import OFFERS
from stemtide.plays.play import Journey, Outcome
from stemtide.store.plays import PlayTable

from tests.e2e.journeys import Unpaid, fails, mails, of_kind, until
from tests.e2e.payments import Payments
from tests.e2e.plays import (
    claimed,
    complain,
    ended,
    halted,
    held_out,
    hold,
    one_click,
    play_of,
    plays_of,
    treated,
    waiting,
    wants_no_win_back,
)
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

RETURNS = treated("returns", Journey.WIN_BACK, OFFERS)
LOST = treated("lost", Journey.WIN_BACK, OFFERS)
HELD_OUT = held_out("held", Journey.WIN_BACK)
STOPPED_MS = 60_000
"""Of the real clock, where the daily look is a day away."""


@pytest.fixture(scope="module")
def payments(hurried: Stack) -> Payments:
    return Payments(hurried)


@pytest.fixture(scope="module")
def plays(hurried: Stack) -> PlayTable:
    return plays_of(hurried)


@pytest.fixture(scope="module")
def unpaid(payments: Payments) -> dict[str, Unpaid]:
    """Customers by account who are given up after two days: what follows runs side by side."""
    return {
        account: fails(payments, account, [], then="insufficient_funds", plan="starter")
        for account in (RETURNS, LOST, HELD_OUT)
    }


def test_a_customer_who_was_given_up_is_won_back_with_an_offer_of_its_own(
    hurried: Stack, payments: Payments, plays: PlayTable, unpaid: dict[str, Unpaid]
) -> None:
    who = unpaid[RETURNS].customer
    play, entries = until(lambda: offered(plays, RETURNS))
    [made] = of_kind(entries, Kind.OFFER)
    code = payments.v1.promotion_codes.retrieve(made.provider_id or "")

    returned = come_back(payments, who, code.id)
    over, entries = ended(plays, RETURNS, Journey.WIN_BACK)

    assert (play.cause, play.policy) == ("unpaid", "unpaid")
    assert (code.customer, code.max_redemptions, code.code) == (who, 1, made.code)
    assert (made.percent, made.months, made.amount, made.currency) == (10, 3, 3 * 290, "USD")
    assert (over.outcome, over.outcome_reason) == (Outcome.REACTIVATED, "subscribed")
    assert over.outcome_ms == int(returned["created"]) * 1000
    assert over.cost == 3 * 290
    written = [mail for mail in mails(hurried, RETURNS) if mail["class"] == "lifecycle"]
    assert [mail["step"] for mail in written][:2] == ["hello", "offer"]
    assert made.code in written[1]["text"]
    assert payments.v1.promotion_codes.retrieve(code.id).active is False


def test_a_customer_who_does_not_come_back_is_lost(
    hurried: Stack, plays: PlayTable, unpaid: dict[str, Unpaid]
) -> None:
    over, entries = ended(plays, LOST, Journey.WIN_BACK)

    assert (over.outcome, over.outcome_reason, over.cost) == (Outcome.LOST, "time_is_up", 0)
    assert over.outcome_ms == over.started_ms + 12 * DAY_MS
    assert [entry.step for entry in of_kind(entries, Kind.MAIL)] == ["hello", "offer", "last"]
    assert len(of_kind(entries, Kind.OFFER)) == 1
    assert len(of_kind(entries, Kind.ENDED)) == 1


def test_who_is_held_out_gets_nothing_and_is_seen_to_the_end(
    hurried: Stack, plays: PlayTable, unpaid: dict[str, Unpaid]
) -> None:
    over, entries = ended(plays, HELD_OUT, Journey.WIN_BACK)

    assert over.held_out
    assert over.outcome is Outcome.LOST
    assert [entry.kind for entry in entries] == [Kind.OPENED, Kind.HALTED, Kind.ENDED]
    assert {mail["class"] for mail in mails(hurried, HELD_OUT)} == {"transactional"}


@pytest.fixture(scope="module")
def left(stack: Stack) -> dict[str, str]:
    """Customers by account who have left at the real clock, where the daily look is a day away: each was
    written to and waits for its offer's day."""
    payments = Payments(stack)
    names = ("opts-out", "complains", "comes-back", "is-held", "wants-none")
    found = {name: treated(name, Journey.WIN_BACK) for name in names}
    who = {name: leaves(payments, account) for name, account in found.items()}
    for name in names:
        waiting(plays_of(stack), found[name], Journey.WIN_BACK, "hello")
    return {**found, **{f"customer of {name}": one for name, one in who.items()}}


def leaves(payments: Payments, account: str) -> str:
    """A customer who subscribes and cancels at once, as it is too expensive."""
    who = payments.customer(account=account)
    payments.v1.customers.update(who, {"email": f"{account}@example.com", "name": "Ada"})
    subscription = payments.subscribe(who, "starter")
    said: Any = {"cancellation_details": {"feedback": "too_expensive"}}
    payments.v1.subscriptions.cancel(subscription.id, said)
    return who


@pytest.mark.parametrize(
    ("name", "stop", "reason"),
    [
        ("opts-out", one_click, "opted_out"),
        ("wants-none", wants_no_win_back, "opted_out"),
        ("complains", complain, "complained"),
        ("is-held", hold, "held"),
    ],
)
def test_what_stops_mail_ends_what_is_done_at_once(
    stack: Stack, left: dict[str, str], name: str, stop: Callable[[Stack, str], None], reason: str
) -> None:
    plays, before, at_ms = plays_of(stack), len(mails(stack, left[name])), time.time_ns() // 1_000_000

    stop(stack, left[name])
    play, entries = halted(plays, left[name], Journey.WIN_BACK)

    assert play.halt_reason == reason
    assert play.halted_ms is not None
    assert play.halted_ms - at_ms < STOPPED_MS
    assert entries[-1].kind is Kind.HALTED
    assert before == 1
    assert len(mails(stack, left[name])) == before
    assert claimed(stack, left[name]) == before


def test_a_return_in_mid_sequence_ends_it_at_once(stack: Stack, left: dict[str, str]) -> None:
    account, plays, at_ms = left["comes-back"], plays_of(stack), time.time_ns() // 1_000_000

    come_back(Payments(stack), left["customer of comes-back"])
    over, entries = ended(plays, account, Journey.WIN_BACK)

    assert over.outcome is Outcome.REACTIVATED
    assert over.ended_ms is not None
    assert over.ended_ms - at_ms < STOPPED_MS
    assert (over.cost, of_kind(entries, Kind.OFFER)) == (0, [])
    assert claimed(stack, account) == len(mails(stack, account)) == 1


def offered(plays: PlayTable, account: str) -> Any:
    """The play of an account whose offer was mailed, else None."""
    found = play_of(plays, account, Journey.WIN_BACK)
    steps = [] if found is None else [entry.step for entry in of_kind(found[1], Kind.MAIL)]
    return found if "offer" in steps else None


def come_back(payments: Payments, customer: str, promotion: str | None = None) -> Any:
    """The customer subscribes again, with a card that works."""
    payments.control("script", {"customer": customer, "outcomes": [], "then": "succeed"})
    discounts = [] if promotion is None else [{"promotion_code": promotion}]
    items = [{"price": payments.prices["starter"]}]
    asked: Any = {"customer": customer, "items": items, "discounts": discounts}
    return payments.v1.subscriptions.create(asked)
