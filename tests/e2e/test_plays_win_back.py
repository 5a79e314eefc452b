"""Customers who left, on the deployed stack: asked back, made an offer, let alone when they want to be."""

from typing import Any

import pytest
from stemtide.calls import DAY_MS
from stemtide.dunning.ledger import Kind
from stemtide.plays.keeping import OFFERS
from stemtide.plays.play import Journey, Outcome, drawn
from stemtide.store.plays import PlayTable

from tests.e2e.journeys import Unpaid, fails, mails, of_kind, until
from tests.e2e.payments import Payments
from tests.e2e.plays import (
    ended,
    play_of,
    plays_of,
    treated,
)
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

RETURNS = treated("returns", Journey.WIN_BACK, OFFERS)
LOST = treated("lost", Journey.WIN_BACK, OFFERS)
HELD_OUT = next(f"held-{n}" for n in range(1000) if drawn(Journey.WIN_BACK, f"held-{n}", 10))
STOPPED_S = 60
"""In real time, where the daily look is a day away."""


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
    code = payments.v1.promotion_codes.retrieve(made.provider_id)

    returned = come_back(payments, who, code.id)
    over, entries = ended(plays, RETURNS, Journey.WIN_BACK)

    assert (play.cause, play.policy) == ("unpaid", "unpaid")
    assert (code.customer, code.max_redemptions, code.code) == (who, 1, made.code)
    assert (made.percent, made.months, made.amount, made.currency) == (10, 3, 3 * 290, "USD")
    assert (over.outcome, over.outcome_reason) == (Outcome.REACTIVATED, "subscribed")
    assert over.outcome_ms == int(returned["created"]) * 1000
    assert over.cost == 3 * 290
    templates = [mail["subject"] for mail in mails(hurried, RETURNS) if "last" not in mail["step"]]
    assert len(templates) == 2
    assert made.code in mails(hurried, RETURNS)[-1]["text"]
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
