"""A step: what is done at most once, what is found out afterwards, and what the ledger says of it."""

import pytest
from stemtide.dunning.decide import Ending
from stemtide.dunning.facts import Outcome
from stemtide.dunning.ledger import Kind
from stemtide.stepping import SOON_MS

from payments.in_memory import Fault
from tests.dunning_bench import LEASE_MS, Died, Dunning, collect_by_hand, dies, told, with_

HOUR_S = 3600


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
