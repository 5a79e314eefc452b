"""A step: what is done at most once, what is found out afterwards, and what the ledger says of it."""

import pytest
from stemtide.dunning.decide import Ending
from stemtide.dunning.facts import Outcome
from stemtide.dunning.ledger import Kind
from stemtide.dunning.steps import IN_FLIGHT_MS, KEY_LIVES_MS, SOON_MS

from payments.in_memory import Fault
from tests.dunning_bench import LEASE_MS, LONG, Died, Dunning, collect_by_hand, dies, paid, two_unpaid, with_

HOUR_S = 3600


def unknown(fault: Fault = Fault.UNREACHED, **about: object) -> Dunning:
    """A try of which nobody knows how it ended."""
    dunning = Dunning(faults=[("pay_invoice", fault)], **about).opened()  # type: ignore[arg-type]
    dunning.play(until=lambda: bool(dunning.of_kind(Kind.CHARGE_CLAIMED)))
    return dunning


def told(dunning: Dunning) -> list[tuple[Outcome | None, str | None]]:
    """Outcomes and reasons of the tries."""
    return [(one.outcome, one.reason) for one in dunning.of_kind(Kind.CHARGE)]


@pytest.mark.parametrize("other", [-1, 1])
def test_an_execution_of_another_run_ends_and_does_nothing(other: int) -> None:
    dunning = Dunning().opened()

    found = dunning.stepper.step(dunning.row.id, dunning.row.run + other)

    assert found.do == "end"
    assert (len(dunning.ledger), dunning.mails) == (1, [])


def test_an_episode_that_is_not_there_or_is_over_ends_its_execution_and_its_wait() -> None:
    dunning = Dunning().opened()
    dunning.play()

    assert dunning.step().do == dunning.stepper.step("0" * 24, 1).do == "end"
    assert not dunning.stepper.still_waits(dunning.row.id, dunning.facts().seen())
    assert not dunning.stepper.still_waits("0" * 24, "seen")


def test_a_wait_goes_on_only_while_all_is_as_it_was_seen() -> None:
    dunning = Dunning().opened()
    seen = dunning.facts().seen()

    assert dunning.stepper.still_waits(dunning.row.id, seen)
    assert not dunning.stepper.still_waits(dunning.row.id, "0" * 16)
    assert not dunning.stepper.still_waits(dunning.row.id, "z" * 16)


def test_a_wait_says_what_it_was_decided_on_and_nothing_else_does() -> None:
    dunning = Dunning().opened()

    mailed, waits = dunning.step(), dunning.step()

    assert (mailed.do, mailed.seen) == ("again", None)
    assert (waits.do, waits.seen) == ("wait", dunning.facts().seen())
    assert (dunning.row.next_ms, dunning.row.next_reason) == (waits.until_ms, waits.reason)


def test_a_claim_holds_what_is_due_under_a_key_of_its_own_before_the_provider_hears_of_it() -> None:
    dunning = Dunning().opened()
    dunning.points.append(("pay_invoice", "before", dies))
    with pytest.raises(Died):
        dunning.play()

    [claim] = dunning.of_kind(Kind.CHARGE_CLAIMED)
    [card] = dunning.payments.payment_methods(dunning.customer)
    assert claim.key == f"{dunning.row.id}-{claim.seq}"
    assert (claim.invoice, claim.amount, claim.currency) == (dunning.invoice, 5000, "USD")
    assert (claim.method, claim.card) == (card["id"], card["card"]["fingerprint"])
    assert claim.declines_before == 1
    assert dunning.row.busy_ms == claim.at_ms + LEASE_MS
    assert dunning.ours() == []


def test_while_one_step_has_the_row_no_other_acts_and_then_it_is_free() -> None:
    dunning = Dunning().opened()
    dunning.points.append(("pay_invoice", "before", dies))
    with pytest.raises(Died):
        dunning.play()
    busy_ms, version = dunning.row.busy_ms, dunning.row.version

    found = dunning.step()

    assert (found.do, found.until_ms, found.reason) == ("wait", busy_ms, "another_step_acts")
    assert dunning.row.version == version  # nothing was written over what the other is about to write
    dunning.bench.clock.now_s = busy_ms // 1000
    assert dunning.step().do == "again"
    assert told(dunning) == [(Outcome.SUCCEEDED, None)]
    assert dunning.row.busy_ms <= dunning.now_ms()


def test_what_is_paid_between_claim_and_charge_withdraws_the_try() -> None:
    dunning = Dunning().opened()
    dunning.points.append(("append", "after", lambda: None))
    claimed = [False]

    def pay_once_claimed() -> None:
        if dunning.of_kind(Kind.CHARGE_CLAIMED) and not claimed[0]:
            claimed[0] = True
            collect_by_hand(dunning)
        elif not claimed[0]:
            dunning.points.append(("append", "after", pay_once_claimed))

    dunning.points.append(("append", "after", pay_once_claimed))

    dunning.play()

    assert told(dunning) == [(Outcome.WITHDRAWN, "no longer due")]
    assert dunning.ours() == []
    assert dunning.ending is Ending.RECOVERED


def test_a_decline_is_told_with_what_the_network_said() -> None:
    refused = {"decline_code": "do_not_honor", "advice_code": "try_again_later"}
    dunning = Dunning(outcomes=("insufficient_funds", refused)).opened()

    dunning.play()

    declined, _ = dunning.of_kind(Kind.CHARGE)
    charge = dunning.ours()[0]
    assert (declined.outcome, declined.code, declined.advice) == (
        Outcome.DECLINED,
        "do_not_honor",
        "try_again_later",
    )
    assert (declined.provider_id, declined.amount, declined.currency) == (charge["id"], 5000, "USD")
    assert declined.card == charge["payment_method_details"]["card"]["fingerprint"]


def test_a_payment_is_told_with_the_invoice_that_was_paid() -> None:
    dunning = Dunning().opened()

    dunning.play()

    [paid_] = dunning.of_kind(Kind.CHARGE)
    assert (paid_.outcome, paid_.provider_id, paid_.reason) == (Outcome.SUCCEEDED, dunning.invoice, None)


def test_a_request_that_the_provider_refuses_is_no_decline_and_told_with_its_code() -> None:
    dunning = Dunning(policy=with_(retry_days=(1.0,))).opened()

    def taken_away() -> None:
        for method in list(dunning.payments.payment_methods(dunning.customer)):
            dunning.bench.ask("POST", f"/v1/payment_methods/{method['id']}/detach")

    dunning.points.append(("pay_invoice", "before", taken_away))

    dunning.play()

    assert told(dunning) == [(Outcome.FAILED, "resource_missing")]
    assert dunning.ours() == []


def test_a_try_that_the_provider_had_no_time_for_is_made_an_hour_later_and_counts_as_none() -> None:
    dunning = Dunning(faults=[("pay_invoice", Fault.THROTTLED)]).opened()
    dunning.play(until=lambda: bool(dunning.of_kind(Kind.CHARGE)))
    row = dunning.row

    assert told(dunning) == [(Outcome.WITHDRAWN, "throttled")]
    assert (row.next_ms, row.next_reason) == (dunning.now_ms() + SOON_MS, "provider_is_busy")
    assert row.busy_ms == 0
    assert dunning.facts().attempts == ()
    dunning.bench.clock.advance(seconds=HOUR_S)
    dunning.play(days=0.01)

    assert dunning.ending is Ending.RECOVERED


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
