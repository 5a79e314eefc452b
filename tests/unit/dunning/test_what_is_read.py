"""What dunning reads of a customer, and what it makes of customers with several cards and invoices."""

import contextlib
from typing import Any

import msgspec
import pytest
from stemtide.dunning.decide import Ending, Mail
from stemtide.dunning.facts import Card, Invoice, InvoiceStatus
from stemtide.dunning.ledger import Kind
from stemtide.ports import ConflictError, UnavailableError

from payments import scripting
from payments.in_memory import Fault
from tests.dunning_bench import POLICY, Dunning, collect_by_hand, paid, with_

LOST = ({"decline_code": "lost_card"},)


def test_an_unpaid_invoice_is_read_with_its_failure() -> None:
    dunning = Dunning(outcomes=({"decline_code": "do_not_honor", "advice_code": "try_again_later"},)).opened()

    facts = dunning.facts()

    [charge] = dunning.charges()
    made_ms = charge["created"] * 1000
    found = dunning.bench.ask("GET", f"/v1/invoices/{dunning.invoice}")
    assert facts.invoices == (
        Invoice(
            id=dunning.invoice,
            status=InvoiceStatus.OPEN,
            due=5000,
            currency="USD",
            created_ms=found["created"] * 1000,
            failed_ms=made_ms,
            tries=1,
            declines=1,
            subscription=dunning.subscription,
        ),
    )
    assert (facts.decline, facts.decline_code, facts.advice) == ("soft", "do_not_honor", "try_again_later")
    assert facts.declined_ms == made_ms
    assert facts.card is not None
    assert facts.asked_cards == (facts.card.fingerprint,)
    assert facts.refused_cards == ()
    assert len(facts.card_tries_ms) == 2  # and the month before


def test_what_is_to_be_paid_by_hand_or_has_not_failed_yet_is_nobodys_failed_payment() -> None:
    dunning = Dunning()
    manual = {"customer": dunning.customer, "collection_method": "send_invoice", "days_until_due": 30}
    by_hand = dunning.bench.ask("POST", "/v1/invoices", **manual)["id"]
    item = {"customer": dunning.customer, "invoice": by_hand, "amount": 700, "currency": "usd"}
    dunning.bench.ask("POST", "/v1/invoiceitems", **item)
    dunning.bench.ask("POST", f"/v1/invoices/{by_hand}/finalize")
    not_tried = dunning.bench.ask("POST", "/v1/invoices", customer=dunning.customer, auto_advance=False)["id"]
    dunning.bench.ask("POST", "/v1/invoiceitems", **{**item, "invoice": not_tried})
    dunning.bench.ask("POST", f"/v1/invoices/{not_tried}/finalize")
    dunning.opened()

    assert [one.id for one in dunning.facts().invoices] == [dunning.invoice]
    dunning.play()

    assert dunning.ending is Ending.RECOVERED
    assert paid(dunning, by_hand) == paid(dunning, not_tried) == []
    assert {one.partition(":")[0] for one in dunning.steps_mailed()} == {dunning.invoice}


def test_whoever_is_about_to_subscribe_is_not_dunned() -> None:
    dunning = Dunning(outcomes=("succeed",))
    dunning.bench.script(dunning.customer, "do_not_honor")
    fresh = dunning.subscribe()
    assert fresh["status"] == "incomplete"

    dunning.failed(fresh["latest_invoice"])
    dunning.play()

    assert (dunning.ending, dunning.row.ending_reason) == (Ending.SETTLED, "nothing_due")
    assert (dunning.mails, dunning.ours()) == ([], [])


def test_the_first_card_of_a_customer_who_had_none_is_charged_at_once() -> None:
    dunning = Dunning(outcomes=()).without_card().opened()
    dunning.play(days=0.1)
    assert dunning.mails[0].template == "payment_needs_card"

    dunning.another_card()
    dunning.play(days=0.01)

    assert (dunning.ending, paid(dunning)) == (Ending.RECOVERED, [5000])


@pytest.mark.parametrize("days", [0.2, 6.0, 9.9])
def test_another_usual_card_is_charged_although_the_subscription_has_one_of_its_own(days: float) -> None:
    dunning = Dunning(outcomes=())
    own = next(iter(dunning.payments.payment_methods(dunning.customer)))["id"]
    dunning.bench.ask("POST", f"/v1/subscriptions/{dunning.subscription}", default_payment_method=own)
    dunning.bench.script(dunning.customer, *LOST)
    dunning.next_month().opened()
    dunning.play(days=days)

    card = dunning.another_card()
    dunning.play(days=0.01)

    assert (dunning.ending, dunning.ours()[-1]["payment_method"]) == (Ending.RECOVERED, card)


def test_a_new_card_that_came_when_the_end_had_passed_is_tried_before_the_customer_is_given_up() -> None:
    dunning = Dunning(outcomes=LOST).opened()
    dunning.play(days=9)
    dunning.another_card()
    dunning.bench.clock.advance(days=20)  # nobody looked

    dunning.play()

    assert (dunning.ending, paid(dunning)) == (Ending.RECOVERED, [5000])


