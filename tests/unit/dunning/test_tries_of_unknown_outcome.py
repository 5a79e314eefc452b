"""A try of which nobody knows how it ended: found out at the provider, else asked for again under its key."""

from typing import Any

import msgspec
import pytest
from stemtide.dunning.decide import Ending
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts, Outcome
from stemtide.dunning.ledger import Kind
from stemtide.dunning.steps import IN_FLIGHT_MS, KEY_LIVES_MS
from stemtide.stepping import SOON_MS

from payments.in_memory import Fault
from tests.dunning_bench import (
    LEASE_MS,
    LONG,
    Dunning,
    paid,
    told,
    two_unpaid,
    unknown,
)

HOUR_S = 3600


def test_a_try_of_unknown_outcome_is_looked_after_within_the_hour() -> None:
    dunning = unknown()

    assert (dunning.row.next_ms, dunning.row.next_reason) == (dunning.now_ms() + SOON_MS, "outcome_unknown")
    assert dunning.of_kind(Kind.CHARGE) == []


def test_of_several_tries_the_one_of_unknown_outcome_is_settled() -> None:
    dunning = Dunning(outcomes=("insufficient_funds", "do_not_honor")).opened()
    dunning.play(until=lambda: bool(dunning.of_kind(Kind.CHARGE)))
    dunning.faults.append(("pay_invoice", Fault.LOST_REPLY))

    dunning.play()

    claims, results = dunning.of_kind(Kind.CHARGE_CLAIMED), dunning.of_kind(Kind.CHARGE)
    assert [one.key for one in results] == [one.key for one in claims]
    assert told(dunning) == [(Outcome.DECLINED, None), (Outcome.SUCCEEDED, "found at the provider")]
    assert (results[1].amount, results[1].currency, results[1].card) == (5000, "USD", claims[1].card)


def test_a_decline_whose_reply_was_lost_is_found_with_its_words() -> None:
    dunning = Dunning(outcomes=("insufficient_funds", "do_not_honor")).opened()
    dunning.faults.append(("pay_invoice", Fault.LOST_REPLY))

    dunning.play(until=lambda: bool(dunning.of_kind(Kind.CHARGE)))

    [found] = dunning.of_kind(Kind.CHARGE)
    assert (found.outcome, found.code, found.reason) == (
        Outcome.DECLINED,
        "do_not_honor",
        "found at the provider",
    )


def test_also_the_eleventh_entry_is_found_by_its_key() -> None:
    busy = [("pay_invoice", Fault.THROTTLED)] * 4
    dunning = Dunning(faults=[*busy, ("pay_invoice", Fault.LOST_REPLY)]).opened()

    dunning.play()

    claims, results = dunning.of_kind(Kind.CHARGE_CLAIMED), dunning.of_kind(Kind.CHARGE)
    assert claims[-1].seq > 10
    assert [one.key for one in results] == [one.key for one in claims]
    assert told(dunning)[-1] == (Outcome.SUCCEEDED, "found at the provider")


def test_in_whatever_order_invoices_are_listed_each_is_found_by_its_id() -> None:
    dunning, later = two_unpaid()
    dunning.faults += [("pay_invoice", Fault.LOST_REPLY)] * 3

    def reversed_(episode: Episode, entries: Any) -> Facts:
        facts = dunning.read(episode, entries)
        return msgspec.structs.replace(facts, invoices=facts.invoices[::-1])

    dunning.read_facts = reversed_
    dunning.play()

    claimed = {one.invoice: one.amount for one in dunning.of_kind(Kind.CHARGE_CLAIMED)}
    assert claimed == {dunning.invoice: 5000, later: 7000}
    assert {one.outcome for one in dunning.of_kind(Kind.CHARGE)} == {Outcome.DECLINED}


def test_beside_another_unpaid_invoice_a_lost_decline_is_found_with_its_words_too() -> None:
    dunning, _ = two_unpaid()
    dunning.faults.append(("pay_invoice", Fault.LOST_REPLY))
    known = len(dunning.of_kind(Kind.CHARGE))

    dunning.play(until=lambda: len(dunning.of_kind(Kind.CHARGE)) > known)

    found = dunning.of_kind(Kind.CHARGE)[-1]
    assert (found.invoice, found.code, found.reason) == (
        dunning.invoice,
        "do_not_honor",
        "found at the provider",
    )


