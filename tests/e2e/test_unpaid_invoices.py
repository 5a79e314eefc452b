"""Unpaid invoices on the deployed stack, at a hurried clock: a day of an episode passes in seconds."""

from typing import Any

import pytest
from stemtide.dunning.decide import LOOK_AGAIN_MS
from stemtide.dunning.episode import Episode
from stemtide.dunning.ledger import Entry, Kind, whole
from stemtide.store.episodes import EpisodeTable

from tests.e2e.journeys import Unpaid, episodes_of, fails, mails, of_kind, until
from tests.e2e.payments import Payments
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def payments(hurried: Stack) -> Payments:
    return Payments(hurried)


@pytest.fixture(scope="module")
def episodes(hurried: Stack) -> EpisodeTable:
    return episodes_of(hurried)


@pytest.fixture(scope="module")
def unpaid(hurried: Stack, payments: Payments) -> dict[str, Unpaid]:
    """Customers by account whose payments fail in different ways: their episodes run side by side.

    One comes before them, for whose sake the functions start: days would pass meanwhile.
    """
    fails(payments, "the_first", ["do_not_honor"], then="do_not_honor")
    until(lambda: mails(hurried, "the_first"))
    found = {
        "pays": fails(payments, "pays", ["do_not_honor"], then="do_not_honor"),
        "lost_card": fails(payments, "lost_card", ["lost_card"]),
        "never": fails(payments, "never", ["insufficient_funds"], then="insufficient_funds"),
        "lost_reply": fails(payments, "lost_reply", ["do_not_honor", "lost_reply"]),
    }
    payments.delivered()
    payments.control("webhooks/hold", {})
    payments.control("webhooks/duplicate", {"times": 3})
    payments.control("webhooks/shuffle", {"seed": 3})
    found["shuffled"] = fails(payments, "shuffled", ["do_not_honor"])
    payments.control("webhooks/release", {})
    return found


def episode(episodes: EpisodeTable, account: str) -> tuple[Episode, list[Entry]]:
    """The one episode of an account, as soon as there is one, with its ledger."""
    [listed] = until(lambda: episodes.of_account(account))
    found = episodes.read(listed.id)
    assert found is not None
    return found[0], whole(found[1])


def ended(episodes: EpisodeTable, account: str) -> tuple[Episode, list[Entry]]:
    """The episode when it is over."""
    until(lambda: episode(episodes, account)[0].is_over)
    return episode(episodes, account)


def charges(payments: Payments, customer: str) -> list[dict[str, Any]]:
    """What the network was asked for of the customer's renewal."""
    found = payments.control("charges")["charges"]
    return [one for one in found if one["customer"] == customer][1:]


def another_card(payments: Payments, customer: str) -> None:
    """The customer's usual card is another one from now on."""
    card = payments.v1.payment_methods.create({"type": "card", "card": {"number": "5555555555554444"}})
    payments.v1.payment_methods.attach(card.id, {"customer": customer})
    payments.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card.id}})


def test_a_new_card_is_charged_without_waiting_for_the_daily_look(stack: Stack) -> None:
    """At the real clock, where the daily look is a day away."""
    payments, episodes = Payments(stack), episodes_of(stack)
    customer = fails(payments, "new_card", ["lost_card"]).customer
    waiting = until(lambda: waits(episodes, "new_card"))

    another_card(payments, customer)
    found, entries = ended(episodes, "new_card")

    assert found.ending == "recovered"
    [claimed] = of_kind(entries, Kind.CHARGE_CLAIMED)
    assert claimed.at_ms < waiting.next_ms - LOOK_AGAIN_MS // 2
    assert [one["status"] for one in charges(payments, customer)] == ["failed", "succeeded"]
    assert len(mails(stack, "new_card")) == 1


def waits(episodes: EpisodeTable, account: str) -> Any:
    """The episode of an account that has been written to and waits, else None."""
    found, entries = episode(episodes, account)
    return found if found.token is not None and of_kind(entries, Kind.MAIL) else None


def test_a_lost_card_is_never_tried_again_and_a_new_one_at_once(
    hurried: Stack, payments: Payments, episodes: EpisodeTable, unpaid: dict[str, Unpaid]
) -> None:
    first = until(lambda: mails(hurried, "lost_card"))[0]
    assert "stolen" not in first["text"].lower()
    assert "lost" not in first["text"].lower()
    assert len(charges(payments, unpaid["lost_card"].customer)) == 1

    another_card(payments, unpaid["lost_card"].customer)
    found, entries = ended(episodes, "lost_card")

    assert found.ending == "recovered"
    assert of_kind(entries, Kind.MAIL)[0].template == "payment_needs_card"
    assert len(of_kind(entries, Kind.CHARGE_CLAIMED)) == 1
    assert [one["status"] for one in charges(payments, unpaid["lost_card"].customer)] == [
        "failed",
        "succeeded",
    ]


def test_a_customer_who_pays_between_two_tries_hears_no_more(
    hurried: Stack, payments: Payments, episodes: EpisodeTable, unpaid: dict[str, Unpaid]
) -> None:
    until(lambda: len(of_kind(episode(episodes, "pays")[1], Kind.CHARGE)) == 2)
    invoice = episode(episodes, "pays")[0].anchor

    payments.control(f"invoices/{invoice}/pay", {})
    paid_after = len(mails(hurried, "pays"))
    found, entries = ended(episodes, "pays")

    assert found.ending == "recovered"
    assert len(of_kind(entries, Kind.CHARGE)) == 2
    assert len(mails(hurried, "pays")) - paid_after <= 1  # one that was claimed may be on its way
    tried = charges(payments, unpaid["pays"].customer)
    assert [one["status"] for one in tried].count("succeeded") == 1


def test_what_cannot_be_collected_ends_with_the_subscription_canceled(
    hurried: Stack, payments: Payments, episodes: EpisodeTable, unpaid: dict[str, Unpaid]
) -> None:
    found, entries = ended(episodes, "never")

    assert found.ending == "exhausted"
    assert payments.v1.subscriptions.retrieve(unpaid["never"].subscription).status == "canceled"
    steps = [entry.step for entry in of_kind(entries, Kind.MAIL)]
    assert steps == ["first", "reminder", "second_reminder", "final_notice"]
    assert len(mails(hurried, "never")) == 4
    assert 3 <= len(charges(payments, unpaid["never"].customer)) <= 8
    assert {one["status"] for one in charges(payments, unpaid["never"].customer)} == {"failed"}


def test_a_lost_reply_is_one_charge(
    payments: Payments, episodes: EpisodeTable, unpaid: dict[str, Unpaid]
) -> None:
    found, entries = ended(episodes, "lost_reply")

    assert found.ending == "recovered"
    assert [one["status"] for one in charges(payments, unpaid["lost_reply"].customer)] == [
        "failed",
        "succeeded",
    ]
    [result] = of_kind(entries, Kind.CHARGE)
    assert result.outcome == "succeeded"


def test_webhooks_held_doubled_and_shuffled_lead_to_the_same_end(
    hurried: Stack, payments: Payments, episodes: EpisodeTable, unpaid: dict[str, Unpaid]
) -> None:
    found, entries = ended(episodes, "shuffled")

    assert found.ending == "recovered"
    assert len(of_kind(entries, Kind.OPENED)) == 1
    assert [one["status"] for one in charges(payments, unpaid["shuffled"].customer)] == [
        "failed",
        "succeeded",
    ]
    assert len(mails(hurried, "shuffled")) == len(of_kind(entries, Kind.MAIL))