def test_a_new_card_that_fails_at_the_end_is_tried_once() -> None:
    dunning = Dunning(outcomes=LOST, then="do_not_honor").opened()
    dunning.play(days=9)
    dunning.another_card()
    dunning.bench.clock.advance(days=20)

    dunning.play()

    assert (dunning.ending, len(dunning.ours())) == (Ending.EXHAUSTED, 1)


def test_a_card_that_was_refused_stays_so_when_it_is_the_usual_one_again() -> None:
    dunning = Dunning(outcomes=LOST, then="do_not_honor").opened()
    first = next(iter(dunning.payments.payment_methods(dunning.customer)))["id"]
    dunning.play(days=0.1)
    dunning.another_card()
    dunning.play(days=0.2)
    assert len(dunning.ours()) == 1
    settings = {"default_payment_method": first}
    dunning.bench.ask("POST", f"/v1/customers/{dunning.customer}", invoice_settings=settings)

    dunning.play()

    assert [one["payment_method"] for one in dunning.ours() if one["payment_method"] == first] == []


def test_a_card_that_was_issued_anew_is_tried_at_once() -> None:
    dunning = Dunning(outcomes=({"decline_code": "expired_card"},)).opened()
    dunning.play(days=2)
    assert dunning.ours() == []
    [card] = dunning.payments.payment_methods(dunning.customer)

    dunning.bench.ask("POST", f"/v1/payment_methods/{card['id']}", card={"exp_year": 2040, "exp_month": 1})
    dunning.play(days=0.01)

    assert (dunning.ending, paid(dunning)) == (Ending.RECOVERED, [5000])


def test_a_part_that_is_paid_is_no_decline_of_a_try_of_unknown_outcome() -> None:
    dunning = Dunning(faults=[("pay_invoice", Fault.UNREACHED)]).opened()
    dunning.play(until=lambda: bool(dunning.of_kind(Kind.CHARGE_CLAIMED)))
    dunning.step()
    collect_by_hand(dunning, 1000)

    dunning.play()

    assert [one.outcome for one in dunning.of_kind(Kind.CHARGE)] == ["succeeded"]
    assert paid(dunning) == [1000, 4000]


@pytest.mark.parametrize("days", [1.5, 4.5])
def test_a_paused_subscription_waits_for_its_day_while_the_other_is_collected(days: float) -> None:
    dunning = Dunning(then="do_not_honor")
    other = dunning.subscribe(trial_period_days=1)
    dunning.opened()
    resumes = dunning.bench.clock() + round(days * 86_400)
    pause = {"behavior": "keep_as_draft", "resumes_at": resumes}
    dunning.bench.ask("POST", f"/v1/subscriptions/{dunning.subscription}", pause_collection=pause)
    dunning.play(days=1.1)
    later = str(dunning.bench.ask("GET", f"/v1/subscriptions/{other['id']}")["latest_invoice"])

    anchors = [one.id for one in dunning.facts().unpaid]
    scripting.write(dunning.bench.provider.world, dunning.customer, [], then="succeed", append=False)
    dunning.play()

    assert anchors == [later, dunning.invoice]
    assert dunning.ending is Ending.RECOVERED
    assert [one["_invoice"] for one in dunning.ours()] == ([dunning.invoice, later] if days < 2 else anchors)
    assert next(o["created"] for o in dunning.ours() if o["_invoice"] == dunning.invoice) >= resumes


def test_a_retry_that_would_come_after_the_end_is_promised_in_no_letter() -> None:
    dunning = Dunning(then="do_not_honor", policy=with_(POLICY, retry_days=(1.0, 12.0))).opened()

    dunning.play()

    assert [one.template for one in dunning.mails] == [
        "payment_failed",
        "payment_needs_card",
        "payment_final_notice",
    ]


def test_a_letter_names_the_card_that_is_charged() -> None:
    dunning = Dunning(outcomes=())
    other = dunning.another_card(usual=False)
    dunning.bench.ask("POST", f"/v1/subscriptions/{dunning.subscription}", default_payment_method=other)
    dunning.bench.script(dunning.customer, "do_not_honor")

    dunning.next_month().opened().play(days=0.1)

    assert dunning.mails[0].values["card"] == {"brand": "Mastercard", "last4": "4444"}


@pytest.mark.parametrize("amount", [None, 1200])
def test_who_pays_while_a_letter_is_written_gets_none_about_what_is_no_longer_due(amount: int | None) -> None:
    dunning = Dunning().opened()
    dunning.points.append(("invoice", "before", lambda: collect_by_hand(dunning, amount)))

    dunning.play(days=0.1)

    if amount is None:
        assert (dunning.mails, dunning.ending) == ([], Ending.RECOVERED)
    else:
        assert [one.values["amount"]["amount"] for one in dunning.mails] == [3800]


def test_a_customer_without_an_address_is_not_written_to_and_still_collected_from() -> None:
    dunning = Dunning()
    dunning.bench.ask("POST", f"/v1/customers/{dunning.customer}", email="")

    dunning.opened().play()

    assert dunning.mails == []
    assert dunning.of_kind(Kind.MAIL_SKIPPED)[0].reason == "no_address"
    assert dunning.ending is Ending.RECOVERED