def test_of_an_invoice_that_is_not_collected_just_now_no_words_are_told() -> None:
    dunning, later = two_unpaid()
    resumes = dunning.bench.clock() + round(1.3 * 86_400)
    pause = {"behavior": "keep_as_draft", "resumes_at": resumes}
    dunning.bench.ask("POST", f"/v1/subscriptions/{dunning.subscription}", pause_collection=pause)
    dunning.faults.append(("pay_invoice", Fault.LOST_REPLY))
    dunning.play(until=lambda: any(one.invoice == later for one in dunning.of_kind(Kind.CHARGE_CLAIMED)))
    dunning.bench.clock.now_s = resumes + 1
    dunning.bench.provider.tick()

    dunning.play(until=lambda: any(one.invoice == later for one in dunning.of_kind(Kind.CHARGE)))

    found = next(one for one in dunning.of_kind(Kind.CHARGE) if one.invoice == later)
    assert (found.outcome, found.code) == (Outcome.DECLINED, None)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault.LOST_REPLY, (Outcome.DECLINED, "found at the provider")),
        (Fault.UNREACHED, (Outcome.SUCCEEDED, None)),
    ],
)
def test_the_first_charge_of_an_invoice_is_counted_from_none(
    fault: Fault, outcome: tuple[Outcome, str | None]
) -> None:
    dunning = Dunning(outcomes=()).without_card().opened()
    refused = ("do_not_honor",) if fault is Fault.LOST_REPLY else ()
    dunning.bench.script(dunning.customer, *refused)
    dunning.another_card()
    dunning.faults.append(("pay_invoice", fault))

    dunning.play(until=lambda: bool(dunning.of_kind(Kind.CHARGE)))

    assert dunning.of_kind(Kind.CHARGE_CLAIMED)[0].declines_before == 0
    assert told(dunning) == [outcome]


@pytest.mark.parametrize("act", ["void", "mark_uncollectible"])
def test_a_try_of_unknown_outcome_on_an_invoice_that_was_closed_unpaid_has_failed(act: str) -> None:
    dunning = unknown()
    dunning.bench.ask("POST", f"/v1/invoices/{dunning.invoice}/{act}")

    dunning.play()

    assert told(dunning) == [(Outcome.FAILED, "found at the provider")]
    assert dunning.ending is Ending.SETTLED


def test_a_try_that_is_not_due_any_more_is_waited_for_as_long_as_it_may_be_under_way() -> None:
    dunning = unknown()
    claimed_ms = dunning.of_kind(Kind.CHARGE_CLAIMED)[0].at_ms
    dunning.held = "held"
    dunning.bench.clock.now_s = (claimed_ms + IN_FLIGHT_MS) // 1000 - LEASE_MS // 1000
    early = dunning.step()
    waits = dunning.row.next_reason
    dunning.bench.clock.advance(seconds=LEASE_MS // 1000)

    late = dunning.step()

    assert (early.do, waits) == ("wait", "outcome_unknown")
    assert late.do == "again"
    assert told(dunning) == [(Outcome.FAILED, "the provider has no trace of it")]
    dunning.play()
    assert (dunning.ending, dunning.ours()) == (Ending.HELD, [])


@pytest.mark.parametrize(("seconds", "same_key"), [(-1, True), (0, False)])
def test_a_request_is_repeated_under_its_key_as_long_as_the_provider_knows_it(
    seconds: int, same_key: bool
) -> None:
    dunning = unknown(policy=LONG)
    [claim] = dunning.of_kind(Kind.CHARGE_CLAIMED)
    dunning.bench.clock.now_s = (claim.at_ms + KEY_LIVES_MS) // 1000 + seconds

    dunning.play()

    assert (dunning.ours()[0]["_key"] == claim.key) is same_key
    assert paid(dunning) == [5000]


def test_a_try_with_a_card_that_is_no_longer_the_usual_one_is_not_repeated() -> None:
    dunning = unknown()
    card = dunning.another_card()

    dunning.play()

    assert [one for one, _ in told(dunning)] == [Outcome.FAILED, Outcome.SUCCEEDED]
    assert [one["payment_method"] for one in dunning.ours()] == [card]


def test_a_try_is_not_repeated_when_another_invoice_is_collected_by_then() -> None:
    dunning, later = two_unpaid()
    dunning.faults.append(("pay_invoice", Fault.UNREACHED))
    known = len(dunning.of_kind(Kind.CHARGE_CLAIMED))
    dunning.play(until=lambda: len(dunning.of_kind(Kind.CHARGE_CLAIMED)) > known)
    assert dunning.of_kind(Kind.CHARGE_CLAIMED)[-1].invoice == dunning.invoice
    tried = len(dunning.charges())
    dunning.bench.ask("DELETE", f"/v1/subscriptions/{dunning.subscription}")
    dunning.bench.script(dunning.customer, then="succeed")

    dunning.play()

    assert len(dunning.charges()) == tried
    assert paid(dunning, later) == [7000]


def test_a_key_is_trusted_for_an_hour_less_than_the_provider_keeps_it() -> None:
    day_of_the_provider_ms = 24 * HOUR_S * 1000

    assert day_of_the_provider_ms - KEY_LIVES_MS == HOUR_S * 1000