@pytest.mark.parametrize("fault", [None, Fault.LOST_REPLY, Fault.UNREACHED])
def test_a_customer_who_is_gone_is_let_alone(fault: Fault | None) -> None:
    dunning = Dunning(faults=[("pay_invoice", fault)] if fault else []).opened()
    if fault is not None:
        dunning.play(until=lambda: bool(dunning.of_kind(Kind.CHARGE_CLAIMED)))
        dunning.step()
    dunning.bench.ask("DELETE", f"/v1/customers/{dunning.customer}")

    dunning.play()

    outcomes = [one.outcome for one in dunning.of_kind(Kind.CHARGE)]
    assert outcomes == {None: [], Fault.LOST_REPLY: ["succeeded"], Fault.UNREACHED: ["failed"]}[fault]
    assert (dunning.ending, dunning.row.ending_reason) == (Ending.HELD, "customer_deleted")


def test_facts_that_are_ours_are_not_what_a_wait_watches() -> None:
    facts = Dunning(outcomes=LOST).opened().facts()
    theirs: list[dict[str, Any]] = [
        {"held": "held"},
        {"card": Card(method="m", fingerprint="f")},
        {"refused_cards": ()},
        {"invoices": ()},
    ]

    assert msgspec.structs.replace(facts, given_up=True, mailed=(), attempts=()).seen() == facts.seen()
    seen = {msgspec.structs.replace(facts, **change).seen() for change in theirs}
    assert len(seen | {facts.seen()}) == 5


def test_a_change_of_plan_in_between_changes_nothing_about_what_is_owed() -> None:
    dunning = Dunning(then="do_not_honor").opened()
    dunning.play(days=1.5)
    [item] = dunning.bench.ask("GET", "/v1/subscription_items", subscription=dunning.subscription)["data"]
    dearer = dunning.bench.price(20_000)

    dunning.bench.ask("POST", f"/v1/subscription_items/{item['id']}", price=dearer)
    dunning.bench.script(dunning.customer, then="succeed")
    dunning.play()

    assert (dunning.ending, paid(dunning)) == (Ending.RECOVERED, [5000])


def test_a_change_of_plan_that_bills_at_once_and_fails_is_collected_in_its_turn() -> None:
    dunning = Dunning(then="do_not_honor").opened()
    dunning.play(days=1.5)
    [item] = dunning.bench.ask("GET", "/v1/subscription_items", subscription=dunning.subscription)["data"]
    yearly = dunning.bench.price(50_000, interval="year")
    dunning.bench.ask("POST", f"/v1/subscription_items/{item['id']}", price=yearly)
    billed = str(dunning.bench.ask("GET", f"/v1/subscriptions/{dunning.subscription}")["latest_invoice"])
    assert billed != dunning.invoice

    dunning.bench.clock.advance(seconds=3700)
    dunning.bench.provider.tick()
    dunning.bench.script(dunning.customer, then="succeed")
    dunning.play()

    assert (dunning.ending, paid(dunning), paid(dunning, billed)) == (Ending.RECOVERED, [5000], [50_000])
    assert len(dunning.episodes.all()) == 1


@pytest.mark.parametrize("read", ["invoices", "charges", "payment_methods"])
def test_a_customer_who_is_deleted_while_it_is_read_is_read_again(read: str) -> None:
    dunning = Dunning().opened()
    gone = f"/v1/customers/{dunning.customer}"
    dunning.points.append((read, "before", lambda: dunning.bench.ask("DELETE", gone)))

    with contextlib.suppress(UnavailableError):  # the state machine repeats the step
        dunning.step()
    dunning.play()

    assert (dunning.mails, dunning.ours()) == ([], [])
    assert dunning.ending in (Ending.HELD, Ending.CANCELED)


@pytest.mark.parametrize("read", ["customer", "payment_methods", "invoice"])
def test_a_customer_who_is_deleted_while_a_letter_is_written_is_let_alone_from_the_next_look_on(
    read: str,
) -> None:
    dunning = Dunning().opened()
    gone = f"/v1/customers/{dunning.customer}"
    facts, row = dunning.facts(), dunning.row
    dunning.points.append((read, "before", lambda: dunning.bench.ask("DELETE", gone)))

    with contextlib.suppress(ConflictError):
        dunning.stepper.send_mail(
            row, Mail(invoice=dunning.invoice, step="s", template="payment_failed"), facts
        )
    dunning.play()

    assert dunning.ending is Ending.HELD
    assert len(dunning.mails) <= 1


@pytest.mark.parametrize("card_url", ["", "https://app.acme.example/billing"])
def test_a_letter_links_a_page_that_is_there_whenever_it_is_read(card_url: str) -> None:
    dunning = Dunning(card_url=card_url).opened()

    dunning.step()

    page = dunning.bench.ask("GET", f"/v1/invoices/{dunning.invoice}")["hosted_invoice_url"]
    assert page.startswith("https://")
    assert dunning.mails[0].values["update_url"] == (card_url or page)
    assert list(dunning.bench.provider.world.store.all("billing_portal.session")) == []
